import type { EventEmitter } from 'node:events';

/** What can be made safe at once, synchronously. */
export interface SafeOutput {
  safe(): void;
}

/** The part of `process` that is needed here. */
export type ProcessEvents = Pick<EventEmitter, 'on' | 'off'>;

/**
 * Makes every output safe when the process ends or crashes: on `exit`, on an uncaught exception and on an
 * unhandled rejection. The crash itself goes its usual way (stack on standard error, exit code 1), and what
 * cannot be caught (SIGKILL, a frozen loop) is left to `ExecStopPost` and the watchdog. Signals are for the main
 * program, whose orderly stop ends in `exit`.
 *
 * @returns takes the guard off again
 */
export function guardOutputs(outputs: readonly SafeOutput[], events: ProcessEvents = process): () => void {
  const makeSafe = () => {
    for (const output of outputs) {
      try {
        output.safe();
      } catch {
        // The next output still has to be made safe, and there is nobody left to tell.
      }
    }
  };
  const rejected = (reason: unknown) => {
    makeSafe();
    // Thrown from here it becomes an uncaught exception: a half-dead gate must not live on.
    throw reason;
  };
  events.on('exit', makeSafe);
  // The monitor runs before any handler of uncaughtException and leaves the crash as it is.
  events.on('uncaughtExceptionMonitor', makeSafe);
  events.on('unhandledRejection', rejected);
  return () => {
    events.off('exit', makeSafe);
    events.off('uncaughtExceptionMonitor', makeSafe);
    events.off('unhandledRejection', rejected);
  };
}
