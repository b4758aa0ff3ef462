import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCharacterDevice } from '../../../drivers/gpio/characterDevice.js';
import type { Gpio, Level, LineAt, LinePlan } from '../../../drivers/gpio/gpio.js';
import { openGpio } from '../../../drivers/gpio/open.js';
import { WiredGpio } from '../../../drivers/gpio/wired.js';
import { systemClock } from '../../../platform/clock.js';
import { makeFakeBoard, makeFakeLine, startOnFake } from './fakeKernel.js';

/** A board with somebody at its terminals: four lines `gate`, `low`, `help` and `fire`. */
export interface Board {
  open(plan: LinePlan): Promise<Gpio>;
  /** The level at the terminal. */
  level(line: string): Level;
  /** A contact that pulls an input. */
  drive(line: string, level: Level): void;
  /** All levels that were driven on an output so far, where somebody wrote them down. */
  trace?(line: string): string;
  /** What a killed program leaves of an output that is on. */
  readonly afterKill: 'stays' | 'safe';
  /** Whether a change that is over at once is told. */
  readonly seesPulses: boolean;
  remove(): void;
}

export const OFFSETS: Readonly<Record<string, number>> = { gate: 17, low: 27, help: 22, fire: 23 };
/** The label that gpio-sim was given on the board. */
const CHIP = process.env.CARDPAD_TEST_CHIP ?? 'pinctrl-bcm2835';

const linesOn = (chip: string): Readonly<Record<string, LineAt>> =>
  Object.fromEntries(Object.entries(OFFSETS).map(([name, offset]) => [name, { chip, offset }]));

const isHigh = (path: string): Level =>
  existsSync(path) && readFileSync(path, 'latin1').trim() === '1' ? 1 : 0;

/** The terminals of gpio-sim (Documentation/admin-guide/gpio/gpio-sim.rst in Linux), or of the fake kernel. */
function terminals(folder: string) {
  const at = (line: string) => join(folder, `sim_gpio${OFFSETS[line]}`);
  return {
    at,
    level: (line: string) => isHigh(join(at(line), 'value')),
    drive: (line: string, level: Level) =>
      writeFileSync(join(at(line), 'pull'), level === 1 ? 'pull-up' : 'pull-down'),
  };
}

/** The folder of sysfs in which gpio-sim has the contacts of its lines. */
function gpioSimFolder(): string {
  const devices = '/sys/devices/platform';
  for (const device of readdirSync(devices).filter((name) => name.startsWith('gpio-sim.'))) {
    for (const chip of readdirSync(join(devices, device))) {
      const folder = join(devices, device, chip);
      if (existsSync(join(folder, `sim_gpio${OFFSETS.gate}`))) return folder;
    }
  }
  throw new Error('there is no gpio-sim with enough lines');
}

function simulatedBoard(dir: string): Board {
  return {
    open: (plan) => openGpio({ backend: `sim:${dir}`, lines: {} }, plan, systemClock),
    level: (line) => isHigh(join(dir, line)),
    drive: (line, level) => writeFileSync(join(dir, line), String(level)),
    afterKill: 'stays',
    seesPulses: false,
    remove: () => {},
  };
}

function fakeBoard(dir: string): Board {
  const { at, level, drive } = terminals(dir);
  return {
    level,
    open: async (plan) => {
      const options = { clock: systemClock, start: startOnFake(dir) };
      const wires = await openCharacterDevice(plan, linesOn('pinctrl-bcm2835'), options);
      return new WiredGpio(wires, plan, systemClock);
    },
    drive: (line, level) => {
      drive(line, level);
      // An event has 48 bytes (struct gpio_v2_line_event).
      writeFileSync(join(at(line), 'events'), Buffer.alloc(48), { flag: 'r+' });
    },
    trace: (line) => readFileSync(join(at(line), 'trace'), 'latin1'),
    afterKill: 'safe',
    seesPulses: true,
    remove: () => {},
  };
}

function realBoard(backend: string): Board {
  const { level, drive } = terminals(gpioSimFolder());
  // What a relay board does whose relays work on low: a line that nobody drives is off.
  drive('gate', 0);
  drive('low', 1);
  return {
    level,
    drive,
    open: (plan) => openGpio({ backend, lines: linesOn(CHIP) }, plan, systemClock),
    afterKill: backend === 'gpiochip:' ? 'safe' : 'stays',
    seesPulses: true,
    remove: () => {},
  };
}

/**
 * The board of a kind: `sim:` and `fake:` live in a folder, `sysfs:` and `gpiochip:` need gpio-sim in the kernel.
 * @param dir of a board that is there already
 */
export function boardOf(kind: string, dir: string): Board {
  if (kind === 'sim:') return simulatedBoard(dir);
  return kind === 'fake:' ? fakeBoard(dir) : realBoard(kind);
}

/** A helper whose gate has just gone still puts its lines in order; rmSync's own retries look at no file anew. */
function removeWritten(dir: string): void {
  for (let tries = 1; ; tries++) {
    try {
      return rmSync(dir, { recursive: true, force: true });
    } catch (thrown) {
      if (tries === 100) throw thrown;
    }
  }
}

/** A board of its own for a test. */
export function newBoard(kind: string): { readonly board: Board; readonly dir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'cardpad-board-'));
  if (kind === 'fake:') {
    makeFakeBoard(dir, { gpiochip0: 'raspberrypi-exp-gpio 8', gpiochip1: 'pinctrl-bcm2835 54' });
    for (const offset of Object.values(OFFSETS))
      makeFakeLine(dir, offset, (path) => execFileSync('mkfifo', [path]));
  }
  const board = boardOf(kind, dir);
  return {
    dir,
    board: { ...board, remove: () => removeWritten(dir) },
  };
}
