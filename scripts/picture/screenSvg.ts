import { columnsOf } from '../screen/columns.js';
import type { Size } from '../screen/line.js';

/** How a run of characters looks. */
interface Style {
  readonly color: string;
  readonly bold: boolean;
}

/** Characters side by side that look alike and are all of one width. */
interface Run extends Style {
  readonly text: string;
  readonly row: number;
  /** The first of the columns that it takes, from 0. */
  readonly column: number;
  readonly columns: number;
}

export interface PictureWords {
  readonly title: string;
  /** What can be seen, for who does not see it. */
  readonly description: string;
}

const CELL = { width: 8.5, height: 18 };
/** From the top of a row to the line that its letters stand on. */
const BASELINE = 13.5;
const MARGIN = 16;
const GROUND = '#10161d';
const PLAIN = '#d5dde5';
/** Each at least 4.5 : 1 against the ground (WCAG 2.1, 1.4.3). */
const FAINT = '#8a97a5';
/** SGR 30 to 37, of ECMA-48, 8.3.117. */
const COLORS = ['#8a97a5', '#ff7b72', '#4fd37a', '#f2c14e', '#79b8ff', '#d2a8ff', '#56d4dd', PLAIN];
const DEFAULT: Sgr = { bold: false, faint: false, color: undefined };

/** What the escape sequences so far have switched on. */
interface Sgr {
  readonly bold: boolean;
  readonly faint: boolean;
  readonly color: string | undefined;
}

function afterParameter(sgr: Sgr, parameter: number): Sgr {
  if (parameter === 0) return DEFAULT;
  if (parameter === 1) return { ...sgr, bold: true };
  if (parameter === 2) return { ...sgr, faint: true };
  if (parameter === 22) return { ...sgr, bold: false, faint: false };
  if (parameter === 39) return { ...sgr, color: undefined };
  if (parameter >= 30 && parameter <= 37) return { ...sgr, color: COLORS[parameter - 30] };
  return sgr;
}

const afterSequence = (sgr: Sgr, parameters: string): Sgr =>
  parameters.split(';').map(Number).reduce(afterParameter, sgr);

const styleOf = ({ bold, faint, color }: Sgr): Style => ({ bold, color: color ?? (faint ? FAINT : PLAIN) });

/** SGR with its parameters, any other sequence of a terminal, or one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const PIECE = /\u001b\[([\d;]*)m|\u001b(?:\[[\d;?]*[A-Za-z]|[()].)|(.)/gsu;

/** The runs of one line, cut where the look or the width of a character changes. A look goes on in the next line. */
function runsOf(line: string, row: number, from: Sgr): { readonly runs: Run[]; readonly sgr: Sgr } {
  const runs: Run[] = [];
  let sgr = from;
  let column = 0;
  for (const [, parameters, character] of line.matchAll(PIECE)) {
    if (parameters !== undefined) sgr = afterSequence(sgr, parameters);
    if (character === undefined) continue;
    const style = styleOf(sgr);
    const columns = columnsOf(character);
    const last = runs.at(-1);
    const joins =
      last !== undefined &&
      last.color === style.color &&
      last.bold === style.bold &&
      (columns === 0 || last.columns === columns * [...last.text].length);
    if (joins)
      runs[runs.length - 1] = { ...last, text: last.text + character, columns: last.columns + columns };
    else runs.push({ ...style, text: character, row, column, columns });
    column += columns;
  }
  return { runs, sgr };
}

/** The words of a run, each at its own column: what shows an SVG may make one space of many. */
function words(run: Run): Run[] {
  return [...run.text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: text, index }) => ({
    ...run,
    text,
    column: run.column + columnsOf(run.text.slice(0, index)),
    columns: columnsOf(text),
  }));
}

/** What stands on a screen and where. @param screen lines with their escape sequences for colors */
export function screenRuns(screen: string): Run[] {
  let sgr = DEFAULT;
  return screen.split('\n').flatMap((line, row) => {
    const found = runsOf(line, row, sgr);
    sgr = found.sgr;
    return found.runs.flatMap(words);
  });
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const rounded = (value: number): number => Math.round(value * 100) / 100;

/** The length is given, so that a column stays one in whatever font there is. */
function textElement({ text, row, column, columns, color, bold }: Run): string {
  const x = rounded(MARGIN + column * CELL.width);
  const y = rounded(MARGIN + row * CELL.height + BASELINE);
  const look = `${color === PLAIN ? '' : ` fill="${color}"`}${bold ? ' font-weight="bold"' : ''}`;
  const length = rounded(columns * CELL.width);
  return `<text x="${x}" y="${y}" textLength="${length}"${look}>${escaped(text)}</text>`;
}

/**
 * A terminal's screen as an SVG document on a ground of its own, so that it reads the same on light and dark pages.
 * @param screen its lines, with escape sequences (SGR) for bold, faint and the eight colors; others are left out
 */
export function screenSvg(screen: string, { columns, rows }: Size, words: PictureWords): string {
  const width = rounded(columns * CELL.width + 2 * MARGIN);
  const height = rounded(rows * CELL.height + 2 * MARGIN);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc"`,
    `     font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace" font-size="14" fill="${PLAIN}">`,
    `  <title id="title">${escaped(words.title)}</title>`,
    `  <desc id="desc">${escaped(words.description)}</desc>`,
    `  <rect width="${width}" height="${height}" rx="8" fill="${GROUND}"/>`,
    ...screenRuns(screen)
      .filter(({ row }) => row < rows)
      .map((run) => `  ${textElement(run)}`),
    '</svg>',
  ].join('\n')}\n`;
}
