import type { LineAt } from './gpio.js';

/** The back-ends of a real board. `auto:` takes what `chooseInterface` finds. */
export const BOARD_BACKENDS = ['auto:', 'sysfs:', 'gpiochip:'] as const;

export interface GpioSettings {
  /** `sim:DIR` or one of `BOARD_BACKENDS`. */
  readonly backend: string;
  /** Where the named lines are; not needed for `sim:`. */
  readonly lines: Readonly<Record<string, LineAt>>;
}
