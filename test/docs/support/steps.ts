import type { Block } from './markdown.js';

/**
 * What a reader does with a block, and what the page promises of it. Texts stand in backticks:
 *
 *   (nothing)                                        runs to its end, with exit code 0
 *   prints `A` and `B`                               the same, and says both
 *   repeated until it prints `A` and `B`             run again until it does: what it shows takes a moment to be there
 *   first stop all                                   Ctrl-C in all terminals first
 *   until `A`                                        goes on in a terminal of its own, where it says so
 *   until `A`, then Ctrl-C                           seen for a moment: its end is the matter of other tests
 *   typed into `P`, until `Q` says `A`               lines for the standard input of the terminal with P in its command
 */
export type Step =
  | {
      readonly kind: 'run';
      readonly script: string;
      readonly prints: readonly string[];
      readonly repeated: boolean;
      readonly stopsAll: boolean;
    }
  | { readonly kind: 'background'; readonly script: string; readonly ready: string; readonly left: boolean }
  | {
      readonly kind: 'typed';
      readonly lines: readonly string[];
      readonly into: string;
      readonly program: string;
      readonly says: string;
    };

const TEXT = '`([^`]+)`';
const PRINTS = /^(repeated until it )?prints (`[^`]+`(?: and `[^`]+`)*)$/;
const UNTIL = new RegExp(`^until ${TEXT}(, then Ctrl-C)?$`);
const TYPED = new RegExp(`^typed into ${TEXT}, until ${TEXT} says ${TEXT}$`);

const quoted = (words: string): string[] => [...words.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);

/** The step of a block; undefined for one that is there to be read. @throws Error for a directive that means nothing */
export function stepOf({ language, text, directive = '', line }: Block): Step | undefined {
  const typed = TYPED.exec(directive);
  if (typed !== null) {
    const [, into = '', program = '', says = ''] = typed;
    return { kind: 'typed', lines: text.split('\n'), into, program, says };
  }
  if (language !== 'sh') {
    if (directive === '') return undefined;
    throw new Error(`line ${line}: "${directive}" does not fit a block that is not sh`);
  }
  const [, ready, left] = UNTIL.exec(directive) ?? [];
  if (ready !== undefined) return { kind: 'background', script: text, ready, left: left !== undefined };
  const plain = { kind: 'run', script: text, prints: [], repeated: false, stopsAll: false } as const;
  if (directive === '') return plain;
  if (directive === 'first stop all') return { ...plain, stopsAll: true };
  const [, repeated, words] = PRINTS.exec(directive) ?? [];
  if (words === undefined) throw new Error(`line ${line}: "${directive}" means nothing`);
  return { ...plain, prints: quoted(words), repeated: repeated !== undefined };
}
