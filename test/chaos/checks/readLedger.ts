import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ledgerFolder, readKeyPair } from '../../../central/keys.js';
import { RecordReader, unwrapWith } from '../../../central/ledger/reading.js';
import {
  type AlarmContent,
  parseAlarmContent,
  parseTapContent,
  parseVerdictContent,
  parseVoidContent,
  type TapContent,
  type VerdictContent,
  type VoidContent,
} from '../../../protocol/journal/seal.js';
import { sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { DEVICE, type Site } from '../site.js';
import { recordsIn, type StoredBody } from './journalOnDisk.js';

/** What central has of the gate's journal, in the order in which it stands. */
export async function readLedgerOf({ folder }: Pick<Site, 'folder'>): Promise<StoredBody[]> {
  const path = join(ledgerFolder(folder), `${DEVICE}.cpj`);
  return recordsIn(await readFile(path).catch(() => Buffer.alloc(0)));
}

export const keyOf = ({ epoch, seq }: { readonly epoch: number; readonly seq: number }) => `${epoch}/${seq}`;

interface Dated<T> {
  readonly key: string;
  readonly epoch: number;
  readonly monoMs: number;
  readonly trusted: boolean;
  readonly content: T;
}
export type LedgerTap = Dated<TapContent>;
export type LedgerVerdict = Dated<VerdictContent>;

/** A ledger as the holder of its key reads it. */
export interface OpenedLedger {
  readonly records: readonly StoredBody[];
  readonly taps: ReadonlyMap<string, LedgerTap>;
  readonly verdicts: readonly LedgerVerdict[];
  readonly voids: readonly Dated<VoidContent>[];
  readonly alarms: readonly Dated<AlarmContent>[];
  /** Records that did not open, with why. */
  readonly unreadable: readonly string[];
}

export async function openLedger(site: Pick<Site, 'folder'>): Promise<OpenedLedger> {
  const ledgerKey = await readKeyPair(site.folder, 'ledger');
  const unwrap = unwrapWith(ledgerKey, async (ciphertext, key) => sm2Decrypt(ciphertext, key));
  const reader = new RecordReader(DEVICE, unwrap);
  const records = await readLedgerOf(site);
  const taps = new Map<string, LedgerTap>();
  const verdicts: LedgerVerdict[] = [];
  const voids: Dated<VoidContent>[] = [];
  const alarms: Dated<AlarmContent>[] = [];
  const unreadable: string[] = [];
  for (const { record } of records) {
    reader.note(record);
    const { epoch, monoMs, trusted, kind } = record;
    if (record.sealed === undefined) continue;
    const key = keyOf(record);
    const opening = await reader.open(record);
    if (!opening.ok) {
      unreadable.push(`${key}: ${opening.reason}`);
      continue;
    }
    const dated = { key, epoch, monoMs, trusted };
    const tap = kind === 'tap' ? parseTapContent(opening.plaintext) : undefined;
    const verdict = kind === 'verdict' ? parseVerdictContent(opening.plaintext) : undefined;
    const voided = kind === 'tap-void' ? parseVoidContent(opening.plaintext) : undefined;
    const alarm = kind === 'alarm' ? parseAlarmContent(opening.plaintext) : undefined;
    if (tap?.ok) taps.set(key, { ...dated, content: tap.value });
    else if (verdict?.ok) verdicts.push({ ...dated, content: verdict.value });
    else if (voided?.ok) voids.push({ ...dated, content: voided.value });
    else if (alarm?.ok) alarms.push({ ...dated, content: alarm.value });
    else unreadable.push(`${key}: wrong shape`);
  }
  return { records, taps, verdicts, voids, alarms, unreadable };
}
