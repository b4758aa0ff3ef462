import type { Tree } from '../../../drivers/gpio/probe.js';

interface RecordedChip {
  readonly base: number;
  readonly label: string;
  readonly lineCount: number;
}

/** A board's tree, as much as a probe reads of it. */
export function treeOf(files: Readonly<Record<string, string>>, readOnly: readonly string[] = []): Tree {
  const paths = Object.keys(files);
  return {
    list: (folder) => [
      ...new Set(
        paths
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''),
      ),
    ],
    read: (path) => files[path],
    isWritable: (path) => files[path] !== undefined && !readOnly.includes(path),
  };
}

/** `/sys/class/gpio` and `/dev` of a kernel with these chips; files of sysfs end in a line feed. */
export function filesOf(
  chips: readonly RecordedChip[],
  { sysfs = true, devices = chips.length }: { readonly sysfs?: boolean; readonly devices?: number } = {},
): Record<string, string> {
  const files: Record<string, string> = {};
  for (let number = 0; number < devices; number++) files[`/dev/gpiochip${number}`] = '';
  if (!sysfs) return files;
  files['/sys/class/gpio/export'] = '';
  files['/sys/class/gpio/unexport'] = '';
  for (const { base, label, lineCount } of chips) {
    const folder = `/sys/class/gpio/gpiochip${base}`;
    files[`${folder}/base`] = `${base}\n`;
    files[`${folder}/label`] = `${label}\n`;
    files[`${folder}/ngpio`] = `${lineCount}\n`;
  }
  return files;
}

const chip = (base: number, label: string, lineCount: number): RecordedChip => ({ base, label, lineCount });

/** GPIO of the processor itself on a Pi 5, C1 stepping: raspberrypi/linux#6037 and WiringPi/WiringPi#280. */
const BCM2712 = (first: number) => [
  chip(first, 'gpio-brcmstb@107d508500', 32),
  chip(first + 32, 'gpio-brcmstb@107d508520', 4),
  chip(first + 36, 'gpio-brcmstb@107d517c00', 17),
  chip(first + 53, 'gpio-brcmstb@107d517c20', 6),
];

/** What boards were seen to have, with what sysfs calls GPIO 17 there. */
export const BOARDS: Readonly<
  Record<string, { readonly chips: readonly RecordedChip[]; readonly gpio17: number }>
> = {
  'Pi 3, kernel 6.1': {
    chips: [chip(0, 'pinctrl-bcm2835', 54), chip(504, 'raspberrypi-exp-gpio', 8)],
    gpio17: 17,
  },
  // raspberrypi/linux#6084: export of 27 is refused since 6.6, where dynamic numbers begin at 512.
  'Pi 3, kernel 6.6': {
    chips: [chip(512, 'pinctrl-bcm2835', 54), chip(566, 'raspberrypi-exp-gpio', 8)],
    gpio17: 529,
  },
  'Zero 2 W, kernel 6.1': { chips: [chip(0, 'pinctrl-bcm2835', 54)], gpio17: 17 },
  'Zero 2 W, kernel 6.12': {
    chips: [chip(512, 'pinctrl-bcm2835', 54), chip(566, 'raspberrypi-exp-gpio', 8)],
    gpio17: 529,
  },
  'Pi 4, kernel 6.1': {
    chips: [chip(0, 'pinctrl-bcm2711', 58), chip(504, 'raspberrypi-exp-gpio', 8)],
    gpio17: 17,
  },
  // WiringPi/WiringPi#371: label pinctrl-bcm2711, ngpio 58, base 512.
  'Pi 4, kernel 6.6': {
    chips: [chip(512, 'pinctrl-bcm2711', 58), chip(570, 'raspberrypi-exp-gpio', 8)],
    gpio17: 529,
  },
  // raspberrypi/linux#5638: gpiochip399 belongs to the RP1.
  'Pi 5, kernel 6.1': {
    chips: [chip(399, 'pinctrl-rp1', 54), chip(453, 'gpio-brcmstb@107d517c00', 17)],
    gpio17: 416,
  },
  // fivdi/onoff#199: 571 is GPIO 0.
  'Pi 5, kernel 6.6': { chips: [...BCM2712(512), chip(571, 'pinctrl-rp1', 54)], gpio17: 588 },
  // The D0 stepping has fewer lines of its own (15 in place of 17).
  'Pi 5 (D0), kernel 6.12': {
    chips: [
      ...BCM2712(512).slice(0, 2),
      chip(548, 'gpio-brcmstb@107d517c00', 15),
      chip(569, 'pinctrl-rp1', 54),
    ],
    gpio17: 586,
  },
};
