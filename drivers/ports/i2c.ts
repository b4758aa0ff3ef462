import type { PromisifiedBus } from 'i2c-bus';
import type { Clock } from '../../platform/clock.js';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import { busError, stuckError } from './i2cErrors.js';

type BusModule = Pick<typeof import('i2c-bus'), 'openPromisified'>;

/** Longer than any transfer: the drivers of Linux wait one second for their adapter. */
const TRANSFER_TIMEOUT_MS = 2000;
/** i2c-dev cuts what is longer off, without a word (drivers/i2c/i2c-dev.c). */
export const MAX_TRANSFER_BYTES = 8192;

/** A device on an I2C bus. Transfers are plain, one after another in the order in which they were asked for. */
export interface I2cPort {
  /** For people: `i2c:/dev/i2c-1?address=0x24`. */
  readonly name: string;
  /**
   * Resolves to as many bytes as asked for, 1..8192, within two seconds.
   * @throws CardpadError `i2c.no-answer` | `i2c.timeout` | `i2c.arbitration` | `i2c.failed` (retry), `i2c.in-use` |
   *   `port.missing` | `port.denied` | `port.closed` (reconnect), `i2c.no-raw` | `i2c.length` (reject)
   */
  read(length: number): Promise<Buffer>;
  /** Writes 1..8192 bytes in one transfer. @throws CardpadError as `read` does */
  write(bytes: Uint8Array): Promise<void>;
  /** Idempotent. A transfer that is under way may still come to its end. */
  close(): Promise<void>;
}

export const i2cName = (bus: number, address: number): string =>
  `i2c:/dev/i2c-${bus}?address=0x${address.toString(16).padStart(2, '0')}`;

class BusPort implements I2cPort {
  /** Settles when the bus is free. */
  #queue: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly bus: PromisifiedBus,
    private readonly address: number,
    private readonly clock: Clock,
  ) {}

  async read(length: number): Promise<Buffer> {
    this.#checkLength(length);
    const { bytesRead, buffer } = await this.#transfer(() =>
      this.bus.i2cRead(this.address, length, Buffer.alloc(length)),
    );
    this.#checkWhole(bytesRead, length);
    return buffer;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    this.#checkLength(length);
    // Copied: the caller may use its bytes for the next transfer while this one waits.
    const copy = Buffer.from(bytes);
    const { bytesWritten } = await this.#transfer(() => this.bus.i2cWrite(this.address, length, copy));
    this.#checkWhole(bytesWritten, length);
  }

  close(): Promise<void> {
    this.#closing ??= this.bus.close().catch(() => {});
    return this.#closing;
  }

  #checkLength(length: number): void {
    if (Number.isInteger(length) && length >= 1 && length <= MAX_TRANSFER_BYTES) return;
    const what = `${this.name}: a transfer has 1 to ${MAX_TRANSFER_BYTES} bytes, not ${length}.`;
    throw new CardpadError('i2c.length', 'reject', what);
  }

  #checkWhole(done: number, asked: number): void {
    if (done !== asked)
      throw new CardpadError('i2c.failed', 'retry', `${this.name} transferred ${done} of ${asked} bytes.`);
  }

  #transfer<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const cancel = this.clock.schedule(TRANSFER_TIMEOUT_MS, () => {
        isLate = true;
        reject(stuckError(this.name));
      });
      const run = async () => {
        if (isLate) return;
        try {
          if (this.#closing !== undefined)
            throw new CardpadError('port.closed', 'reconnect', `${this.name} is closed.`);
          resolve(await work());
        } catch (thrown) {
          reject(this.#told(thrown));
        } finally {
          cancel();
        }
      };
      this.#queue = this.#queue.then(run);
    });
  }

  #told(thrown: unknown): CardpadError {
    if (thrown instanceof CardpadError) return thrown;
    // i2c-bus keeps a device file whose address was refused, and the next transfer would go to address 0.
    if (codeOf(thrown) === 'EBUSY') void this.close();
    return busError(this.name, thrown);
  }
}

async function loadBus(load: () => Promise<BusModule>): Promise<BusModule> {
  try {
    return await load();
  } catch (thrown) {
    throw new CardpadError('port.addon-missing', 'fatal', 'The I2C add-on is not installed.', {
      help: 'Run `npm install i2c-bus@5` in the cardpad folder.',
      cause: thrown,
    });
  }
}

/**
 * Opens a device on an I2C bus. Whether it answers shows at the first transfer.
 *
 * @param bus the N of /dev/i2c-N
 * @param address 7 bits, 0x03..0x77
 * @throws CardpadError `port.addon-missing` (fatal) when the optional package i2c-bus is absent; `port.missing` |
 *   `port.denied` (reconnect); `i2c.timeout` (retry); `i2c.no-raw` (reject)
 */
export async function openI2c(
  bus: number,
  address: number,
  clock: Clock,
  load = (): Promise<BusModule> => import('i2c-bus'),
): Promise<I2cPort> {
  const name = i2cName(bus, address);
  const opened = await (await loadBus(load)).openPromisified(bus);
  try {
    const { i2c } = await within(name, clock, opened.i2cFuncs());
    if (!i2c) throw Object.assign(new Error('no I2C_FUNC_I2C'), { code: 'EOPNOTSUPP' });
  } catch (thrown) {
    await opened.close().catch(() => {});
    throw thrown instanceof CardpadError ? thrown : busError(name, thrown);
  }
  return new BusPort(name, opened, address, clock);
}

function within<T>(name: string, clock: Clock, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(TRANSFER_TIMEOUT_MS, () => reject(stuckError(name)));
    work.then(resolve, reject).finally(cancel);
  });
}
