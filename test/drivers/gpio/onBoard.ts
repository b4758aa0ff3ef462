import { TapPrinter } from '../../support/checks.js';
import { gpioContract } from './contract.js';

// The contract on a real kernel with gpio-sim (54 lines, label in CARDPAD_TEST_CHIP): node onBoard.js sysfs:|gpiochip:|auto:
const [backend = 'auto:'] = process.argv.slice(2);
const printer = new TapPrinter((line) => process.stdout.write(`${line}\n`));
await gpioContract(printer, backend);
process.exit(printer.end() ? 0 : 1);
