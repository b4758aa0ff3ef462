import { CardpadError } from '../../protocol/errors.js';
import type { LineAt } from './gpio.js';
import { labelsOf, SYSFS, sysfsChips } from './probe.js';
import type { SysfsFiles } from './sysfs.js';

/**
 * Unexports a line that sysfs still has, for instance of a gate that ran with `sysfs:` before: its outputs stay
 * exported, so that somebody drives them. The configuration says that the line is the gate's, and `sysfs:` would take
 * one that is exported as well. Does nothing where it is not exported.
 * @throws CardpadError `gpio.line-busy` (fatal) where this user may not do that
 */
export function letGoOfSysfs(line: string, at: LineAt, files: SysfsFiles): void {
  const [chip, second] = sysfsChips(files).filter(({ label }) => labelsOf(at.chip).includes(label));
  if (chip === undefined || second !== undefined) return;
  const number = chip.base + at.offset;
  if (files.list(`${SYSFS}/gpio${number}`).length === 0) return;
  try {
    files.write(`${SYSFS}/unexport`, String(number));
  } catch (cause) {
    throw new CardpadError('gpio.line-busy', 'fatal', `Line ${line} is still exported by sysfs.`, {
      help: `As root: echo ${number} >${SYSFS}/unexport`,
      cause,
    });
  }
}
