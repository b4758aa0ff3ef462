import type { DiscardReason } from '../../protocol/reader/samFrame.js';

/** What a reader has been through since the start, for the health message and for `doctor`. */
export interface ReaderCounters {
  /** Bytes that came from the module. */
  rxBytes: number;
  /** Bytes handed to the port. */
  txBytes: number;
  /** Frames with a good checksum. */
  frames: number;
  /** Bytes that belonged to no good frame, by what was wrong with them. */
  readonly discarded: Record<DiscardReason, number>;
  /** Questions without an answer in their time. */
  timeouts: number;
  /** Replies that answer another question than the one that was asked. */
  mismatched: number;
  /** Good frames that came while nothing was asked. */
  unsolicited: number;
  /** Requests sent again because the module said that they came damaged. */
  resends: number;
  /** Times that the module was sent 10 FF. */
  resets: number;
  /** Times that the port was opened again after the first. */
  reopens: number;
  /** Cards read to the end. */
  reads: number;
  /** Attempts that came to nothing, by reason, or by the name of the module's status. */
  readonly readsFailed: Record<string, number>;
}

export function newReaderCounters(): ReaderCounters {
  return {
    rxBytes: 0,
    txBytes: 0,
    frames: 0,
    discarded: { noise: 0, 'bad-length': 0, 'bad-checksum': 0, incomplete: 0 },
    timeouts: 0,
    mismatched: 0,
    unsolicited: 0,
    resends: 0,
    resets: 0,
    reopens: 0,
    reads: 0,
    readsFailed: {},
  };
}
