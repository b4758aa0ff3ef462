import { type Ink, type Line, lineColumns, type Size, type Span } from './line.js';

/** Control sequences of ECMA-48, 8.3: CUP, ED, EL, SGR. */
const CSI = '\u001b[';
const SGR: Readonly<Record<Ink, string>> = { green: '32', yellow: '33', red: '31', bold: '1', faint: '2' };

function paint(line: Line, inColor: boolean): string {
  return line
    .map(({ text, ink }) => (inColor && ink !== undefined ? `${CSI}${SGR[ink]}m${text}${CSI}0m` : text))
    .join('');
}

const same = (a: Span | undefined, b: Span | undefined): boolean => a?.text === b?.text && a?.ink === b?.ink;

/** How many pieces at the beginning of both are the same; how many at the end, of those that are left. */
function sameEnds(was: Line, is: Line): { readonly first: number; readonly last: number } {
  const most = Math.min(was.length, is.length);
  let first = 0;
  while (first < most && same(was[first], is[first])) first += 1;
  let last = 0;
  // Pieces at the end stand where they stood only if the lines are equally wide.
  if (lineColumns(was) !== lineColumns(is)) return { first, last };
  while (last < most - first && same(was.at(-1 - last), is.at(-1 - last))) last += 1;
  return { first, last };
}

/**
 * Brings a terminal from one picture to the next by writing the pieces of lines that changed, and nothing else: over a
 * slow connection a lamp that goes on costs some forty bytes and not a whole screen.
 */
export class Renderer {
  #shown: Line[] = [];
  #isBlank = false;

  constructor(private readonly inColor: boolean) {}

  /** What was shown is gone or unknown: the next picture is written whole. */
  forget(): void {
    this.#shown = [];
    this.#isBlank = false;
  }

  /** What to write so that the terminal shows these lines; empty when it does already. Longer pictures are cut. */
  update(lines: readonly Line[], { columns, rows }: Size): string {
    let bytes = this.#isBlank ? '' : `${CSI}0m${CSI}2J`;
    this.#isBlank = true;
    for (let row = 0; row < rows; row++) {
      const is = (lines[row] ?? []).filter(({ text }) => text !== '');
      bytes += this.#change(row, this.#shown[row] ?? [], is, columns);
      this.#shown[row] = is;
    }
    return bytes;
  }

  #change(row: number, was: Line, is: Line, columns: number): string {
    const { first, last } = sameEnds(was, is);
    if (first === is.length && first === was.length) return '';
    const from = lineColumns(is.slice(0, first)) + 1;
    const changed = paint(is.slice(first, is.length - last), this.inColor);
    // Behind a line as wide as the screen there is nothing to erase, and some terminals would erase its end.
    const rest = last === 0 && lineColumns(is) < columns ? `${CSI}K` : '';
    return `${CSI}${row + 1};${from}H${changed}${rest}`;
  }
}
