import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { type Segment, segmentsIn } from '../../../daemon/journal/segments.js';
import { readFileIfThere } from '../../../platform/files.js';
import { lockHolder } from '../../../platform/lock.js';
import { CardpadError, codeOf } from '../../../protocol/errors.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { hex, parseJson } from '../../../protocol/wire/json.js';
import { DEVICE_ID } from '../../../protocol/wire/topics.js';

/** A gate's data folder as it is found, beside a daemon that runs or without one. Nothing here changes anything. */
export interface GateFolder {
  readonly path: string;
  readonly device: string;
  /** By which the device signs. */
  readonly key: { readonly id: string; readonly publicKey: string };
}

/** Of `device.json` what is no secret. */
const DeviceSchema = v.object({ device: v.pipe(v.string(), v.regex(DEVICE_ID)), publicKey: hex(65) });

const journalOf = ({ path }: GateFolder) => join(path, 'journal');

export const segmentPath = (folder: GateFolder, { name }: Segment): string => join(journalOf(folder), name);

/** It is there, and cannot be looked into: exit code 3. */
function unreadable(path: string, thrown: unknown): CardpadError {
  return new CardpadError(
    'journal.unreadable',
    'retry',
    `cannot read ${path} (${codeOf(thrown) ?? 'error'})`,
    {
      help: 'Run this as the user of the gate, or as root; if it is an error of the disk, copy the folder first.',
      cause: thrown,
    },
  );
}

/**
 * @throws CardpadError `journal.not-a-gate` (fatal) where there is no gate's data folder; `journal.unreadable` (retry)
 */
export async function openGateFolder(path: string): Promise<GateFolder> {
  const file = join(path, 'device.json');
  const bytes = await readFileIfThere(file).catch((thrown) => {
    throw unreadable(file, thrown instanceof CardpadError ? thrown.cause : thrown);
  });
  const parsed = bytes === undefined ? undefined : parseJson(bytes, DeviceSchema);
  if (parsed?.ok === true) {
    const { device, publicKey } = parsed.value;
    return { path, device, key: { id: keyId(publicKey), publicKey } };
  }
  const what = parsed === undefined ? 'there is no device.json in it' : 'its device.json is damaged';
  throw new CardpadError('journal.not-a-gate', 'fatal', `${path} is not a gate's data folder: ${what}`, {
    help: 'Give the folder that the configuration names as "dataDir".',
  });
}

/**
 * The journal's files, oldest first.
 * @throws CardpadError `journal.missing` (fatal) where the gate never ran; `journal.unreadable` (retry)
 */
export async function listSegments(folder: GateFolder): Promise<Segment[]> {
  const path = journalOf(folder);
  try {
    return segmentsIn(await readdir(path));
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw unreadable(path, thrown);
    throw new CardpadError('journal.missing', 'fatal', `there is no journal in ${folder.path}`, {
      help: 'The gate has not been started with this folder yet: cardpad run --config FILE',
    });
  }
}

/** Bytes of a file; undefined where it is gone. */
export async function bytesOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw unreadable(path, thrown);
  }
}

/** The process number of the daemon that runs on this folder. */
export const runningDaemon = (folder: GateFolder): Promise<number | undefined> =>
  lockHolder(join(folder.path, 'run.lock')).catch(() => undefined);

/** An error of reading a segment, told as one of the folder. */
export const segmentError = (folder: GateFolder, segment: Segment, thrown: unknown): unknown =>
  thrown instanceof CardpadError ? thrown : unreadable(segmentPath(folder, segment), thrown);
