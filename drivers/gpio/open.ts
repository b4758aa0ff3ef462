import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Clock } from '../../platform/clock.js';
import { CardpadError } from '../../protocol/errors.js';
import { BOARD_BACKENDS, type GpioSettings } from './backends.js';
import type { Gpio, LinePlan } from './gpio.js';
import { chooseInterface, type Interface } from './probe.js';
import { SimulatedGpio } from './simulated.js';
import type { SysfsFiles } from './sysfs.js';

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

async function openWires(which: Interface, plan: LinePlan, { lines }: GpioSettings, clock: Clock) {
  if (which === 'gpiochip') {
    const { openCharacterDevice } = await import('./characterDevice.js');
    return openCharacterDevice(plan, lines, { clock });
  }
  const { loadOnoff, openSysfs } = await import('./sysfs.js');
  return openSysfs(plan, lines, { files: machineFiles, openPin: await loadOnoff(), clock });
}

function interfaceFor({ backend, lines }: GpioSettings, plan: LinePlan): Interface {
  if (backend === 'sysfs:') return 'sysfs';
  if (backend === 'gpiochip:') return 'gpiochip';
  const used = new Set([...plan.outputs, ...plan.inputs].map(({ line }) => line));
  const wanted = Object.entries(lines).filter(([name]) => used.has(name));
  return chooseInterface(Object.fromEntries(wanted), machineFiles);
}

/**
 * Opens the lines of this board: the outputs of the plan at their safe level, the inputs listened to.
 * @throws CardpadError `gpio.*`: (fatal) with what to do, or (retry) where a line could not be had within three seconds
 */
export async function openGpio(settings: GpioSettings, plan: LinePlan, clock: Clock): Promise<Gpio> {
  const { backend } = settings;
  const dir = backend.startsWith('sim:') ? backend.slice('sim:'.length) : '';
  if (dir !== '') return new SimulatedGpio(resolve(dir), clock);
  if (!BOARD_BACKENDS.some((known) => known === backend)) {
    throw new CardpadError('gpio.unsupported', 'fatal', 'The GPIO backend is not known.', {
      help: `Set gpio.backend to ${BOARD_BACKENDS.join(', ')} or to "sim:" and a folder.`,
    });
  }
  const { WiredGpio } = await import('./wired.js');
  const wires = await openWires(interfaceFor(settings, plan), plan, settings, clock);
  return new WiredGpio(wires, plan, clock);
}
