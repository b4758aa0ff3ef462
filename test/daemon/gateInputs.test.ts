import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../support/waiting.js';
import { CARD, Street } from './street.js';

const INPUTS = { help: 'help', fire: { line: 'fire', activeLow: true }, passage: 'passage', door: 'door' };

/** As an installer's cable would: the file of a `sim:` line is replaced. */
function set(street: Street, line: string, level: 0 | 1): void {
  const folder = join(street.folder, 'gpio');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `.${line}.test`), String(level));
  renameSync(join(folder, `.${line}.test`), join(folder, line));
}

async function begun(t: Parameters<typeof Street.build>[0], levels: Readonly<Record<string, 0 | 1>>) {
  const street = await Street.build(t, { inputs: INPUTS });
  for (const [line, level] of Object.entries(levels)) set(street, line, level);
  await street.provision();
  street.central.connect();
  await street.start();
  return street;
}

t.test(
  'a fire contact that is active at the start holds the gate from then on; a stop lets it go',
  async (t) => {
    // Closed at rest: 0 is a fire, or a wire that is cut.
    const street = await begun(t, { fire: 0 });
    t.equal(street.level('gate'), '1');
    t.equal(street.level('green'), '1');
    await until(
      () => street.lines.some((line) => /state=alert because=fire\.active/.test(line)),
      'the state',
    );
    street.sam.module.put(CARD);
    await street.decided();
    t.match(
      street.lines.find((line) => / tap tap=/.test(line)),
      /reasons="fire\.active,health\.green" action=open/,
    );
    await street.stop();
    t.equal(street.level('gate'), '0');
    t.same(
      street.edges('gate').map(({ value }) => value),
      [1, 0],
      'held all the time: no pulse for the card, and no gap',
    );
  },
);

t.test('the fire is over: the gate is let go, and all is recorded', async (t) => {
  const street = await begun(t, { fire: 0 });
  set(street, 'fire', 1);
  await until(() => street.level('gate') === '0', 'the end of the hold');
  t.equal(street.level('green'), '0');
  await until(() => street.lines.some((line) => /warn +alarm alarm=fire\.over/.test(line)), 'the alarm');
  await until(() => street.lines.some((line) => /state=ready/.test(line)), 'the state');
  await street.stop();
});

t.test('a door that stands open at the start is no break-in', async (t) => {
  const street = await begun(t, { fire: 1, door: 1 });
  t.equal(street.level('staff'), '0');
  set(street, 'door', 0);
  set(street, 'help', 1);
  await until(() => street.level('staff') === '1', 'staff to be called');
  t.match(
    street.lines.filter((line) => / alarm alarm=/.test(line)).map((line) => / alarm=(\S+)/.exec(line)?.[1]),
    ['help.pressed'],
  );
  await street.stop();
});
