import { errorLine, loadConfig } from '../../daemon/config/config.js';
import { startGate } from '../../daemon/main.js';
import { LOG_LEVELS, type LogLevel, standardErrorLog } from '../../platform/log.js';
import { messageOf } from '../../protocol/errors.js';
import { type Command, EXIT, parseCommandLine, required, toPeople, UsageError } from './command.js';

/** A stop that takes longer is cut off: the outputs have long been safe by then. */
const STOP_WITHIN_MS = 1_800;

const isLogLevel = (word: string): word is LogLevel => (LOG_LEVELS as readonly string[]).includes(word);

/** Waits for SIGTERM or SIGINT, and keeps the process alive until then, whatever else has nothing to do. */
function untilSignal(): { readonly signal: Promise<NodeJS.Signals>; release(): void } {
  const alive = setInterval(() => {}, 3_600_000);
  const release = () => clearInterval(alive);
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.once(name, () => {
        release();
        resolve(name);
      });
    }
  });
  return { signal, release };
}

export const runCommand: Command = {
  name: 'run',
  summary: 'the gate daemon',
  help: `usage: cardpad run --config FILE [--log-level debug|info|warn|error]

Runs the gate until SIGTERM or SIGINT: outputs go to their safe level first and last.

  --config FILE       the configuration; \`cardpad config check FILE\` says whether it is right
  --log-level LEVEL   the least important lines that are written to standard error (default info)

example: cardpad run --config /etc/cardpad/config.json`,
  async run(argv) {
    const { values } = parseCommandLine(argv, {
      config: { type: 'string' },
      'log-level': { type: 'string' },
    });
    const file = required(values.config, '--config');
    const level = values['log-level'] ?? 'info';
    if (!isLogLevel(level)) throw new UsageError(`--log-level is one of ${LOG_LEVELS.join(', ')}`);
    const result = await loadConfig(file);
    if (!result.ok) {
      for (const error of result.errors) toPeople(errorLine(error));
      toPeople(`cardpad run: ${file} is not a right configuration; nothing was started`);
      return EXIT.no;
    }
    const { signal, release } = untilSignal();
    const log = standardErrorLog(level);
    const gate = await startGate(result.config, { log }).catch((thrown) => {
      release();
      throw thrown;
    });
    log.info('stopping', { signal: await signal });
    const late = setTimeout(() => {
      log.error('the stop took too long');
      process.exit(EXIT.no);
    }, STOP_WITHIN_MS);
    late.unref();
    await gate.stop().catch((thrown) => {
      log.error('the stop failed', { problem: messageOf(thrown) });
      process.exitCode = EXIT.no;
    });
    // Whatever still holds the loop (a resolver, a slow close) has nothing left to do.
    process.exit(process.exitCode ?? EXIT.done);
  },
};
