import { type Ink, type Line, lineColumns, type Size } from './line.js';

/** Control sequences of ECMA-48, 8.3: CUP, ED, EL, SGR. */
const CSI = '\u001b[';
const SGR: Readonly<Record<Ink, string>> = { green: '32', yellow: '33', red: '31', bold: '1', faint: '2' };

function paint(line: Line, inColor: boolean): string {
  return line
    .map(({ text, ink }) => (inColor && ink !== undefined ? `${CSI}${SGR[ink]}m${text}${CSI}0m` : text))
    .join('');
}

/**
 * Brings a terminal from one picture to the next by writing the lines that changed, and no others: over a slow
 * connection a lamp that goes on costs some eighty bytes and not a whole screen.
 */
export class Renderer {
  #shown: string[] = [];
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
      const line = lines[row] ?? [];
      const painted = paint(line, this.inColor);
      if (painted === (this.#shown[row] ?? '')) continue;
      this.#shown[row] = painted;
      // Behind a line as wide as the screen there is nothing to erase, and some terminals would erase its end.
      const rest = lineColumns(line) < columns ? `${CSI}K` : '';
      bytes += `${CSI}${row + 1};1H${painted}${rest}`;
    }
    return bytes;
  }
}
