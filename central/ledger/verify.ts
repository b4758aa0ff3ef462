import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FRAME_HEADER_BYTES, isFrameBeginning } from '../../protocol/journal/frame.js';
import type { JournalRecord } from '../../protocol/journal/record.js';
import { parseVerdictContent, parseVoidContent } from '../../protocol/journal/seal.js';
import { sm2Verify } from '../../protocol/sm/sm2.js';
import type { Place } from '../../protocol/wire/session.js';
import { everEnrolledKeys, openEnrolments } from '../enrolments.js';
import { ledgerFolder } from '../keys.js';
import { isAfter, readAnchors } from './anchors.js';
import { DeclaredDrops, type DroppedRange } from './declaredDrops.js';
import { listLedger } from './events.js';
import { HeadAudit, type HeadKeys } from './headAudit.js';
import { type LedgerFileName, type LedgerPart, ledgerFileName, readLedger } from './ledgerFile.js';
import { type EpochEnd, type Fault, LineAudit } from './lineAudit.js';
import { RecordReader, type Unwrap } from './reading.js';

/** Faults listed of one device; the first one is what matters. */
const MOST_FAULTS = 100;

export interface DeviceReport {
  readonly device: string;
  readonly whole: boolean;
  readonly records: number;
  readonly taps: number;
  readonly verdicts: number;
  /** Lowest and highest; null for an empty ledger. */
  readonly epochs: readonly [number, number] | null;
  /** The newest place of the main line. */
  readonly head: Place | null;
  /** The last record of the main line that a signature of the device covers; null: none. */
  readonly signedUpTo: { readonly epoch: number; readonly seq: number } | null;
  /** Epochs that are over and hold no signature: a power cut each, or somebody who took them away. No fault. */
  readonly unsignedEpochs: readonly number[];
  /** False where no enrolled key of the device is known. */
  readonly signaturesChecked: boolean;
  /** Whether sealed parts were checked too, which takes the ledger key. */
  readonly sealsChecked: boolean;
  /**
   * Taps, but for the newest, that no verdict followed: a power cut, or somebody who kept one back. The chain
   * tells which; they are no fault by themselves. Undefined where seals were not checked.
   */
  readonly tapsWithoutVerdict: number | undefined;
  /** Records that the gate dropped for want of room and told of. No fault: the chain holds their places. */
  readonly dropped: readonly DroppedRange[];
  /** First what was acknowledged and is gone, then in order of the file. */
  readonly faults: readonly Fault[];
}

interface Tally {
  taps: number;
  verdicts: number;
  newestTap: string;
  readonly unanswered: Set<string>;
  keysMissing: boolean;
  readonly drops: DeclaredDrops;
}

/** Sealed kinds that this code knows: one without its seal was not written by a gate. */
const SEALED_KINDS = ['tap', 'verdict', 'tap-void', 'passage', 'alarm'];

/**
 * Recomputes every chain of a ledger and names what is wrong; a device whose file is gone counts too, where records of
 * it were acknowledged. Works beside a central that writes.
 * @param unwrap with the ledger key: sealed parts are checked too
 */
export async function* verifyLedger(
  folder: string,
  device: string | undefined,
  unwrap: Unwrap | undefined,
): AsyncGenerator<DeviceReport> {
  // Before the ledger: what is acknowledged while it is read must not seem to be missing.
  const anchors = await readAnchors(folder);
  const byDevice = new Map<string, LedgerFileName[]>();
  for (const name of [...anchors.keys()].sort()) {
    if (device === undefined || name === device) byDevice.set(name, []);
  }
  for (const file of await listLedger(folder, device)) {
    byDevice.set(file.device, [...(byDevice.get(file.device) ?? []), file]);
  }
  const { data: enrolments } = await openEnrolments(folder);
  for (const [name, files] of byDevice) {
    const trust = { keys: everEnrolledKeys(enrolments, name), verify: sm2Verify };
    yield await verifyDevice({ folder, device: name, unwrap, anchor: anchors.get(name), trust }, files);
  }
}

