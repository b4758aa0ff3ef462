import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ledgerFolder } from '../../../central/keys.js';
import { ledgerFileName } from '../../../central/ledger/ledgerFile.js';
import { encodeFrame, scanFrames } from '../../../protocol/journal/frame.js';
import { encodeRecord, parseRecord } from '../../../protocol/journal/record.js';
import { tryCardpad } from '../../staging/children.js';
import type { Stage } from '../stage.js';

const HOUR_MS = 3_600_000;

/** What tampering came to. */
export interface Tampering {
  /** `epoch/seq` of the record that was altered. */
  readonly record: string;
  /** What `cardpad central verify` said of the altered copy, and of what central really has. */
  readonly ofCopy: string;
  readonly ofOwn: string;
}

/** Somebody came an hour earlier: the bytes of a ledger with one tap altered. Its checksum is made right again. */
export function alterTap(ledger: Buffer): { readonly record: string; readonly bytes: Buffer } | undefined {
  const frames = scanFrames(ledger).frames;
  for (const { from, to, previous, body } of frames) {
    const parsed = parseRecord(body);
    if (!parsed.ok || parsed.value.kind !== 'tap') continue;
    const { epoch, seq, wallMs } = parsed.value;
    const altered = encodeRecord({ ...parsed.value, wallMs: wallMs - HOUR_MS });
    const bytes = [ledger.subarray(0, from), encodeFrame(previous, altered), ledger.subarray(to)];
    return { record: `${epoch}/${seq}`, bytes: Buffer.concat(bytes) };
  }
  return undefined;
}

/** `gate-1 NOT WHOLE: altered at 1/5 in gate-1.cpj`, `gate-1 ok: 22 records`: its first words, up to the details. */
const firstWords = (said: string): string => /^[^\n:]*(?:: [^\n:,]*)?/.exec(said)?.[0] ?? '';

async function verify(folder: string): Promise<string> {
  const { stdout, stderr } = await tryCardpad(['central', 'verify', '--data', folder]);
  return firstWords(stdout === '' ? stderr : stdout);
}

/** Alters a tap in a copy of what central has; undefined while there is none. */
export async function tamper({ folder, central, device }: Stage): Promise<Tampering | undefined> {
  const copy = join(folder, 'tampered');
  await cp(central, copy, { recursive: true });
  try {
    const file = join(ledgerFolder(copy), ledgerFileName(device, 0));
    const ledger = await readFile(file).catch(() => Buffer.alloc(0));
    const altered = alterTap(ledger);
    if (altered === undefined) return undefined;
    await writeFile(file, altered.bytes);
    return { record: altered.record, ofCopy: await verify(copy), ofOwn: await verify(central) };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
