/** Ends one thing; may fail. */
export type Close = () => void | Promise<void>;

/** Closes all at once, also beside one that fails. @throws the first failure, at the end */
export async function closeTogether(closers: readonly Close[]): Promise<void> {
  const ended = await Promise.allSettled(closers.map(async (close) => close()));
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** What was opened, so that it is closed in the other order: at a stop, and when a start fails half-way. */
export class Opened {
  readonly #closers: Close[] = [];

  add(close: Close): void {
    this.#closers.push(close);
  }

  /** Closes one after another, also behind one that fails. @throws the first failure, at the end */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
