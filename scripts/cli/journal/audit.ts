import { isAfter } from '../../../central/ledger/anchors.js';
import { DeclaredDrops, type DroppedRange } from '../../../central/ledger/declaredDrops.js';
import { HeadAudit } from '../../../central/ledger/headAudit.js';
import { type Fault, LineAudit } from '../../../central/ledger/lineAudit.js';
import { betweenEpochs, newestPlace } from '../../../central/ledger/verify.js';
import type { Segment } from '../../../daemon/journal/segments.js';
import { sm2Verify } from '../../../protocol/sm/sm2.js';
import type { Place } from '../../../protocol/wire/session.js';
import { type GateFolder, listSegments } from './gateFolder.js';
import { isTornTail, type JournalPart, readJournal } from './segmentReading.js';

/** Faults listed; the first one is what matters. */
const MOST_FAULTS = 100;
/** A running daemon removes files that central has: then the reading begins anew. */
const MOST_TRIES = 3;

/** What `cardpad journal verify` finds. */
export interface JournalReport {
  readonly device: string;
  readonly whole: boolean;
  readonly records: number;
  readonly segments: number;
  /** Lowest and highest; null for an empty journal. */
  readonly epochs: readonly [number, number] | null;
  /** The first record that is here: what came before it is gone, as central had it. */
  readonly begins: { readonly epoch: number; readonly seq: number } | null;
  readonly head: Place | null;
  /** An append that was cut short at the very end, or is under way. No fault: it was on no disk. */
  readonly tornBytes: number;
  /** The last record that a signature by the device's own key covers. */
  readonly signedUpTo: { readonly epoch: number; readonly seq: number } | null;
  /** Epochs without any good signature, the newest one left out. */
  readonly unsignedEpochs: readonly number[];
  /** Records that went for want of room, and that the journal tells of. No fault: the chain holds their places. */
  readonly dropped: readonly DroppedRange[];
  readonly faults: readonly Fault[];
}

interface Read {
  readonly audit: LineAudit;
  readonly drops: ReturnType<DeclaredDrops['finish']>;
  readonly segments: readonly Segment[];
  readonly tornBytes: number;
  readonly gone: readonly Segment[];
  /** Files at the beginning that hold bytes and no whole record. */
  readonly lost: readonly Segment[];
}

/**
 * Recomputes the chain of a gate's journal and names what is wrong.
 * @param acknowledged a place that central has: its record must be here, or be older than all that is
 */
export async function auditJournal(
  folder: GateFolder,
  acknowledged: Place | undefined,
  onSegment: (before: number, of: number) => void,
): Promise<JournalReport> {
  let read = await readOnce(folder, acknowledged, onSegment);
  for (let tries = 1; read.gone.length > 0 && tries < MOST_TRIES; tries++)
    read = await readOnce(folder, acknowledged, onSegment);
  return reportOf(folder, acknowledged, read);
}

async function readOnce(
  folder: GateFolder,
  acknowledged: Place | undefined,
  onSegment: (before: number, of: number) => void,
): Promise<Read> {
  const segments = await listSegments(folder);
  const { device, key } = folder;
  const heads = new HeadAudit(device, { keys: [key], verify: sm2Verify });
  const audit = new LineAudit({ name: 'journal', device, fork: 0 }, acknowledged, heads);
  const drops = new DeclaredDrops();
  const gone: Segment[] = [];
  const lost: Segment[] = [];
  let tail: JournalPart | undefined;
  const read = readJournal(
    folder,
    segments,
    (before) => onSegment(before, segments.length),
    (segment) => gone.push(segment),
  );
  for await (const { segment, part } of read) {
    const goesOn = tail?.part.kind === 'damage' && part.kind === 'damage' && tail.segment === segment;
    if (
      tail !== undefined &&
      tail.segment !== segment &&
      audit.records === 0 &&
      !(await isTorn(folder, tail))
    )
      lost.push(tail.segment);
    tail = { segment, part: goesOn ? { ...part, from: tail?.part.from ?? part.from } : part };
    const record = audit.take(part);
    if (record !== undefined) drops.note(record);
    if (part.kind === 'link') drops.link('journal', part.frame.link);
  }
  const endsTorn = tail !== undefined && tail.part.kind === 'damage' && (await isTorn(folder, tail));
  audit.finish(endsTorn);
  return {
    audit,
    drops: drops.finish(),
    segments,
    gone,
    lost,
    tornBytes: endsTorn && tail ? tail.part.to - tail.part.from : 0,
  };
}

