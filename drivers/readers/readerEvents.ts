import type { IdCard } from '../../protocol/card/idCard.js';
import type { Personal } from '../../protocol/personal.js';

/**
 * - `opening`: the port was never open yet.
 * - `ready`: the module is well; a card on the pad will be read.
 * - `degraded`: the module answers but cannot work, or has stopped answering; cardpad goes on trying.
 * - `lost`: there is no connection; cardpad goes on trying.
 */
export type ReaderState = 'opening' | 'ready' | 'degraded' | 'lost';

/**
 * Why a read came to nothing.
 *
 * - `damaged`: the frame came with a wrong checksum, or broke off.
 * - `contradictory`: checksum right, but the fields of the card disagree with one another.
 * - `unsupported`: a kind of card that cardpad does not know.
 * - `lifted`: the card moved away before it was read; the event names the module's status.
 * - `no-answer`: the module said nothing in its time.
 * - `status`: the module said why; the event names it.
 * - `line-lost`: the port closed in the middle.
 */
export type ReadFailure =
  | 'damaged'
  | 'contradictory'
  | 'unsupported'
  | 'lifted'
  | 'no-answer'
  | 'status'
  | 'line-lost';

/** What a reader of identity cards tells. Every `atMs` and `lastByteMs` is on the monotonic clock. */
export type ReaderEvent =
  /** `reason` is a stable code: of a port error, of a module status, `sam.no-answer`, `sam.damaged` or `sam.mute`. */
  | { readonly type: 'state'; readonly state: ReaderState; readonly reason?: string }
  /** A card came onto a pad that had none. */
  | { readonly type: 'found'; readonly atMs: number }
  /**
   * The text is in, decodes and agrees with itself. Mostly the photo is still arriving, so that nothing vouches
   * for it yet: `whole` or `failed` follows.
   */
  | { readonly type: 'text'; readonly card: Personal<IdCard>; readonly atMs: number }
  /** The frame of the last `text` was checked: same card. */
  | {
      readonly type: 'whole';
      readonly card: Personal<IdCard>;
      /** How many reads gave a text block. */
      readonly reads: 1 | 2;
      /** Two reads were wanted and gave the identical 256 bytes. */
      readonly confirmed: boolean;
      readonly atMs: number;
      /** When the last byte of the (first) frame came: where the time of a tap is counted from. */
      readonly lastByteMs: number;
    }
  | {
      readonly type: 'failed';
      readonly reason: ReadFailure;
      /** The module's status by name, when it gave one. */
      readonly status?: string;
      /** True: the last `text` is void. */
      readonly afterText: boolean;
      /** True: cardpad has tried all it can, and it is the elder's turn to put the card down again. */
      readonly final: boolean;
      readonly atMs: number;
    }
  /**
   * The module finds no card any more. After a `whole` this does not prove that the card was lifted: many
   * modules hide a card that they have read until it is.
   */
  | { readonly type: 'absent'; readonly atMs: number };
