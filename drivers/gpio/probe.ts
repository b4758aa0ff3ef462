import { CardpadError } from '../../protocol/errors.js';
import type { LineAt } from './gpio.js';

/** A folder tree, as much of it as finding chips needs; `/sys` and `/dev` of a board, or a recording of them. */
export interface Tree {
  /** The names in a folder; none where it is missing. */
  list(folder: string): readonly string[];
  /** A file's text, undefined where it is missing or may not be read. */
  read(path: string): string | undefined;
  isWritable(path: string): boolean;
}

/** A GPIO chip, by either interface of the kernel. */
export interface Chip {
  /** `gpiochip512`: by its base in sysfs, by its number below `/dev`. */
  readonly name: string;
  readonly label: string;
  readonly lineCount: number;
}

export interface SysfsChip extends Chip {
  /** What its first line is called in sysfs. Differs by kernel: never written down. */
  readonly base: number;
}

export const SYSFS = '/sys/class/gpio';

/**
 * Chips that go by a name of their own in a configuration. `raspberry-pi` is the one that drives the 40-pin header:
 * `pinctrl-bcm2835` on Zero to 3 and Zero 2 W, `pinctrl-bcm2711` on 4 (drivers/pinctrl/bcm/pinctrl-bcm2835.c in
 * Linux), `pinctrl-rp1` on 5 (drivers/pinctrl/pinctrl-rp1.c).
 */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'raspberry-pi': ['pinctrl-bcm2835', 'pinctrl-bcm2711', 'pinctrl-rp1'],
};

/** The labels that a configured chip stands for. */
export const labelsOf = (chip: string): readonly string[] => ALIASES[chip] ?? [chip];

/** Whether two configured lines can be one and the same. */
export function isSameLine(a: LineAt, b: LineAt): boolean {
  return a.offset === b.offset && labelsOf(a.chip).some((label) => labelsOf(b.chip).includes(label));
}

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}\s*$/.test(text) ? Number(text) : undefined;

/** The chips that sysfs shows. Documentation/ABI/obsolete/sysfs-gpio in Linux. */
export function sysfsChips(tree: Tree): readonly SysfsChip[] {
  const chips: SysfsChip[] = [];
  for (const name of [...tree.list(SYSFS)].sort()) {
    if (!/^gpiochip\d+$/.test(name)) continue;
    const base = wholeNumber(tree.read(`${SYSFS}/${name}/base`));
    const lineCount = wholeNumber(tree.read(`${SYSFS}/${name}/ngpio`));
    const label = tree.read(`${SYSFS}/${name}/label`)?.trim();
    if (base !== undefined && lineCount !== undefined && label !== undefined)
      chips.push({ name, label, lineCount, base });
  }
  return chips;
}

/**
 * The one chip on which a configured line is.
 * @throws CardpadError (fatal) `gpio.chip-missing` | `gpio.chip-ambiguous` | `gpio.offset`
 */
export function chipOf<C extends Chip>(name: string, at: LineAt, chips: readonly C[]): C {
  const labels = labelsOf(at.chip);
  const [chip, second] = chips.filter(({ label }) => labels.includes(label));
  if (chip === undefined) {
    const found = chips.map(({ label }) => label).join(', ');
    throw new CardpadError('gpio.chip-missing', 'fatal', `Line ${name}: there is no chip ${at.chip}.`, {
      help: `Set chip in gpio.lines.${name} to a chip of this board: ${found || 'none was found'}.`,
    });
  }
  if (second !== undefined) {
    throw new CardpadError(
      'gpio.chip-ambiguous',
      'fatal',
      `Line ${name}: ${chip.name} and ${second.name} are both labelled ${chip.label === second.label ? chip.label : at.chip}.`,
      { help: 'Which of them is wired cannot be told: name a chip whose label only one has.' },
    );
  }
  if (at.offset >= chip.lineCount) {
    throw new CardpadError(
      'gpio.offset',
      'fatal',
      `Line ${name}: ${chip.label} has no line ${at.offset}, only 0 to ${chip.lineCount - 1}.`,
      { help: `Set offset in gpio.lines.${name} to the number of the line that is wired.` },
    );
  }
  return chip;
}

/** The interfaces of the kernel to GPIO. */
export type Interface = 'sysfs' | 'gpiochip';

/** Whether this kernel has the character device. */
export const hasCharacterDevice = (tree: Tree): boolean =>
  tree.list('/dev').some((name) => /^gpiochip\d+$/.test(name));

/**
 * Which interface serves these lines: sysfs where this user can export lines there, all of the chips are there and no
 * line wants a pull resistor, which sysfs cannot set; else the character device.
 * @throws CardpadError `gpio.none` (fatal) where a kernel has neither
 */
export function chooseInterface(lines: Readonly<Record<string, LineAt>>, tree: Tree): Interface {
  const labels = new Set(sysfsChips(tree).map(({ label }) => label));
  const sysfsServes = Object.values(lines).every(
    ({ chip, bias }) => bias === undefined && labelsOf(chip).some((label) => labels.has(label)),
  );
  if (sysfsServes && tree.isWritable(`${SYSFS}/export`)) return 'sysfs';
  if (hasCharacterDevice(tree)) return 'gpiochip';
  if (labels.size > 0) return 'sysfs';
  throw new CardpadError('gpio.none', 'fatal', 'This system has no GPIO.', {
    help: 'There is neither /sys/class/gpio nor /dev/gpiochip0. On a machine without lines set gpio.backend to sim:FOLDER.',
  });
}
