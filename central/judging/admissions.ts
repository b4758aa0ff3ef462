import { BoundedMap } from '../../platform/boundedMap.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { JournalRecord } from '../../protocol/journal/record.js';
import { parseTapContent, parseVerdictContent, type TapContent } from '../../protocol/journal/seal.js';
import type { ChainedRecord } from '../ledger/batch.js';
import { BootClocks } from '../ledger/bootClocks.js';
import { RecordReader, type Unwrap } from '../ledger/reading.js';
import { factsOf } from '../rules/facts.js';
import type { People } from '../rules/people.js';
import { judge, type RuleTable } from '../rules/rules.js';

const LINES = 4_096;
const TAPS_A_LINE = 32;
/** Admissions that wait for a word on what time it was. */
const UNDATED_A_LINE = 512;

export interface AdmissionOptions {
  readonly unwrap: Unwrap;
  readonly recordAt: (
    device: string,
    epoch: number,
    seq: number,
    fork: number,
  ) => Promise<JournalRecord | undefined>;
  readonly rules: () => RuleTable;
  readonly people: () => People;
  readonly clock: Clock;
  readonly log: Log;
}

interface Presented {
  readonly content: TapContent;
  readonly record: JournalRecord;
}

interface Watched {
  readonly reader: RecordReader;
  readonly clocks: BootClocks;
  readonly taps: BoundedMap<string, Presented>;
  /** Admitted when the gate did not know the time: judged when it says what time it was. */
  readonly undated: BoundedMap<string, Presented>;
}

/**
 * Judges on arrival who was admitted without a verdict, and reports those who would not have passed: who can drop
 * messages can turn a refusal into an admission, and this is where it shows.
 */
export class Admissions {
  readonly #lines = new BoundedMap<string, Watched>(LINES);
  #reported = 0;

  constructor(private readonly options: AdmissionOptions) {}

  /** How many were reported. */
  get reported(): number {
    return this.#reported;
  }

  /**
   * Records that are on central's disk now, in order.
   * @param fork the line of the ledger that has them; each has taps and keys of its own in the same places
   */
  async stored(device: string, records: readonly ChainedRecord[], fork: number): Promise<void> {
    const watched = this.#watched(device, fork);
    for (const { record } of records) {
      watched.reader.note(record);
      if (watched.clocks.note(record)) this.#date(device, watched, record.boot);
      if (record.kind === 'tap') await this.#remember(watched, record);
      else if (record.kind === 'verdict') await this.#judge(device, watched, record);
    }
  }

  async #remember({ reader, taps }: Watched, record: JournalRecord): Promise<void> {
    const opening = await reader.open(record);
    const content = opening.ok ? parseTapContent(opening.plaintext) : undefined;
    if (content?.ok !== true) return;
    taps.set(`${record.epoch}/${record.seq}`, { content: content.value, record });
  }

  async #judge(device: string, watched: Watched, record: JournalRecord): Promise<void> {
    const { reader, taps, clocks, undated } = watched;
    const opening = await reader.open(record);
    const verdict = opening.ok ? parseVerdictContent(opening.plaintext) : undefined;
    if (verdict?.ok !== true) return;
    const { tap, decidedBy, action } = verdict.value;
    const key = `${tap.epoch}/${tap.seq}`;
    const presented = taps.get(key);
    taps.delete(key);
    // A newer card ended the wait (`none`), or somebody was held: nobody was admitted.
    if (decidedBy !== 'local' || action !== 'open' || presented === undefined) return;
    // An exit always opens: nobody needs a verdict to leave.
    if (presented.content.direction === 'exit') return;
    const atMs = clocks.wallMs(presented.record);
    if (atMs === undefined) undated.set(key, presented);
    else this.#report(device, key, presented.content, atMs);
  }

  /** The time of a boot is known: what waited for it is judged, and of earlier boots nothing will be known any more. */
  #date(device: string, { clocks, undated }: Watched, boot: string): void {
    const nowMs = this.options.clock.wallMs();
    for (const [key, { content, record }] of [...undated.entries()]) {
      if (record.boot !== boot) this.#report(device, key, content, nowMs);
      else this.#report(device, key, content, clocks.wallMs(record) ?? nowMs);
      undated.delete(key);
    }
  }

  #report(device: string, key: string, content: TapContent, atMs: number): void {
    const { people, rules, log } = this.options;
    const person = people().find(content.medium, content.token);
    const { outcome, reasons } = judge(rules(), content.schemes, factsOf(content, person, atMs));
    if (outcome === 'pass') return;
    this.#reported += 1;
    const { lane, direction } = content;
    log.warn('admitted without a verdict, would not have passed', {
      device,
      tap: key,
      outcome,
      reasons: reasons.join('+'),
      lane,
      direction,
    });
  }

  #watched(device: string, fork: number): Watched {
    const line = `${device}/${fork}`;
    const known = this.#lines.get(line);
    if (known !== undefined) return known;
    const { unwrap, recordAt, clock } = this.options;
    const reader = new RecordReader(device, unwrap, (epoch, seq) => recordAt(device, epoch, seq, fork));
    const undated: Watched['undated'] = new BoundedMap(UNDATED_A_LINE, (key, { content }) => {
      this.#report(device, key, content, clock.wallMs());
    });
    const watched: Watched = {
      reader,
      clocks: new BootClocks(),
      taps: new BoundedMap(TAPS_A_LINE),
      undated,
    };
    this.#lines.set(line, watched);
    return watched;
  }
}
