/** What a run of the board has opened, and closes in the reverse order. Stands in for a tap test in what it shares. */
export class Scope {
  readonly #closers: (() => unknown)[] = [];

  teardown(call: () => unknown): void {
    this.#closers.push(call);
  }

  /** Nothing here uses one. */
  testdir(): string {
    throw new Error('the board has a folder of its own');
  }

  async close(): Promise<void> {
    for (let call = this.#closers.pop(); call !== undefined; call = this.#closers.pop()) await call();
  }
}
