import { resolve } from 'node:path';
import type { Clock } from '../../platform/clock.js';
import { CardpadError } from '../../protocol/errors.js';
import type { Gpio } from './gpio.js';
import { SimulatedGpio } from './simulated.js';

/**
 * Opens the lines of this board.
 *
 * @param backend `sim:DIR`
 * @throws CardpadError `gpio.unsupported` (fatal) for any other backend
 */
export function openGpio(backend: string, clock: Clock): Gpio {
  const dir = backend.startsWith('sim:') ? backend.slice('sim:'.length) : '';
  if (dir !== '') return new SimulatedGpio(resolve(dir), clock);
  const known = /^(sysfs|gpiochip):/.exec(backend)?.[1];
  const what = known === undefined ? 'The GPIO backend' : `The GPIO backend ${known}:`;
  throw new CardpadError(
    'gpio.unsupported',
    'fatal',
    `${what} is not supported: this version drives sim: only.`,
    {
      help: 'Write "sim:" and a folder, such as "sim:/run/cardpad/gpio".',
    },
  );
}
