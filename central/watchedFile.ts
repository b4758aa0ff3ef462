import { stat } from 'node:fs/promises';
import type { Cancel, Clock } from '../platform/clock.js';

const LOOK_EVERY_MS = 250;
/** A version that could not be read is tried again: the cause may have been a disk or a moment, not its content. */
const TRY_AGAIN_MS = 5_000;

/** What tells one version of a file from the next without reading it; a rename changes the inode. */
async function versionOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs}/${size}/${ino}`;
  } catch {
    return 'absent';
  }
}

/** What is told of a watched file, after it was first read. */
export interface WatchListener {
  /** Another version is in force. */
  readonly onTaken: () => void;
  /** A version could not be read; the one before stays in force. */
  readonly onProblem: (thrown: unknown) => void;
}

/**
 * A document that people or other processes change while central runs. It is looked at four times a second (a look is
 * one stat) and read again when it is another; a version that cannot be read leaves the last good one in force, and is reported once.
 */
export class WatchedFile<T> {
  /** The version in force. */
  #version: string;
  #failed: { readonly version: string; readonly atMs: number } | undefined;
  #looking: Promise<void> | undefined;
  #cancel: Cancel = () => {};
  #closed = false;

  private constructor(
    private readonly path: string,
    private readonly load: () => Promise<T>,
    private readonly clock: Clock,
    private readonly listener: WatchListener,
    version: string,
    private current: T,
  ) {
    this.#version = version;
    this.#lookLater();
  }

  /**
   * @param load reads the file anew; what it throws here is the caller's, later it goes to the listener
   */
  static async open<T>(
    path: string,
    load: () => Promise<T>,
    clock: Clock,
    listener: WatchListener,
  ): Promise<WatchedFile<T>> {
    // The version is taken first: a change during the reading is then noticed at the next look.
    const version = await versionOf(path);
    return new WatchedFile(path, load, clock, listener, version, await load());
  }

  /** The last good version. */
  get value(): T {
    return this.current;
  }

  /** Looks now; several callers share one look. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const version = await versionOf(this.path);
    const { version: failed, atMs = 0 } = this.#failed ?? {};
    const nowMs = this.clock.monotonicMs();
    if (version === this.#version) {
      this.#failed = undefined;
      return;
    }
    if (version === failed && nowMs - atMs < TRY_AGAIN_MS) return;
    try {
      this.current = await this.load();
      this.#version = version;
      this.#failed = undefined;
      this.listener.onTaken();
    } catch (thrown) {
      this.#failed = { version, atMs: nowMs };
      if (version !== failed) this.listener.onProblem(thrown);
    }
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#cancel = this.clock.schedule(
      LOOK_EVERY_MS,
      () => void this.refresh().then(() => this.#lookLater()),
    );
  }
}
