/** What a run prints: TAP, with the figures of each scenario as comments. */
export class Report {
  #number = 0;
  #failed = 0;

  constructor(private readonly write: (line: string) => void) {}

  get failed(): number {
    return this.#failed;
  }

  plan(count: number): void {
    this.write('TAP version 14');
    this.write(`1..${count}`);
  }

  /** Something measured, or worth to be known. */
  note(words: string): void {
    this.write(`# ${words}`);
  }

  /** One that ended well, or with an error. */
  result(title: string, tookMs: number, thrown?: unknown): void {
    this.#number += 1;
    const time = `# time=${tookMs.toFixed(0)}ms`;
    if (thrown === undefined) {
      this.write(`ok ${this.#number} - ${title} ${time}`);
      return;
    }
    this.#failed += 1;
    this.write(`not ok ${this.#number} - ${title} ${time}`);
    this.write('  ---');
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    for (const line of text.split('\n')) this.write(`  ${line}`);
    this.write('  ...');
  }
}

export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
