import { type I2cPort, MAX_TRANSFER_BYTES } from '../../../drivers/ports/i2c.js';
import type { Checks, Tests } from '../../support/checks.js';

export interface I2cBench {
  /** Opens a device by its address. */
  open(address: number): Promise<I2cPort>;
  /** Where a device answers. */
  readonly present: number;
  /** Where none does. */
  readonly absent: number;
  /** Whether the device is a memory: a write has an address in it and bytes, a read goes on from there. */
  readonly isMemory: boolean;
}

/** What every I2C port must do. */
export async function i2cContract(t: Tests, bench: I2cBench): Promise<void> {
  const open = async (t: Checks, address: number) => {
    const port = await bench.open(address);
    t.teardown(() => port.close());
    return port;
  };

  await t.test('a device takes a write and gives as many bytes as are asked for', async (t) => {
    const port = await open(t, bench.present);
    await port.write(Uint8Array.of(0));
    for (const length of [1, 2, 17]) t.equal((await port.read(length)).length, length);
  });

  await t.test('what was written is read again, by several transfers at once, in their order', async (t) => {
    if (!bench.isMemory) return;
    const port = await open(t, bench.present);
    const [, , , read] = await Promise.all([
      port.write(Uint8Array.of(0x10, 1, 2, 3)),
      port.write(Uint8Array.of(0x11, 7)),
      port.write(Uint8Array.of(0x10)),
      port.read(3),
    ]);
    t.same([...read], [1, 7, 3]);
  });

  await t.test('bytes may be used again as soon as a write was asked for', async (t) => {
    if (!bench.isMemory) return;
    const port = await open(t, bench.present);
    const bytes = Uint8Array.of(0x20, 9);
    const written = port.write(bytes);
    bytes.fill(0xff);
    await written;
    await port.write(Uint8Array.of(0x20));
    t.same([...(await port.read(1))], [9]);
  });

  await t.test('where no device is, that is said, each time', async (t) => {
    const port = await open(t, bench.absent);
    for (let attempt = 0; attempt < 2; attempt++) {
      await t.rejects(() => port.read(1), { code: 'i2c.no-answer' });
      await t.rejects(() => port.write(Uint8Array.of(0)), { code: 'i2c.no-answer' });
    }
  });

  await t.test('a device goes on answering after another did not', async (t) => {
    const absent = await open(t, bench.absent);
    const port = await open(t, bench.present);
    await t.rejects(() => absent.read(1), { code: 'i2c.no-answer' });
    t.equal((await port.read(1)).length, 1);
  });

  await t.test('a transfer of no bytes, or of more than a transfer has, is refused', async (t) => {
    const port = await open(t, bench.present);
    for (const length of [0, -1, 1.5, MAX_TRANSFER_BYTES + 1])
      await t.rejects(() => port.read(length), { code: 'i2c.length' }, String(length));
    await t.rejects(() => port.write(Uint8Array.of()), { code: 'i2c.length' });
  });

  await t.test('after closing, twice if need be, nothing is transferred', async (t) => {
    const port = await open(t, bench.present);
    await Promise.all([port.close(), port.close()]);
    await t.rejects(() => port.read(1), { code: 'port.closed' });
    await t.rejects(() => port.write(Uint8Array.of(0)), { code: 'port.closed' });
  });
}