/** What one device's files are held against. */
interface Measure {
  readonly folder: string;
  readonly device: string;
  readonly unwrap: Unwrap | undefined;
  readonly anchor: Place | undefined;
  readonly trust: HeadKeys;
}

async function verifyDevice(measure: Measure, files: readonly LedgerFileName[]): Promise<DeviceReport> {
  const { device, unwrap, anchor, trust } = measure;
  const tally: Tally = {
    taps: 0,
    verdicts: 0,
    newestTap: '',
    unanswered: new Set(),
    keysMissing: false,
    drops: new DeclaredDrops(),
  };
  const audits: LineAudit[] = [];
  for (const file of files) audits.push(await auditFile(measure, file, tally));
  const drops = tally.drops.finish();
  const main = audits.find(({ file }) => file.fork === 0);
  const faults = [
    ...acknowledged(device, main, anchor),
    ...audits.flatMap((audit) => audit.faults),
    ...betweenEpochs(main),
    ...forks(audits),
    ...drops.faults,
  ];
  tally.unanswered.delete(tally.newestTap);
  const epochs = audits.flatMap((audit) => [...audit.ends().keys()]);
  const sealsChecked = unwrap !== undefined && !tally.keysMissing;
  return {
    device,
    whole: faults.length === 0,
    records: audits.reduce((sum, { records }) => sum + records, 0),
    taps: tally.taps,
    verdicts: tally.verdicts,
    epochs: epochs.length === 0 ? null : [Math.min(...epochs), Math.max(...epochs)],
    head: main === undefined ? null : newestPlace(main),
    signedUpTo: main?.heads?.signedUpTo ?? null,
    unsignedEpochs: main?.heads?.unsignedEpochs ?? [],
    signaturesChecked: trust.keys.length > 0,
    sealsChecked,
    tapsWithoutVerdict: sealsChecked ? tally.unanswered.size : undefined,
    dropped: drops.dropped,
    faults: faults.slice(0, MOST_FAULTS),
  };
}

/** The last record of a line. */
export function newestPlace(audit: LineAudit): Place | null {
  const { newest } = audit;
  const end = newest === undefined ? undefined : audit.ends().get(newest.epoch);
  return newest === undefined || end === undefined
    ? null
    : { epoch: newest.epoch, seq: end.last, head: end.head };
}

async function auditFile(measure: Measure, file: LedgerFileName, tally: Tally): Promise<LineAudit> {
  const { folder, unwrap, anchor, trust } = measure;
  const path = join(ledgerFolder(folder), file.name);
  const heads = trust.keys.length === 0 ? undefined : new HeadAudit(file.device, trust);
  const audit = new LineAudit(file, file.fork === 0 ? anchor : undefined, heads);
  const reader = unwrap === undefined ? undefined : new RecordReader(file.device, unwrap);
  let last: LedgerPart | undefined;
  for await (const part of readLedger(path)) {
    last = last?.kind === 'damage' && part.kind === 'damage' ? { ...part, from: last.from } : part;
    const record = audit.take(part);
    if (part.kind === 'link') tally.drops.link(file.name, part.frame.link);
    if (record === undefined) continue;
    tally.drops.note(record);
    if (record.kind === 'tap') tally.taps += 1;
    if (record.kind === 'verdict') tally.verdicts += 1;
    if (reader !== undefined) await checkSeal(audit, reader, record, tally);
  }
  audit.finish(last?.kind === 'damage' && (await isTorn(path, last)));
  return audit;
}

async function checkSeal(
  audit: LineAudit,
  reader: RecordReader,
  record: JournalRecord,
  tally: Tally,
): Promise<void> {
  reader.note(record);
  if (record.sealed === undefined) {
    if (SEALED_KINDS.includes(record.kind)) audit.unsealed(record);
    return;
  }
  const opening = await reader.open(record);
  if (!opening.ok) {
    if (opening.reason === 'no-key') tally.keysMissing = true;
    else audit.unsealed(record);
    return;
  }
  pair(tally, record, opening.plaintext);
}

