import type { Agent } from './agent.js';
import type { Qtest } from './qtest.js';

/** A GPIO chip as seen from outside, at its pins. */
export interface Chip {
  /** What the kernel calls it. */
  readonly label: string;
  /** The level at that pin, whoever drives it: 0 or 1. */
  level(line: number): Promise<number>;
  /** What stands outside at an input. */
  drive(line: number, level: 0 | 1): Promise<void>;
}

/** A line's file of the chip that the next one is. */
export const gpioSimFile = (line: number, name: 'value' | 'pull'): string =>
  `/run/board-gpio/sim_gpio${line}/${name}`;

/** The kernel's gpio-sim, set up by test/board/guest/usr/local/lib/board/gpio: 54 lines, and a Pi's label. */
export function gpioSim(agent: Agent): Chip {
  return {
    label: 'pinctrl-bcm2835',
    async level(line) {
      return Number(await agent.run(`cat ${gpioSimFile(line, 'value')}`));
    },
    async drive(line, level) {
      await agent.run(`echo pull-${level === 1 ? 'up' : 'down'} >${gpioSimFile(line, 'pull')}`);
    },
  };
}

/** GPIODATA with all eight lines unmasked: PL061 Technical Reference Manual (ARM DDI 0190B), 3.3.1; its place in `virt`. */
const ALL_LEVELS = '0x90303fc';

/** The PL061 of QEMU's `virt` board: eight lines, of which number 3 is the power key. */
export function pl061(qtest: Qtest, device: string): Chip {
  return {
    label: '9030000.pl061',
    async level(line) {
      const levels = Number(await qtest.say(`readl ${ALL_LEVELS}`));
      return (levels >> line) & 1;
    },
    async drive(line, level) {
      await qtest.say(`set_irq_in ${device} unnamed-gpio-in ${line} ${level}`);
    },
  };
}
