import t from 'tap';
import type { Checks } from '../../support/checks.js';
import { gpioContract } from './contract.js';

// On a real kernel the same runs for sysfs: and gpiochip:, by onBoard.ts.
const tests = { test: (name: string, body: (t: Checks) => Promise<void>) => t.test(name, (t) => body(t)) };
for (const kind of ['sim:', 'fake:']) await gpioContract(tests, kind);
