import { names } from '../../platform/lookup.js';
import { EXIT } from './command.js';

/**
 * Ends the process now, whatever still holds the loop. Node waits at an exit for every thread of libuv, and the one
 * that looks up a name cannot be called back: a name server that is silent would hold up a stop for minutes. Then the
 * process ends by the signal that asked for it, which systemd takes for a clean end (systemd.service(5),
 * SuccessExitStatus); after a failure by SIGKILL.
 * @param asked the name of the signal that asked for the end, if one did
 */
export function endNow(code: number, asked = 'SIGKILL'): never {
  // Behind whatever makes the outputs safe at an exit.
  if (names.pending) {
    process.once('exit', () => process.kill(process.pid, code === EXIT.done ? asked : 'SIGKILL'));
  }
  process.exit(code);
}
