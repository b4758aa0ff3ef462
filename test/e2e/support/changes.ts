/** Longer than anything takes on a machine with ten times the work it can do; only a failing test waits so long. */
export const DEADLINE_MS = 60_000;
/** The net under notifications that a system may lose. */
const LOOK_EVERY_MS = 100;

/** Lets a test wait for what another process does: it looks when something has changed, and not all the time. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  happened(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Resolves with the first thing that `look` finds.
   * @param what for the error message: what was waited for
   */
  async until<T>(
    look: () => T | undefined | false,
    what: () => string,
    withinMs: number = DEADLINE_MS,
  ): Promise<T> {
    const endMs = performance.now() + withinMs;
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms in vain for ${what()}`);
      await this.#next();
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, LOOK_EVERY_MS);
      this.#waiting.add(wake);
    });
  }
}
