import type { Random } from '../../../drivers/simulated/random.js';
import type { AppendFile, Disk } from '../../../platform/disk.js';
import type { MemoryDisk } from '../../support/memoryDisk.js';
import { between, type LifeClock } from './clock.js';

/** How a disk does just now. */
export interface DiskHealth {
  /** A flush takes up to so long. */
  slowestSyncMs: number;
  /** No room: creating and appending fail. */
  full: boolean;
  /** Flushing fails. */
  failing: boolean;
}

export const wellDisk = (): DiskHealth => ({ slowestSyncMs: 12, full: false, failing: false });

/** Makes a disk in memory fail as its health says. */
export function ail(disk: MemoryDisk, health: DiskHealth): MemoryDisk {
  disk.fail = (operation) => {
    if (health.full && (operation === 'create' || operation === 'append')) return 'ENOSPC';
    return health.failing && operation === 'sync' ? 'EIO' : undefined;
  };
  return disk;
}

/** A disk as one life of the gate sees it: every operation takes simulated time, and none ends behind its death. */
export class SimDisk implements Disk {
  constructor(
    private readonly disk: MemoryDisk,
    private readonly clock: LifeClock,
    private readonly random: Random,
    private readonly health: DiskHealth,
    private readonly onBytes: (bytes: Uint8Array) => void,
    private readonly onRemove: (bytes: Buffer) => void,
  ) {}

  list(): Promise<string[]> {
    return this.#take(1, () => this.disk.list());
  }

  read(name: string): Promise<Buffer> {
    return this.#take(3, () => this.disk.read(name));
  }

  sync(name: string): Promise<void> {
    return this.#take(this.health.slowestSyncMs, () => this.disk.sync(name));
  }

  remove(name: string): Promise<void> {
    return this.#take(5, () => {
      this.onRemove(this.disk.bytesOf(name));
      return this.disk.remove(name);
    });
  }

  replace(name: string, bytes: Uint8Array): Promise<void> {
    this.onBytes(bytes);
    return this.#take(20, () => {
      this.onRemove(this.disk.bytesOf(name));
      return this.disk.replace(name, bytes);
    });
  }

  async create(name: string): Promise<AppendFile> {
    const file = await this.#take(8, () => this.disk.create(name));
    return {
      append: (bytes) => {
        this.onBytes(bytes);
        return this.#take(1, () => file.append(bytes));
      },
      sync: () => this.#take(this.health.slowestSyncMs, () => file.sync()),
      truncate: (lengthBytes) => this.#take(2, () => file.truncate(lengthBytes)),
      close: () => this.#take(1, () => file.close()),
    };
  }

  /** The work takes effect somewhere in between, as a real operation does before its caller hears of it. */
  async #take<T>(mostMs: number, work: () => Promise<T>): Promise<T> {
    await this.clock.sleep(between(this.random, 0, mostMs));
    try {
      return await work();
    } finally {
      await this.clock.sleep(between(this.random, 0, mostMs / 4));
    }
  }
}
