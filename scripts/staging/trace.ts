import { GpioFolder, type LevelChange } from '../screen/gpioFolder.js';

const OUTCOME_LAMPS: ReadonlySet<string> = new Set(['green', 'yellow', 'red', 'white']);

/** Waits for the outcome lamps of a `sim:` GPIO, with the times at which they were lit. */
export class Trace {
  readonly #lamps: LevelChange[] = [];
  readonly #gpio: GpioFolder;
  #onLamp = () => {};

  /** @param folder the lines' */
  constructor(folder: string) {
    this.#gpio = new GpioFolder(folder, (change) => {
      if (change.value !== 1 || !OUTCOME_LAMPS.has(change.line)) return;
      this.#lamps.push(change);
      this.#onLamp();
    });
  }

  /**
   * When the first outcome lamp was lit after a moment; undefined when none was within `withinMs`.
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
