import { openI2c } from '../../../drivers/ports/i2c.js';
import { systemClock } from '../../../platform/clock.js';
import { TapPrinter } from '../../support/checks.js';
import { i2cContract } from './i2cContract.js';

// The contract on a real bus: node i2cOnBus.js /dev/i2c-N ADDRESS [ABSENT-ADDRESS] [memory]
const [path = '', present = '', absent = '0x77', kind = ''] = process.argv.slice(2);
const bus = /^\/dev\/i2c-(\d+)$/.exec(path)?.[1];
if (bus === undefined || !(Number(present) >= 0x03)) {
  process.stderr.write('usage: node i2cOnBus.js /dev/i2c-N ADDRESS [ABSENT-ADDRESS] [memory]\n');
  process.exit(2);
}
const printer = new TapPrinter((line) => process.stdout.write(`${line}\n`));
await i2cContract(printer, {
  open: (address) => openI2c(Number(bus), address, systemClock),
  present: Number(present),
  absent: Number(absent),
  isMemory: kind === 'memory',
});
await printer.test('a bus that does not exist is told in words', async (t) => {
  await t.rejects(() => openI2c(987, Number(present), systemClock), { code: 'port.missing' });
});
process.exit(printer.end() ? 0 : 1);
