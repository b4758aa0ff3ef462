import { type Ink, type Line, span } from './line.js';

export interface PictureOptions {
  /** Characters beyond ASCII may be used. */
  readonly unicode: boolean;
}

interface Lamp {
  readonly ink: Ink;
  readonly shape: string;
  readonly plainShape: string;
  readonly word: string;
}

/** Lamps have a shape and a word beside their color: colour alone would tell nothing to one man in twelve. */
const LAMPS: Readonly<Record<string, Lamp>> = {
  green: { ink: 'green', shape: '✓', plainShape: 'v', word: 'tick' },
  yellow: { ink: 'yellow', shape: '!', plainShape: '!', word: 'wait' },
  red: { ink: 'red', shape: '✗', plainShape: 'x', word: 'cross' },
  white: { ink: 'bold', shape: 'i', plainShape: 'i', word: 'person' },
};
const NAME_COLUMNS = 7;

/** What a line that is on or off is called. */
export function stateWord(line: string, on: boolean): string {
  if (line === 'gate') return on ? 'OPEN' : 'shut';
  if (line in LAMPS) return on ? 'LIT' : 'dark';
  if (line === 'buzzer') return on ? 'sounds' : 'silent';
  if (line === 'staff') return on ? 'called' : 'not called';
  return on ? 'on' : 'off';
}

/** One line of a gate as a picture, at most 24 columns wide. */
export function drawLine(name: string, on: boolean, { unicode }: PictureOptions): Line {
  const label = span(`${name.padEnd(NAME_COLUMNS)} `);
  const word = stateWord(name, on);
  if (name === 'gate') {
    return [label, span(on ? '|     | ' : '|=====| ', 'bold'), span(word, on ? 'bold' : undefined)];
  }
  const lamp = LAMPS[name];
  if (lamp === undefined) return [label, span(word, on ? 'bold' : 'faint')];
  const shape = unicode ? lamp.shape : lamp.plainShape;
  return on
    ? [label, span(`((${shape})) ${word.padEnd(4)} `, lamp.ink), span(lamp.word, lamp.ink)]
    : [label, span(` (${shape})  ${word}`, 'faint')];
}