function pair(tally: Tally, { kind, epoch, seq }: JournalRecord, plaintext: Buffer): void {
  if (kind === 'tap') {
    tally.newestTap = `${epoch}/${seq}`;
    tally.unanswered.add(tally.newestTap);
    return;
  }
  if (kind !== 'verdict' && kind !== 'tap-void') return;
  const content = kind === 'verdict' ? parseVerdictContent(plaintext) : parseVoidContent(plaintext);
  if (content.ok) tally.unanswered.delete(`${content.value.tap.epoch}/${content.value.tap.seq}`);
}

/**
 * Whether damage at the end is the beginning of a frame whose rest is not there: an append that was cut short, or is
 * under way. A frame that is there to its end and does not check was altered.
 */
async function isTorn(path: string, { from, to }: LedgerPart): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(FRAME_HEADER_BYTES);
    const { bytesRead } = await handle.read(head, 0, head.length, from);
    return isFrameBeginning(head.subarray(0, bytesRead), to - from);
  } finally {
    await handle.close();
  }
}

/** What central has acknowledged and the main line does not hold: no chain tells of records cut off its end. */
function acknowledged(device: string, main: LineAudit | undefined, anchor: Place | undefined): Fault[] {
  if (anchor === undefined || main?.anchored === anchor.head) return [];
  const { epoch, seq } = anchor;
  const file = ledgerFileName(device, 0);
  if (main?.anchored !== undefined) {
    const isNamed = main.faults.some((fault) => fault.epoch === epoch && fault.seq === seq);
    const detail = 'another record was acknowledged in its place';
    return isNamed ? [] : [{ kind: 'altered', epoch, seq, file, detail }];
  }
  const end = main === undefined ? null : newestPlace(main);
  const goesOn = end !== null && isAfter(end, anchor);
  const ends =
    end === null ? 'holds nothing' : `ends at ${end.epoch}/${end.seq}${goesOn ? ' without it' : ''}`;
  const detail = `records up to ${epoch}/${seq} were acknowledged, the ledger ${ends}`;
  return [{ kind: 'removed', epoch, seq: goesOn ? seq : firstGone(end, epoch), file, detail }];
}

const firstGone = (end: Place | null, epoch: number): number => (end?.epoch === epoch ? end.seq + 1 : 1);

/** What lies between one start and the next: records that never came, or a disk that went back. */
export function betweenEpochs(main: LineAudit | undefined): Fault[] {
  if (main === undefined) return [];
  const ends = main.ends();
  return main.starts.flatMap(({ epoch, facts }, at): Fault[] => {
    const { previous } = facts;
    const fault = (kind: 'gap' | 'rolled-back', detail: string): Fault[] => [
      { kind, epoch, seq: 1, file: main.file.name, detail },
    ];
    if (previous === null) return at === 0 ? [] : fault('rolled-back', 'this start found an empty disk');
    return afterPlace(previous, ends.get(previous.epoch), fault);
  });
}

function afterPlace(
  previous: Place,
  end: EpochEnd | undefined,
  fault: (kind: 'gap' | 'rolled-back', detail: string) => Fault[],
): Fault[] {
  const place = `${previous.epoch}/${previous.seq}`;
  if (end === undefined)
    return fault('gap', `it follows ${place}, and nothing of epoch ${previous.epoch} is here`);
  if (end.last < previous.seq) {
    return fault('gap', `records ${previous.epoch}/${end.last + 1} to ${place} before it are missing`);
  }
  if (end.last > previous.seq) {
    return fault(
      'rolled-back',
      `this start found a disk that ended at ${place}; ${previous.epoch}/${end.last} is here`,
    );
  }
  return end.head === previous.head
    ? []
    : fault('gap', `it follows another ${place} than the one that is here`);
}

function forks(audits: readonly LineAudit[]): Fault[] {
  return audits.flatMap((audit): Fault[] => {
    const { file } = audit;
    if (file.fork === 0) return [];
    const [first] = audit.ends();
    const detail = 'a second history of this device begins here: its disk was cloned or rolled back';
    return [{ kind: 'fork', epoch: first?.[0], seq: first?.[1].first, file: file.name, detail }];
  });
}
