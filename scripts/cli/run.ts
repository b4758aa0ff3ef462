import { errorLine, loadConfig } from '../../daemon/config/config.js';
import { startGate } from '../../daemon/main.js';
import { machineWorld } from '../../daemon/world.js';
import { systemClock } from '../../platform/clock.js';
import { serviceManager } from '../../platform/systemd/notify.js';
import { CardpadError, codeOf, messageOf } from '../../protocol/errors.js';
import { type Command, EXIT, toPeople } from './command.js';
import { endNow } from './ending.js';
import { logLevel, noMorePositionals, parseCommandLine, required, untilSignal } from './options.js';
import { programLog } from './programLog.js';

/** A stop that takes longer is cut off: the outputs have long been safe by then. */
const STOP_WITHIN_MS = 1_800;

export const runCommand: Command = {
  name: 'run',
  summary: 'the gate daemon',
  help: `usage: cardpad run --config FILE [--log-level debug|info|warn|error]

Runs the gate until SIGTERM or SIGINT: outputs go to their safe level first and last.

  --config FILE       the configuration; \`cardpad config check FILE\` says whether it is right
  --log-level LEVEL   the least important lines that are written to standard error (default info);
                      SIGUSR2 turns debug lines on, and off again

example: cardpad run --config /etc/cardpad/config.json`,
  results: 'none',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      config: { type: 'string' },
      'log-level': { type: 'string' },
    });
    noMorePositionals(positionals);
    const file = required(values.config, '--config');
    const level = logLevel(values['log-level']);
    const result = await loadConfig(file);
    if (!result.ok) {
      for (const error of result.errors) toPeople(errorLine(error));
      toPeople(`cardpad run: ${file} is not a right configuration; nothing was started`);
      toPeople(`Correct the lines above, until this says ok: cardpad config check ${file}`);
      return EXIT.no;
    }
    const { signal, release } = untilSignal();
    const log = await programLog(level);
    let status = () => 'starting';
    const manager = await serviceManager({
      environment: process.env,
      clock: systemClock,
      log: log.named('systemd'),
      status: () => status(),
    });
    const gate = await startGate(result.config, machineWorld(result.config, log)).catch((thrown) => {
      release();
      throw thrown;
    });
    status = () => gate.status;
    manager.ready();
    const why = await Promise.race([signal, gate.failure]);
    if (typeof why === 'string') log.info('stopping', { signal: why });
    else {
      process.exitCode = EXIT.no;
      log.error('stopping', { problem: codeOf(why) ?? messageOf(why) });
      toPeople(`cardpad run: ${messageOf(why)}`);
      if (why instanceof CardpadError && why.help !== undefined) toPeople(why.help);
    }
    manager.stopping();
    const late = setTimeout(() => {
      log.error('the stop took too long');
      endNow(EXIT.no);
    }, STOP_WITHIN_MS);
    late.unref();
    await gate.stop().catch((thrown) => {
      log.error('the stop failed', { problem: messageOf(thrown) });
      process.exitCode = EXIT.no;
    });
    endNow(Number(process.exitCode ?? EXIT.done), typeof why === 'string' ? why : undefined);
  },
};
