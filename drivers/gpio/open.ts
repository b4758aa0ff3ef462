import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Clock } from '../../platform/clock.js';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import { BOARD_BACKENDS, type GpioSettings } from './backends.js';
import { type Gpio, type LinePlan, levelOf } from './gpio.js';
import type { StartHelper } from './lineHelper.js';
import { chooseInterface, hasCharacterDevice, type Interface } from './probe.js';
import type { Patience } from './ready.js';
import type { WillDrive } from './safePlan.js';
import { SimulatedGpio } from './simulated.js';
import type { OpenPin, SysfsFiles } from './sysfs.js';
import type { Wires } from './wired.js';

function orElse<T>(otherwise: T, work: () => T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** The tree of this machine. */
const machineFiles: SysfsFiles = {
  list: (folder) => orElse([], () => readdirSync(folder)),
  read: (path) => orElse(undefined, () => readFileSync(path, 'latin1')),
  isWritable: (path) =>
    orElse(false, () => {
      accessSync(path, constants.W_OK);
      return true;
    }),
  write: (path, text) => writeFileSync(path, text),
};

/** What of a machine is behind its lines. */
export interface Board {
  readonly files: SysfsFiles;
  /** @throws CardpadError `gpio.addon-missing` (fatal) */
  readonly loadOnoff: () => Promise<OpenPin>;
  readonly startHelper?: StartHelper;
}

const thisBoard: Board = {
  files: machineFiles,
  loadOnoff: async () => (await import('./sysfs.js')).loadOnoff(),
};

export interface OpenOptions {
  /** Three seconds where absent. */
  readonly patience?: Patience;
  readonly willDrive?: WillDrive;
}

function interfaceFor({ backend, lines }: GpioSettings, plan: LinePlan, { files }: Board): Interface {
  if (backend === 'sysfs:') return 'sysfs';
  if (backend === 'gpiochip:') return 'gpiochip';
  const used = new Set([...plan.outputs, ...plan.inputs].map(({ line }) => line));
  const wanted = Object.entries(lines).filter(([name]) => used.has(name));
  return chooseInterface(Object.fromEntries(wanted), files);
}

/** onoff; undefined where it is missing and `auto:` has the character device as well. */
async function onoffFor({ backend }: GpioSettings, board: Board): Promise<OpenPin | undefined> {
  try {
    return await board.loadOnoff();
  } catch (thrown) {
    const isMissing = codeOf(thrown) === 'gpio.addon-missing';
    if (isMissing && backend === 'auto:' && hasCharacterDevice(board.files)) return undefined;
    throw thrown;
  }
}

/**
 * Readies the lines of a board, by whichever interface of the kernel.
 * @throws CardpadError `gpio.*`: as `openGpio`
 */
export async function openWires(
  settings: GpioSettings,
  plan: LinePlan,
  clock: Clock,
  board: Board,
  options: OpenOptions = {},
): Promise<Wires> {
  const { files, startHelper: start } = board;
  if (interfaceFor(settings, plan, board) === 'sysfs') {
    const openPin = await onoffFor(settings, board);
    const { openSysfs } = await import('./sysfs.js');
    if (openPin !== undefined) return openSysfs(plan, settings.lines, { files, openPin, clock, ...options });
  }
  const { openCharacterDevice } = await import('./characterDevice.js');
  return openCharacterDevice(plan, settings.lines, { clock, files, ...(start && { start }), ...options });
}

function openSimulated(folder: string, plan: LinePlan, clock: Clock, { willDrive }: OpenOptions): Gpio {
  willDrive?.(plan.outputs.map((ref) => ({ by: 'sim', folder, line: ref.line, level: levelOf(false, ref) })));
  return new SimulatedGpio(folder, clock);
}

/**
 * Opens the lines of this board: the outputs of the plan at their safe level, the inputs listened to.
 * @throws CardpadError `gpio.*`: (fatal) with what to do, or (retry) where a line could not be had in the time of
 *   `patience`
 */
export async function openGpio(
  settings: GpioSettings,
  plan: LinePlan,
  clock: Clock,
  options: OpenOptions = {},
): Promise<Gpio> {
  const { backend } = settings;
  const dir = backend.startsWith('sim:') ? backend.slice('sim:'.length) : '';
  if (dir !== '') return openSimulated(resolve(dir), plan, clock, options);
  if (!BOARD_BACKENDS.some((known) => known === backend)) {
    throw new CardpadError('gpio.unsupported', 'fatal', 'The GPIO backend is not known.', {
      help: `Set gpio.backend to ${BOARD_BACKENDS.join(', ')} or to "sim:" and a folder.`,
    });
  }
  const { WiredGpio } = await import('./wired.js');
  return new WiredGpio(await openWires(settings, plan, clock, thisBoard, options), plan, clock);
}
