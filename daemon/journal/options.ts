import type { Clock } from '../../platform/clock.js';
import type { Disk } from '../../platform/disk.js';
import type { Log } from '../../platform/log.js';
import type { KeyFacts } from '../../protocol/journal/record.js';
import type { RecordTime } from '../time.js';
import type { Signer } from './headSigner.js';
import type { RoomLimits } from './room.js';

export interface JournalOptions {
  readonly disk: Disk;
  readonly device: string;
  /** 16 hex characters, the same until the system boots again. */
  readonly boot: string;
  readonly clock: Clock;
  readonly time: RecordTime;
  readonly randomBytes: (length: number) => Buffer;
  /** Wraps a 32-byte record key to central's ledger key. */
  readonly wrapKey: (key: Buffer) => Promise<KeyFacts>;
  /** Signs the head of the chain. */
  readonly signer: Signer;
  /** Told when the disk begins to fail, and when it takes records again. */
  readonly onFailing?: (failing: boolean) => void;
  /** Told when the journal is full and drops what central does not have, and when it has room again. */
  readonly onDropping?: (dropping: boolean) => void;
  readonly limits?: JournalLimits;
  /** How long a record that may wait for its flush waits for one to share. */
  readonly flushWithinMs?: number;
  readonly log: Log;
}

/** How much a journal keeps, and how long it keeps what central has. */
export interface JournalLimits extends RoomLimits {
  readonly retentionMs: number;
}

const HOUR_MS = 3600 * 1000;
/** 120 hours of a busy lane without network or power, and so much of what central has as a restored one may lack. */
export const DEFAULT_LIMITS: JournalLimits = {
  maxRecords: 250_000,
  maxBytes: 256_000_000,
  retentionMs: 72 * HOUR_MS,
};
