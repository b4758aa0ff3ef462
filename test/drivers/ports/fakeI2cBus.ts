import type { PromisifiedBus } from 'i2c-bus';

/** What the system says of a transfer. */
export const busFailure = (code: string): Error => Object.assign(new Error(`${code}: of a test`), { code });

/**
 * A bus with one memory on it, of the usual kind: a write has an address in the memory and bytes for it, a read goes on
 * from there. Nobody else answers.
 */
export class FakeI2cBus implements PromisifiedBus {
  readonly #memory = Buffer.alloc(256);
  #at = 0;
  /** Thrown by the next transfers, one each. */
  readonly failures: Error[] = [];
  /** Thrown when the device file is opened. */
  openFailure: Error | undefined;
  hasPlainI2c = true;
  /** Transfers stay under way while this is set. */
  held: Promise<void> | undefined;
  /** A transfer ends after that many bytes. */
  mostBytes = Number.POSITIVE_INFINITY;
  closes = 0;
  /** Everything that went over the bus. */
  readonly transfers: string[] = [];

  constructor(private readonly address: number) {}

  async i2cFuncs(): Promise<{ readonly i2c: boolean }> {
    if (this.openFailure) throw this.openFailure;
    await this.held;
    return { i2c: this.hasPlainI2c };
  }

  async i2cRead(address: number, length: number, buffer: Buffer) {
    await this.#begin(address, `read ${length}`);
    const bytesRead = Math.min(length, this.mostBytes);
    for (let index = 0; index < bytesRead; index++) buffer[index] = this.#memory[this.#at++ % 256] ?? 0;
    return { bytesRead, buffer };
  }

  async i2cWrite(address: number, length: number, buffer: Buffer) {
    await this.#begin(address, `write ${buffer.subarray(0, length).toString('hex')}`);
    const bytesWritten = Math.min(length, this.mostBytes);
    this.#at = buffer[0] ?? 0;
    for (const byte of buffer.subarray(1, bytesWritten)) this.#memory[this.#at++ % 256] = byte;
    return { bytesWritten, buffer };
  }

  async close(): Promise<void> {
    this.closes++;
  }

  async #begin(address: number, what: string): Promise<void> {
    await this.held;
    const failure = this.failures.shift();
    if (failure) throw failure;
    if (address !== this.address) throw busFailure('ENXIO');
    this.transfers.push(what);
  }
}
