import { liveDay } from '../liveDay.js';

const keep = process.argv.includes('--keep');

process.on('message', (seed: number) => {
  liveDay(seed, { keep })
    .then((result) => process.send?.(result))
    .catch((thrown: unknown) => {
      process.stderr.write(`${thrown instanceof Error ? thrown.stack : thrown}\n`);
      process.exit(1);
    });
});

// Who asked is gone: nobody waits for this day any more.
process.on('disconnect', () => process.exit());
