import { statSync } from 'node:fs';
import { drawLine, stateWord } from '../../screen/gatePicture.js';
import { GpioFolder, type LevelChange } from '../../screen/gpioFolder.js';
import { line } from '../../screen/line.js';
import { screenOutput } from '../../screen/output.js';
import { abilities, Terminal } from '../../screen/terminal.js';
import { type Command, EXIT, readerGone, toPeople, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required, UsageError, untilSignal } from '../options.js';

const OPTIONS = {
  gpio: { type: 'string' },
  'active-low': { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** In this order from the top; other lines follow by name. */
const ORDER = ['gate', 'green', 'yellow', 'red', 'white', 'buzzer', 'staff'];
const FRAME_MS = 50;

/** One line to the pipe for each change: the time of day, the line, and what it is now. */
function toPipe({ line: name, value }: LevelChange, on: boolean, json: boolean, ns: bigint): void {
  if (json) toResults(JSON.stringify({ ns: String(ns), line: name, value, on }));
  else toResults(`${new Date().toISOString().slice(11, 23)} ${name} ${stateWord(name, on)}`);
}

function place(name: string): number {
  const index = ORDER.indexOf(name);
  return index === -1 ? ORDER.length : index;
}

/** The picture of all lines, and the keys that there are. */
export function picture(folder: string, lines: ReadonlyMap<string, boolean>, unicode: boolean) {
  const sorted = [...lines].sort(([a], [b]) => place(a) - place(b) || (a < b ? -1 : 1));
  return [
    line(`sim:${folder}`, 'bold'),
    [],
    ...(sorted.length === 0 ? [line('no lines yet: the daemon makes them when it starts')] : []),
    ...sorted.map(([name, on]) => drawLine(name, on, { unicode })),
    [],
    line('q ends', 'faint'),
  ];
}

async function watchGate(folder: string, isLow: ReadonlySet<string>, json: boolean): Promise<number> {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) toPeople(`waiting for ${folder}`);
  else if (!found.isDirectory()) throw new UsageError(`--gpio: ${folder} is no folder`);
  const able = abilities(process.env, process.stdout.isTTY === true && process.stdin.isTTY === true);
  const { signal, release } = untilSignal();
  const lines = new Map<string, boolean>();
  let stale = true;
  const onScreen = able.screen && !json;
  const gpio = new GpioFolder(folder, (change) => {
    const on = (change.value === 1) !== isLow.has(change.line);
    lines.set(change.line, on);
    stale = true;
    if (!onScreen) toPipe(change, on, json, change.ns);
  });
  const ended = new Promise<void>((resolve) => {
    signal.then(() => resolve());
    // Who reads the pipe has seen enough.
    readerGone.addEventListener('abort', () => resolve());
    if (!onScreen) return;
    const draw = () => terminal.draw(picture(folder, lines, able.unicode));
    const terminal = new Terminal({
      input: process.stdin,
      output: screenOutput(process.stdout),
      inColor: able.color,
      onKey: (key) => key === 'q' && resolve(),
      onRedraw: draw,
    });
    const frames = setInterval(() => {
      if (stale) draw();
      stale = false;
    }, FRAME_MS);
    frames.unref();
    draw();
  });
  await ended;
  gpio.close();
  release();
  // Gives a terminal back as well.
  process.exit(EXIT.done);
}

export const gateCommand: Command = {
  name: 'gate',
  summary: 'shows what the lines of a "sim:" folder do: gate, lamps, buzzer',
  help: `usage: cardpad simulate gate --gpio sim:DIR [--active-low LINE,...] [--json]

Watches the folder in which a daemon with "gpio": {"backend": "sim:DIR"} drives its lines, and draws them; in a pipe
it writes a line for each change. Waits for a folder that is not there yet. Ends with q, or by SIGTERM or SIGINT.

  --gpio sim:DIR            the folder, as in the configuration
  --active-low LINE,...     lines on which electrical 0 means on
  --json                    {"ns", "line", "value", "on"} a change; ns is the system's monotonic clock

example: cardpad simulate gate --gpio sim:/run/cardpad/gpio`,
  results: 'lines',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, OPTIONS);
    noMorePositionals(positionals);
    const folder = /^sim:(.+)$/.exec(required(values.gpio, '--gpio'))?.[1];
    if (folder === undefined) throw new UsageError('--gpio takes sim:DIR');
    const isLow = new Set((values['active-low'] ?? '').split(',').filter((name) => name !== ''));
    return watchGate(folder, isLow, values.json === true);
  },
};
