/** What of a tap test the parts of an end-to-end test need, for a program that is no test. */
export class Scope {
  readonly #calls: (() => unknown)[] = [];

  teardown(call: () => unknown): void {
    this.#calls.unshift(call);
  }

  /** Ends what was begun, the newest first. */
  async end(): Promise<void> {
    for (const call of this.#calls.splice(0)) await call();
  }
}
