const KEPT = 20_000;
const SHOWN = 12;

/** What comes from the machine one after another, kept in order, so that a wait can begin in the past. */
export class Stream<T> {
  readonly #items: T[] = [];
  readonly #waiting = new Set<() => void>();
  #ended: Error | undefined;

  /** @param name what comes here, and @param show one of it, for the message of a wait in vain */
  constructor(
    private readonly name: string,
    private readonly show: (item: T) => string,
  ) {}

  get count(): number {
    return this.#items.length;
  }

  since(from: number): readonly T[] {
    return this.#items.slice(from);
  }

  add(item: T): void {
    if (this.#items.length >= KEPT) throw new Error(`more than ${KEPT} ${this.name}`);
    this.#items.push(item);
    this.#wake();
  }

  /** Nothing more will come: whoever waits is told why. */
  end(reason: Error): void {
    this.#ended ??= reason;
    this.#wake();
  }

  /**
   * The first one from `from` on that fits.
   * @throws Error with what was waited for and what came instead, after `withinMs` or when nothing more can come
   */
  async first(fits: (item: T) => boolean, what: string, from: number, withinMs: number): Promise<T> {
    const endMs = performance.now() + withinMs;
    for (;;) {
      const found = this.#items.slice(from).find(fits);
      if (found !== undefined) return found;
      if (this.#ended !== undefined) throw new Error(`no ${what}: ${this.#ended.message}`);
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw new Error(`no ${what} within ${withinMs} ms; ${this.#last(from)}`);
      await this.#next(leftMs);
    }
  }

  #last(from: number): string {
    const lines = this.#items.slice(Math.max(from, this.#items.length - SHOWN)).map(this.show);
    return lines.length === 0 ? `no ${this.name} came` : `the last ${this.name}:\n${lines.join('\n')}`;
  }

  #next(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
