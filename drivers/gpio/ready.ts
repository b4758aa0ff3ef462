import type { Clock } from '../../platform/clock.js';
import { CardpadError, codeOf, messageOf } from '../../protocol/errors.js';

/** How long lines that may still come are waited for. */
export interface Patience {
  readonly withinMs: number;
  /** Told once, when it takes longer than is usual, with what is waited for. */
  readonly onSlow?: (problem: CardpadError) => void;
}

/** For who has a person or a service manager waiting. */
export const BRIEF: Patience = { withinMs: 3000 };
/** udev has given a new line to its group, and the helper of a killed gate has let go of its own. */
const USUAL_MS = 3000;
const TRY_EVERY_MS = 50;

const wait = (clock: Clock, ms: number) =>
  new Promise<void>((resolve) => {
    clock.schedule(ms, resolve);
  });

/** Tries until it works. @throws what the last try threw, as soon as that is no `retry`, or when the time is over */
export type UntilReady = <T>(attempt: () => T | Promise<T>) => Promise<T>;

/** One span of time for all lines of a gate, from now on. */
export function patiently(clock: Clock, { withinMs, onSlow }: Patience): UntilReady {
  const beganMs = clock.monotonicMs();
  let isTold = false;
  return async (attempt) => {
    for (;;) {
      try {
        return await attempt();
      } catch (thrown) {
        const isPassing = thrown instanceof CardpadError && thrown.disposition === 'retry';
        const tookMs = clock.monotonicMs() - beganMs;
        if (!isPassing || tookMs >= withinMs) throw thrown;
        if (tookMs >= USUAL_MS && !isTold) {
          isTold = true;
          onSlow?.(thrown);
        }
      }
      await wait(clock, TRY_EVERY_MS);
    }
  };
}

/** A line that cannot be had, by what the system said (errno(3)). */
export function cannotOpen(line: string, thrown: unknown): CardpadError {
  const code = codeOf(thrown) ?? '';
  const cause = { cause: thrown };
  if (code === 'EBUSY') {
    return new CardpadError('gpio.line-busy', 'retry', `Line ${line} is used by another program.`, {
      help: '`gpioinfo` and /sys/kernel/debug/gpio say by which one. A line that sysfs has exported counts as used.',
      ...cause,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new CardpadError('gpio.denied', 'retry', `Line ${line} may not be used by this user.`, {
      help: 'Add the user to the group gpio and install the udev rule that gives lines to that group.',
      ...cause,
    });
  }
  if (code === 'EROFS') {
    return new CardpadError('gpio.denied', 'fatal', `Line ${line}: /sys is read-only here.`, {
      help: 'A service with ProtectKernelTunables=yes cannot use sysfs: take that out of its unit.',
      ...cause,
    });
  }
  return new CardpadError(
    'gpio.open-failed',
    'fatal',
    `Line ${line} cannot be opened: ${messageOf(thrown)}.`,
    {
      help: 'Check chip and offset of this line in gpio.lines, and that the line can be used for this.',
      ...cause,
    },
  );
}

export function cannotWrite(line: string, cause: unknown): CardpadError {
  return new CardpadError('gpio.write-failed', 'retry', `Line ${line} cannot be set: ${messageOf(cause)}.`, {
    help: 'Is the chip still there? `gpiodetect` lists the chips; the kernel log (`dmesg`) says what happened.',
    cause,
  });
}

export function cannotRead(line: string, cause: unknown): CardpadError {
  return new CardpadError('gpio.read-failed', 'retry', `Line ${line} cannot be read: ${messageOf(cause)}.`, {
    help: 'Is the chip still there? `gpiodetect` lists the chips; the kernel log (`dmesg`) says what happened.',
    cause,
  });
}
