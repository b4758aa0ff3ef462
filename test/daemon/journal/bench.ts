import { createHash } from 'node:crypto';
import type { Signer } from '../../../daemon/journal/headSigner.js';
import { Journal } from '../../../daemon/journal/journal.js';
import type { JournalLimits } from '../../../daemon/journal/options.js';
import { ManualClock } from '../../../platform/clock.js';
import type { Disk } from '../../../platform/disk.js';
import { createLog } from '../../../platform/log.js';
import {
  epochBase,
  type JournalRecord,
  type KeyFacts,
  linkOf,
  nextHead,
  parseRecord,
  startFacts,
} from '../../../protocol/journal/record.js';
import type { TapId } from '../../../protocol/wire/messages.js';

export const DEVICE = 'gz-bus-a1';
/** Fictional: right check character, issued to nobody. */
export const NUMBER = '11010519491231002X';

type Content = Parameters<Journal['append']>[0];

export const tap: Content = {
  kind: 'tap',
  content: {
    medium: 'id-card',
    assurance: 'sam',
    validity: 'valid',
    token: NUMBER,
    schemes: ['health-code@1'],
    site: 'gz-bus',
    lane: 'A1',
    direction: 'entry',
  },
};

export const verdictOn = (id: TapId): Content & { kind: 'verdict' } => ({
  kind: 'verdict',
  content: {
    tap: id,
    outcome: 'pass',
    reasons: ['health.green'],
    action: 'open',
    decidedBy: 'central',
    tookMs: 12,
  },
});

/** Random bytes that are the same in every run, for as many journals as share them. */
export function repeatableBytes(): (length: number) => Buffer {
  let drawn = 0;
  return (length) => {
    drawn += 1;
    return createHash('shake256', { outputLength: length }).update(`draw ${drawn}`).digest();
  };
}

const randomBytes = repeatableBytes();

/** Signs at once, with what nobody checks. */
export const SIGNER: Signer = { id: 'd0d1d2d3d4d5d6d7', sign: async () => 'ab'.repeat(64) };

export interface OpenedJournal {
  readonly journal: Journal;
  readonly clock: ManualClock;
  readonly lines: string[];
  /** What was told of the disk: that it begins to fail, that it takes records again. */
  readonly failing: boolean[];
  /** What was told of its room: that it drops records, that it has room again. */
  readonly dropping: boolean[];
}

export interface OpenSettings {
  /** Does what is wanted around the wrapping of a record key. */
  readonly around?: (wrap: () => Promise<KeyFacts>) => Promise<KeyFacts>;
  readonly trusted?: boolean;
  readonly limits?: JournalLimits;
  readonly signer?: Signer;
}

/** Opens a journal on a disk; the wrapped record key is of the right shape and opens for nobody. */
export async function openOn(
  disk: Disk,
  clock = new ManualClock(),
  settings: OpenSettings = {},
): Promise<OpenedJournal> {
  const { around = (wrap) => wrap(), trusted = true, limits, signer = SIGNER } = settings;
  const lines: string[] = [];
  const failing: boolean[] = [];
  const dropping: boolean[] = [];
  const journal = await Journal.open({
    disk,
    device: DEVICE,
    boot: '0123456789abcdef',
    clock,
    time: { wallMs: () => clock.wallMs(), trusted },
    randomBytes,
    wrapKey: () => around(async () => ({ ledgerKey: 'a1b2c3d4e5f60718', wrapped: `04${'00'.repeat(128)}` })),
    signer,
    onFailing: (isFailing) => failing.push(isFailing),
    onDropping: (isDropping) => dropping.push(isDropping),
    ...(limits === undefined ? {} : { limits }),
    log: createLog(
      (line) => lines.push(line),
      'debug',
      () => clock.wallMs(),
    ),
  });
  return { journal, clock, lines, failing, dropping };
}

/** Whether a promise is pending, done or failed; asked after everything that needs no time has happened. */
export class Watched {
  state: 'pending' | 'done' | string = 'pending';

  constructor(promise: Promise<void>) {
    promise.then(
      () => {
        this.state = 'done';
      },
      (thrown) => {
        this.state = String(thrown.code ?? thrown);
      },
    );
  }
}

export interface Drained {
  readonly records: JournalRecord[];
  /** `1/3 tap` for each record, in order. */
  readonly names: string[];
  /** `1/3` for each record of which only the link came, in order. */
  readonly links: string[];
}

/**
 * Takes everything that a journal would send, as central does, and proves it: no gap, each head from the one before,
 * each epoch's first record tied to the last record of the epoch before it.
 * @throws Error at the first thing that does not fit
 */
export async function drain(journal: Journal, from: TapId = { epoch: 0, seq: 0 }): Promise<Drained> {
  const records: JournalRecord[] = [];
  const links: string[] = [];
  let at = from;
  let head: Buffer | undefined;
  let before: TapId = from;
  for (;;) {
    const outgoing = await journal.batchAfter(at, 8 * 1024, 7);
    if (outgoing === undefined) break;
    const { batch, last } = outgoing;
    let previous: Buffer = Buffer.from(batch.previous, 'hex');
    for (const [index, body] of batch.records.entries()) {
      if (!Buffer.isBuffer(body)) {
        const seq = batch.first + index;
        if (seq !== before.seq + 1 || head?.equals(previous) === false)
          throw new Error(`link ${seq} does not fit`);
        previous = nextHead(previous, { seq, ...body });
        head = previous;
        links.push(`${batch.epoch}/${seq}`);
        before = { epoch: batch.epoch, seq };
        continue;
      }
      const parsed = parseRecord(body);
      if (!parsed.ok) throw new Error(`record ${batch.first + index}: ${parsed.reason}`);
      const record = parsed.value;
      if (record.epoch !== batch.epoch || record.seq !== batch.first + index) throw new Error('misnumbered');
      const start = startFacts(record);
      if (record.seq === 1) {
        if (start === undefined) throw new Error('an epoch begins without its start record');
        if (!epochBase(record.epoch, start).equals(previous)) throw new Error('the epoch has another base');
        const tied = start.previous === null ? undefined : `${start.previous.epoch}/${start.previous.seq}`;
        if (before.epoch > from.epoch && tied !== `${before.epoch}/${before.seq}`)
          throw new Error(`tied to ${tied}`);
        if (before.epoch > from.epoch && start.previous?.head !== head?.toString('hex'))
          throw new Error('other head');
      } else if (head !== undefined) {
        if (record.seq !== before.seq + 1) throw new Error(`gap before ${record.seq}`);
        if (!head.equals(previous)) throw new Error(`the chain breaks at ${record.epoch}/${record.seq}`);
      }
      previous = nextHead(previous, linkOf(record, body));
      head = previous;
      before = record;
      records.push(record);
    }
    if (last.head !== head?.toString('hex')) throw new Error('the batch names another head');
    at = last;
  }
  return { records, names: records.map(({ epoch, seq, kind }) => `${epoch}/${seq} ${kind}`), links };
}
