import { join } from 'node:path';
import { ledgerFolder } from '../../../central/keys.js';
import { ledgerFileName } from '../../../central/ledger/ledgerFile.js';
import { segmentsIn } from '../../../daemon/journal/segments.js';
import type { Stage } from '../stage.js';
import type { Counts } from './happenings.js';
import { RecordFiles } from './recordFiles.js';

export const records = (count: number): string => (count === 1 ? '1 record' : `${count} records`);

/** What stood in the queue when it mattered, for the balance at the end. */
export interface Balance {
  readonly kills: number;
  /** Records that a queue in memory would have held at the kills, each counted once. */
  readonly lostFromMemory: number;
  readonly longestQueue: number;
  readonly timesMs: readonly number[];
  /** People who were told an outcome. */
  readonly came: number;
}

/** A queue in memory that is given the same records, and dies with its process. */
export class MemoryQueue {
  #lost = 0;
  /** Of all records so far, those that it had to send or to lose. */
  #settled = 0;

  get lost(): number {
    return this.#lost;
  }

  /**
   * @param written records so far
   * @param atCentral so many of them, the first ones, had been taken by central
   */
  die(written: number, atCentral: number): void {
    // What an earlier death took cannot be lost again, though cardpad's own queue still holds it.
    this.#settled = Math.max(this.#settled, atCentral);
    this.#lost += Math.max(0, written - this.#settled);
    this.#settled = Math.max(this.#settled, written);
  }
}

/** Counts records and taps in the files that hold them, and keeps what the end wants to know. */
export class Tally {
  readonly #gate: RecordFiles;
  readonly #central: RecordFiles;
  readonly #memory = new MemoryQueue();
  readonly #timesMs: number[] = [];
  #kills = 0;
  #longestQueue = 0;

  constructor(stage: Pick<Stage, 'data' | 'device' | 'central'>) {
    this.#gate = new RecordFiles(join(stage.data, 'journal'), (name) => segmentsIn([name]).length > 0);
    const ledger = ledgerFileName(stage.device, 0);
    this.#central = new RecordFiles(ledgerFolder(stage.central), (name) => name === ledger);
  }

  /** Somebody was told an outcome, so long after the card's last byte. */
  told(totalMs: number): void {
    this.#timesMs.push(totalMs);
  }

  /** The daemon was killed, and has not been started again. */
  killed(): void {
    this.#kills += 1;
    const { gate, central } = this.#held();
    this.#memory.die(gate.records, central.records);
  }

  count(): Counts {
    const { gate, central } = this.#held();
    const waiting = Math.max(0, gate.records - central.records);
    this.#longestQueue = Math.max(this.#longestQueue, waiting);
    const came = this.#timesMs.length;
    const kept = Math.max(gate.taps, central.taps);
    return { came, atCentral: central.taps, waiting, lost: Math.max(0, came - kept) };
  }

  get balance(): Balance {
    return {
      kills: this.#kills,
      lostFromMemory: this.#memory.lost,
      longestQueue: this.#longestQueue,
      timesMs: this.#timesMs,
      came: this.#timesMs.length,
    };
  }

  #held() {
    // The gate's first, so that a record which is written in between does not seem to wait.
    const gate = this.#gate.count();
    return { gate, central: this.#central.count() };
  }
}
