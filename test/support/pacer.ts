import type { Random } from '../../drivers/simulated/random.js';

/** How one way of a connection lets bytes through; it may change at any time. */
export interface Pacing {
  /** From coming in to going out. */
  latencyMs: number;
  /** Added to the latency by chance, 0 up to this; order is kept, as TCP keeps it. */
  jitterMs: number;
  /** 0: as fast as they come. */
  bytesPerSecond: number;
  /** Written in pieces of at most this size, each on its own; 0: as they come. */
  pieceBytes: number;
}

/** Lets the bytes of one way through, late, slowly or in small pieces; in order, and none is lost. */
export class Pacer {
  readonly #queue: { readonly piece: Buffer; readonly atMs: number }[] = [];
  #lastAtMs = 0;
  #isPumping = false;
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly pacing: Readonly<Pacing>,
    private readonly random: Random,
    private readonly write: (piece: Buffer) => void,
  ) {}

  send(bytes: Buffer): void {
    const { latencyMs, jitterMs, bytesPerSecond, pieceBytes } = this.pacing;
    const lateMs = latencyMs + (this.random() / 2 ** 32) * jitterMs;
    this.#lastAtMs = Math.max(this.#lastAtMs, performance.now() + lateMs);
    const size = pieceBytes === 0 ? bytes.length : pieceBytes;
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      if (bytesPerSecond > 0) this.#lastAtMs += (piece.length * 1000) / bytesPerSecond;
      this.#queue.push({ piece, atMs: this.#lastAtMs });
    }
    if (!this.#isPumping) this.#pump();
  }

  /** Calls once everything that was taken is written. */
  end(call: () => void): void {
    if (this.#queue.length === 0) call();
    else this.#onIdle = call;
  }

  /** One piece a turn of the loop, so that the kernel does not glue it to the one before. */
  #pump(): void {
    const [next] = this.#queue;
    this.#isPumping = next !== undefined;
    if (next === undefined) return this.#onIdle?.();
    const waitMs = next.atMs - performance.now();
    if (waitMs > 0) {
      setTimeout(() => this.#pump(), waitMs);
      return;
    }
    this.#queue.shift();
    this.write(next.piece);
    if (this.#queue.length > 0) setImmediate(() => this.#pump());
    else this.#pump();
  }
}
