import { columnsOf, cutTo, printable } from './columns.js';

/** How a piece of a line is set off. Never the only carrier of what it says: a terminal may show none of it. */
export type Ink = 'green' | 'yellow' | 'red' | 'bold' | 'faint';

export interface Span {
  readonly text: string;
  readonly ink?: Ink | undefined;
}

/** A line of a screen, from the left. */
export type Line = readonly Span[];

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export const span = (text: string, ink?: Ink): Span => ({ text: printable(text), ink });

export const line = (text: string, ink?: Ink): Line => [span(text, ink)];

export const textOf = (spans: Line): string => spans.map(({ text }) => text).join('');

export const lineColumns = (spans: Line): number =>
  spans.reduce((columns, { text }) => columns + columnsOf(text), 0);

/** The line, cut or filled up with spaces to exactly so many columns. */
export function fit(spans: Line, columns: number): Line {
  const kept: Span[] = [];
  let left = columns;
  for (const { text, ink } of spans) {
    const part = cutTo(text, left);
    if (part !== '') kept.push({ text: part, ink });
    left -= columnsOf(part);
    // What follows a piece that was cut stays out, even if it would fit.
    if (part !== text) break;
  }
  return left > 0 ? [...kept, { text: ' '.repeat(left) }] : kept;
}

/** Columns of lines side by side, each as wide as it says, with a separator in between. */
export function beside(
  parts: readonly { readonly lines: readonly Line[]; readonly columns: number }[],
  rows: number,
  separator: string,
): Line[] {
  return Array.from({ length: rows }, (_, row) =>
    parts.flatMap(({ lines, columns }, index) => [
      ...(index === 0 ? [] : [span(separator, 'faint')]),
      ...fit(lines[row] ?? [], columns),
    ]),
  );
}
