import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../../../drivers/simulated/random.js';
import { roomyFolder } from '../site.js';
import { roomFor, traceFullJournal } from './fullRun.js';
import { type DiskImage, imagesAt } from './images.js';
import { journalFaults } from './journalCheck.js';
import { traceJournal } from './journalRun.js';
import type { DiskTrace } from './trace.js';

export interface PowerCutOptions {
  readonly seed: number;
  /** At so many bytes each write that is not flushed is torn. */
  readonly tearsAWrite: number;
  /** Of the disks with a full segment, which take long to read, one in so many is tried. */
  readonly largeEvery: number;
  /** One image in so many is also delivered to a real ledger, and cut a second time. */
  readonly thoroughEvery: number;
  readonly onProgress?: (images: number, faults: number) => void;
}

export interface PowerCutResult {
  /** Calls to the disk that were traced, and instants at which the power went. */
  readonly calls: number;
  readonly instants: number;
  /** Different disks on which a start was tried, and how many of them were tried thoroughly. */
  readonly images: number;
  readonly thorough: number;
  /** Disks on which a part of what was not flushed is missing before another part, so that central names a gap. */
  readonly named: number;
  /** Disks on which records are dropped for want of room, each with its link. */
  readonly thinned: number;
  readonly faults: readonly string[];
}

const LARGE_BYTES = 32 * 1024;
/** Of thousands of broken images the first few tell enough. */
const MOST_FAULTS = 50;

interface Checked {
  readonly faults: readonly string[];
  readonly gaps: number;
  readonly links: number;
}

const sizeOf = ({ files }: DiskImage) => [...files.values()].reduce((sum, { length }) => sum + length, 0);

function digestOf({ files }: DiskImage): string {
  const hash = createHash('sha1');
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path} ${bytes.length} `).update(bytes);
  return hash.digest('base64');
}

async function tryAll<T>(
  trace: DiskTrace<T>,
  { seed, tearsAWrite, largeEvery, thoroughEvery, onProgress = () => {} }: PowerCutOptions,
  check: (image: DiskImage, thoroughly: boolean) => Promise<Checked>,
  fromStep = 0,
): Promise<PowerCutResult> {
  const random = seededRandom(seed);
  const faults: string[] = [];
  let images = 0;
  let thorough = 0;
  let named = 0;
  let thinned = 0;
  const instants = trace.instants.filter((step) => step >= fromStep);
  for (const step of instants) {
    // What is promised grows with the steps, so an image that was seen at another one is another case.
    const seen = new Set<string>();
    for (const image of imagesAt(trace, step, { random, tearsAWrite })) {
      if (sizeOf(image) > LARGE_BYTES && random() % largeEvery !== 0) continue;
      const digest = digestOf(image);
      if (seen.has(digest)) continue;
      seen.add(digest);
      images += 1;
      const thoroughly = images % thoroughEvery === 0;
      if (thoroughly) thorough += 1;
      const checked = await check(image, thoroughly);
      if (checked.gaps > 0) named += 1;
      if (checked.links > 0) thinned += 1;
      for (const fault of checked.faults)
        if (faults.length < MOST_FAULTS) faults.push(`instant ${step}, ${image.how}: ${fault}`);
      if (images % 5_000 === 0) onProgress(images, faults.length);
    }
  }
  return { calls: trace.calls.length, instants: instants.length, images, thorough, named, thinned, faults };
}

async function onFolders<R>(work: (folder: string, other: string) => Promise<R>): Promise<R> {
  const base = await mkdtemp(join(roomyFolder(), 'cardpad-power-'));
  try {
    const [folder, other] = [join(base, 'traced'), join(base, 'other')];
    await mkdir(folder);
    await mkdir(other);
    return await work(folder, other);
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

/** Cuts the power at every instant of a journal's three lives. */
export const cutJournal = (options: PowerCutOptions): Promise<PowerCutResult> =>
  onFolders(async (folder, ledgerFolder) => {
    const trace = await traceJournal(folder, ledgerFolder);
    return tryAll(trace, options, (image, thoroughly) => journalFaults(image, trace.notes, { thoroughly }));
  });

/** What the starts behind a cut of a full journal may keep: alarms of one segment or two, and no visits. */
const NO_ROOM = roomFor(0);

/** Cuts the power at every instant at which a journal that is full makes room. */
export const cutFullJournal = (options: PowerCutOptions): Promise<PowerCutResult> =>
  onFolders(async (folder, ledgerFolder) => {
    const { trace, fromStep } = await traceFullJournal(folder, ledgerFolder);
    const check = (image: DiskImage, thoroughly: boolean) =>
      journalFaults(image, trace.notes, { thoroughly, limits: NO_ROOM });
    return tryAll(trace, options, check, fromStep);
  });
