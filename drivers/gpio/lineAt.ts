import { CardpadError } from '../../protocol/errors.js';
import type { LineAt } from './gpio.js';

/** Where a line is. @throws CardpadError `gpio.line-unknown` (fatal) */
export function lineAt(name: string, lines: Readonly<Record<string, LineAt>>): LineAt {
  const at = Object.hasOwn(lines, name) ? lines[name] : undefined;
  if (at !== undefined) return at;
  throw new CardpadError('gpio.line-unknown', 'fatal', `It is not known where line ${name} is.`, {
    help: `Add it to gpio.lines: "${name}": {"chip": "raspberry-pi", "offset": 17}.`,
  });
}
