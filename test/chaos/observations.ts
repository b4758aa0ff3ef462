import type { Edge } from './sim/gpio.js';

/** The gate line rose: what an onlooker with a look at the disk knows of that instant. */
export interface Opening {
  readonly atMs: number;
  /** On the gate's own monotonic clock. */
  readonly monoMs: number;
  readonly life: number;
  readonly epoch: number;
  /** The newest taps that a power cut at that instant would have left, `epoch/seq`. */
  readonly durableTaps: readonly string[];
}

/** A card lay on the pad. */
export interface Placed {
  readonly person: number;
  readonly fromMs: number;
  toMs: number;
}

/** One life of the gate's process. */
export interface LifeSpan {
  readonly fromMs: number;
  readonly bootAtMs: number;
  /** The journal's number for it; undefined while it has written nothing. */
  epoch: number | undefined;
  toMs: number;
  end: 'running' | 'stopped' | 'killed' | 'failed';
}

/** What happened in a day, seen from outside of the gate and of central. */
export class Observations {
  readonly edges: (Edge & { readonly life: number })[] = [];
  readonly openings: Opening[] = [];
  readonly placed: Placed[] = [];
  readonly lives: LifeSpan[] = [];
  /** Log lines of the gate and of central. */
  readonly logged: string[] = [];
  /** Bytes that left the gate or central: on the wire, on the disk, with where they were seen. */
  readonly bytes: { readonly where: string; readonly bytes: Buffer }[] = [];
  /** When the module told of a card that it had found. */
  readonly foundAtMs: number[] = [];
  /** When the gate sent records to central. */
  readonly uploadsAtMs: number[] = [];
  /** What ended a process, or would have. */
  readonly crashes: string[] = [];
  /** How often each kind of fault came. */
  readonly faults: Record<string, number> = {};
  /** Records, by `epoch/seq`, of files that the gate removed because their time was over. */
  readonly removed = new Map<string, Buffer>();
  /** Central was right about the time, all day long. */
  isTimeTrue = true;
  /** The line to the reader was bad at some time. */
  hadBadLine = false;
}
