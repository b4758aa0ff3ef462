import { SIGNALS, type SignalName } from '../../../daemon/lane/signals.js';
import { columnsOf, cutTo } from '../../screen/columns.js';
import { drawLine } from '../../screen/gatePicture.js';
import { beside, fit, type Ink, type Line, line, type Size, span } from '../../screen/line.js';
import type { Visit } from './happenings.js';
import type { KnownTap, LaneModel, SeenMessage } from './model.js';

/** The least that a picture fits into: the screen of a VT100, which every terminal and every slow line has. */
export const LEAST: Size = { columns: 80, rows: 24 };

export interface ViewOptions {
  /** Characters beyond ASCII may be used. */
  readonly unicode: boolean;
}

/** What the words say, for who reads no Chinese; at most 24 columns. */
const IN_ENGLISH: Readonly<Record<SignalName, string>> = {
  idle: 'ready for a card',
  reading: 'do not move the card',
  checking: 'checking',
  'read-again': 'place the card again',
  pass: 'please pass',
  registered: 'registered, please pass',
  attend: 'please wait, staff come',
  refuse: 'please go to the counter',
  undetermined: 'busy, please see staff',
  closed: 'please use another lane',
  help: 'called, please wait',
  fire: 'evacuate, please pass',
  'door-open': 'please close the door',
};
const OUTPUTS = ['gate', 'green', 'yellow', 'red', 'buzzer', 'staff'];
const INK: Readonly<Record<string, Ink>> = { pass: 'green', attend: 'yellow', refuse: 'red' };
const SHORT_ACTION: Readonly<Record<string, string>> = {
  'call-staff': 'staff',
  'hold+call-staff': 'hold+staff',
};

const KEYS: readonly Line[] = [
  line('g green  y yellow  r red  u unknown  x expired  d damaged card', 'bold'),
  line('n pull the network, or put it back  k kill the daemon  t tamper  q end', 'bold'),
];
const HEADS = ['the elder sees', 'central knows', 'the broker sees'];
const SEPARATOR = ' | ';
/** Title, counts, heads, two rules, two lines of note, two of keys. */
const FIXED_ROWS = 9;
const LEAST_PANEL_ROWS = 10;

function elder({ levels, signal }: LaneModel, { unicode }: ViewOptions): Line[] {
  const { words = '' } = SIGNALS[signal];
  return [
    ...OUTPUTS.map((name) => drawLine(name, levels.get(name) ?? false, { unicode })),
    [],
    unicode ? line(words, 'bold') : [],
    line(IN_ENGLISH[signal], 'bold'),
  ];
}

function knownTap({ place, subject, outcome, reasons, by }: KnownTap): Line[] {
  const told = outcome === undefined ? [span('verdict to come', 'faint')] : [span(outcome, INK[outcome])];
  return [
    [span(`${place} `), ...told],
    line(`  ${[by, ...reasons].filter((word) => word !== '').join(' ')}`),
    line(`  who ${subject.slice(0, 16)}`, 'faint'),
  ];
}

function seenMessage({ kind, bytes, hex }: SeenMessage, columns: number): Line[] {
  const pairs = hex.match(/../g)?.join(' ') ?? '';
  // Whole bytes only.
  const shown = pairs.slice(0, Math.floor((columns - 2) / 3) * 3 - 1);
  return [line(`${kind.padEnd(13)} ${bytes} B`), line(`  ${shown}`, 'faint')];
}

/** The last of the lines, and the newest at the bottom. */
const newest = (lines: readonly Line[], rows: number): Line[] =>
  lines.slice(Math.max(0, lines.length - rows));

/** Whole entries only: half of one would read as something else. */
function newestEntries(entries: readonly Line[][], rows: number): Line[] {
  let kept: Line[] = [];
  for (const entry of [...entries].reverse()) {
    if (kept.length + entry.length > rows) break;
    kept = [...entry, ...kept];
  }
  return kept;
}

function visitLine({ number, card, outcome, action, time }: Visit): Line {
  const cells = `#${number}`.padEnd(5) + card.padEnd(8);
  return [
    span(cells),
    span(outcome.padEnd(13), INK[outcome]),
    span((SHORT_ACTION[action] ?? action).padEnd(11)),
    span(time),
  ];
}

/** Breaks at spaces into at most so many lines. */
export function wrap(words: string, columns: number, rows: number): string[] {
  const lines: string[] = [''];
  for (const word of words.split(' ')) {
    const last = lines.at(-1) ?? '';
    const joined = last === '' ? word : `${last} ${word}`;
    if (columnsOf(joined) <= columns || last === '') lines[lines.length - 1] = joined;
    else lines.push(word);
  }
  return lines.slice(0, rows).map((text) => cutTo(text, columns));
}

function title({ device, networkUp, daemon }: LaneModel): Line {
  return [
    span('cardpad demo  ', 'bold'),
    span(`${device}, entry lane A1   network: `),
    span(networkUp ? 'up' : 'PULLED', networkUp ? 'green' : 'red'),
    span('   daemon: '),
    span(daemon === 'killed' ? 'KILLED' : daemon, daemon === 'runs' ? 'green' : 'red'),
  ];
}

function counts({ counts: { came, atCentral, waiting, lost } }: LaneModel): Line {
  return [
    span(`came ${came}   taps at central ${atCentral}   records waiting on disk ${waiting}   `),
    span(`${lost} lost`, lost === 0 ? 'green' : 'red'),
  ];
}

function tooSmall({ columns, rows }: Size): Line[] {
  const words = `This picture needs ${LEAST.columns}x${LEAST.rows}, and the terminal has ${columns}x${rows}. Make it larger, or press q.`;
  return wrap(words, columns, rows).map((text) => line(text));
}

/** The picture: as many lines as the screen has rows, each exactly as wide as it. */
export function render(model: LaneModel, size: Size, options: ViewOptions): Line[] {
  const { columns, rows } = size;
  if (columns < LEAST.columns || rows < LEAST.rows) return tooSmall(size);
  const free = rows - FIXED_ROWS;
  const panelRows = Math.max(LEAST_PANEL_ROWS, Math.floor((free * 2) / 3));
  const side = Math.floor((columns - 2 * SEPARATOR.length) / 3);
  const widths = [side, side, columns - 2 * SEPARATOR.length - 2 * side] as const;
  const heads = HEADS.map((head, index) => ({ lines: [line(head, 'bold')], columns: widths[index] ?? side }));
  const panel = beside(
    [
      { lines: elder(model, options), columns: widths[0] },
      { lines: newestEntries(model.known.map(knownTap), panelRows), columns: widths[1] },
      {
        lines: newestEntries(
          model.seen.map((message) => seenMessage(message, widths[2])),
          panelRows,
        ),
        columns: widths[2],
      },
    ],
    panelRows,
    SEPARATOR,
  );
  const visits = newest(model.visits.map(visitLine), free - panelRows);
  const note = wrap(model.note, columns, 2);
  const rule = line('-'.repeat(columns), 'faint');
  const all: Line[] = [
    title(model),
    counts(model),
    ...beside(heads, 1, SEPARATOR),
    rule,
    ...panel,
    rule,
    ...visits,
    ...Array.from({ length: free - panelRows - visits.length }, (): Line => []),
    ...[0, 1].map((row) => line(note[row] ?? '', 'bold')),
    ...KEYS,
  ];
  return all.map((spans) => fit(spans, columns));
}
