import { GpioFolder, type LevelChange } from '../screen/gpioFolder.js';

const OUTCOME_LAMPS: ReadonlySet<string> = new Set(['green', 'yellow', 'red', 'white']);

/** Waits for lines of a `sim:` GPIO to be switched on, mostly its outcome lamps, with the times at which they were. */
export class Trace {
  readonly #lamps: LevelChange[] = [];
  readonly #gpio: GpioFolder;
  #onLamp = () => {};

  /**
   * @param folder the lines'
   * @param lines those that are waited for, by name
   */
  constructor(folder: string, lines: ReadonlySet<string> = OUTCOME_LAMPS) {
    this.#gpio = new GpioFolder(folder, (change) => {
      if (change.value !== 1 || !lines.has(change.line)) return;
      this.#lamps.push(change);
      this.#onLamp();
    });
  }

  /**
   * When the first of the lines was switched on after a moment; undefined when none was within `withinMs`.
   * @param from gives the moment, in nanoseconds of the monotonic clock, or undefined while it has not come yet
   */
  outcomeAfter(from: () => bigint | undefined, withinMs: number): Promise<bigint | undefined> {
    return new Promise((resolve) => {
      const end = (ns: bigint | undefined) => {
        clearTimeout(timer);
        this.#onLamp = () => {};
        this.#lamps.length = 0;
        resolve(ns);
      };
      const timer = setTimeout(end, withinMs, undefined);
      this.#onLamp = () => {
        const fromNs = from();
        const lamp = this.#lamps.find(({ ns }) => fromNs !== undefined && ns >= fromNs);
        if (lamp !== undefined) end(lamp.ns);
      };
      this.#onLamp();
    });
  }

  async close(): Promise<void> {
    this.#gpio.close();
  }
}
