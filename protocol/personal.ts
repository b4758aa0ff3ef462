import { inspect } from 'node:util';

const MASK = '[personal]';

/**
 * A value that tells who somebody is: an ID number, a name, a token.
 *
 * It cannot reach a log, a JSON document or a template string by accident: every way of turning it into text
 * gives `[personal]`. `reveal()` is the only way in, so a search for `.reveal(` lists every place that handles
 * personal data (PIPL art. 28: strict protection of whereabouts and health data).
 */
export class Personal<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Call it only where the value is sealed, hashed or compared. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