const isTorn = (folder: GateFolder, { segment, part }: JournalPart): Promise<boolean> =>
  isTornTail(folder, segment, part);

function reportOf(folder: GateFolder, acknowledged: Place | undefined, read: Read): JournalReport {
  const { audit, segments, tornBytes } = read;
  const ends = audit.ends();
  const epochs = [...ends.keys()];
  const oldest = epochs.length === 0 ? undefined : Math.min(...epochs);
  const head = newestPlace(audit);
  // Whole files at the beginning go when central has had them for long: what they held is no fault, nor is where the
  // first start that is here says that it went on.
  const isBeforeBeginning = ({ kind, epoch, seq }: Fault) =>
    epoch === oldest && seq === 1 && (kind === 'removed' || kind === 'gap');
  const found = [...audit.faults, ...betweenEpochs(audit)].filter((fault) => !isBeforeBeginning(fault));
  const isNamed = found.some(({ epoch, seq }) => epoch === oldest && seq === 1);
  const faults = [
    ...cutOff(audit, acknowledged, head),
    ...read.lost.map(lostFile),
    ...(isNamed ? [] : atBeginning(segments, oldest, ends.get(oldest ?? 0)?.first)),
    ...found,
    ...read.drops.faults,
  ];
  const first = ends.get(oldest ?? 0)?.first;
  return {
    device: folder.device,
    whole: faults.length === 0,
    records: audit.records,
    segments: segments.length,
    epochs: oldest === undefined ? null : [oldest, Math.max(...epochs)],
    begins: oldest === undefined || first === undefined ? null : { epoch: oldest, seq: first },
    head,
    tornBytes,
    signedUpTo: audit.heads?.signedUpTo ?? null,
    unsignedEpochs: audit.heads?.unsignedEpochs ?? [],
    dropped: read.drops.dropped,
    faults: faults.slice(0, MOST_FAULTS).map((fault) => ({ ...fault, file: fileOf(segments, fault) })),
  };
}

/** The file in whose range a fault's record lies. */
function fileOf(segments: readonly Segment[], { epoch, seq, file }: Fault): string {
  const found = segments.findLast((s) => s.epoch === epoch && (seq === undefined || s.first <= seq));
  return found?.name ?? file;
}

/** The first file says by its name with which record it begins. */
function atBeginning([oldest]: readonly Segment[], of: number | undefined, first = 0): Fault[] {
  if (oldest === undefined || oldest.epoch !== of || first <= oldest.first) return [];
  const { epoch, name } = oldest;
  const detail = `the file begins with ${epoch}/${first}, not with the record that its name says`;
  return [{ kind: 'removed', epoch, seq: oldest.first, file: name, detail }];
}

const lostFile = ({ name, epoch, first }: Segment): Fault => ({
  kind: 'altered',
  ...{ epoch, seq: first, file: name },
  detail: 'this file holds no whole record any more',
});

/** A chain tells nothing of records cut off its end; what central has acknowledged does. */
function cutOff(audit: LineAudit, acknowledged: Place | undefined, head: Place | null): Fault[] {
  if (acknowledged === undefined || audit.anchored === acknowledged.head) return [];
  const { epoch, seq } = acknowledged;
  const fault = (kind: 'altered' | 'removed', detail: string): Fault[] => [
    { kind, epoch, seq, file: 'journal', detail },
  ];
  if (audit.anchored !== undefined)
    return fault('altered', 'central acknowledged another record in its place');
  if (head !== null && isAfter(head, acknowledged)) return [];
  const end = head === null ? 'holds nothing' : `ends at ${head.epoch}/${head.seq}`;
  return fault('removed', `central has acknowledged all up to here, and the journal ${end}`);
}
