/**
 * What the caller of a failed operation does next.
 *
 * - `retry`: the same operation may succeed later, unchanged.
 * - `reconnect`: the channel under it is gone; open it again first.
 * - `reject`: this input is bad and stays bad; count it, drop it, go on.
 * - `fatal`: the program cannot do its work; stop with a message that says what to do.
 */
export type Disposition = 'retry' | 'reconnect' | 'reject' | 'fatal';

export interface CardpadErrorOptions {
  /** What a person can do about it, as a full sentence. */
  readonly help?: string;
  readonly cause?: unknown;
}

/** The one error type of cardpad: a stable dotted code for programs, a sentence for people. */
export class CardpadError extends Error {
  override readonly name = 'CardpadError';
  readonly help: string | undefined;

  /**
   * @param code stable and dotted, such as `port.refused`; never holds personal data
   * @param disposition what the caller does next
   * @param message one sentence for people; never holds personal data
   * @param options `fatal` ends what a person began, and so says what that person can do
   */
  constructor(
    code: string,
    disposition: 'fatal',
    message: string,
    options: CardpadErrorOptions & { readonly help: string },
  );
  constructor(
    code: string,
    disposition: Exclude<Disposition, 'fatal'>,
    message: string,
    options?: CardpadErrorOptions,
  );
  constructor(
    readonly code: string,
    readonly disposition: Disposition,
    message: string,
    options: CardpadErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.help = options.help;
  }
}

/** The message of anything thrown, for a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a CardpadError or of a Node system error (`ENOENT`), or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
