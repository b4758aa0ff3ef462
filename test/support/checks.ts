/** Where tests are put. */
export interface Tests {
  test(name: string, body: (t: Checks) => Promise<void>): Promise<unknown>;
}

/**
 * What a contract needs of a test: tap's own `Test` fits, and so does the printer below, for programs that run on a board
 * where tap is not installed.
 */
export interface Checks {
  teardown(work: () => unknown): unknown;
  ok(value: unknown, ...message: Message): unknown;
  equal(found: unknown, wanted: unknown, ...message: Message): unknown;
  same(found: unknown, wanted: unknown, ...message: Message): unknown;
  throws(work: () => unknown, wanted: { readonly code: string }, ...message: Message): unknown;
  rejects(
    work: () => Promise<unknown>,
    wanted: { readonly code: string },
    ...message: Message
  ): Promise<unknown>;
}

type Message = [] | [string];

const codeIn = (thrown: unknown) =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : String(thrown);

/** One test of a program on a board. */
class PrintedTest implements Checks {
  readonly failures: string[] = [];
  readonly #teardowns: (() => unknown)[] = [];

  teardown(work: () => unknown): void {
    this.#teardowns.push(work);
  }

  async tearDown(): Promise<void> {
    for (const work of this.#teardowns.reverse()) await work();
  }

  ok(value: unknown, message = 'a true value'): void {
    if (!value) this.failures.push(message);
  }

  equal(found: unknown, wanted: unknown, message = ''): void {
    if (!Object.is(found, wanted))
      this.failures.push(`${message} found ${String(found)}, wanted ${String(wanted)}`);
  }

  same(found: unknown, wanted: unknown, message = ''): void {
    this.equal(JSON.stringify(found), JSON.stringify(wanted), message);
  }

  throws(work: () => unknown, { code }: { readonly code: string }, message = ''): void {
    try {
      work();
      this.failures.push(`${message} nothing was thrown, wanted ${code}`);
    } catch (thrown) {
      this.equal(codeIn(thrown), code, message);
    }
  }

  async rejects(
    work: () => Promise<unknown>,
    { code }: { readonly code: string },
    message = '',
  ): Promise<void> {
    await work().then(
      () => this.failures.push(`${message} nothing was thrown, wanted ${code}`),
      (thrown) => this.equal(codeIn(thrown), code, message),
    );
  }
}

/** Runs tests and prints TAP version 13: one line a test, what failed behind it. */
export class TapPrinter implements Tests {
  #count = 0;
  #failed = 0;

  constructor(private readonly print: (line: string) => void) {
    print('TAP version 13');
  }

  async test(name: string, body: (t: Checks) => Promise<void>): Promise<void> {
    const t = new PrintedTest();
    try {
      await body(t);
    } catch (thrown) {
      t.failures.push(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    }
    await t.tearDown().catch((thrown) => t.failures.push(`teardown: ${thrown}`));
    this.#count++;
    if (t.failures.length > 0) this.#failed++;
    this.print(`${t.failures.length > 0 ? 'not ok' : 'ok'} ${this.#count} - ${name}`);
    for (const line of t.failures.join('\n').split('\n')) if (line !== '') this.print(`# ${line}`);
  }

  /** Prints the plan. @returns whether every test passed */
  end(): boolean {
    this.print(`1..${this.#count}`);
    return this.#failed === 0;
  }
}
