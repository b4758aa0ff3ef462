import { existsSync } from 'node:fs';
import { keyPath, readKeyPair } from '../../../central/keys.js';
import type { DroppedRange } from '../../../central/ledger/declaredDrops.js';
import type { Fault } from '../../../central/ledger/lineAudit.js';
import { type Unwrap, unwrapWith } from '../../../central/ledger/reading.js';
import { type DeviceReport, verifyLedger } from '../../../central/ledger/verify.js';
import { sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { type Command, EXIT, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required } from '../options.js';
import { sayNothing } from './nothing.js';

const HELP = `usage: cardpad central verify --data DIR [--device ID] [--json]

Recomputes every chain of the ledger and names the first record that was altered, removed, reordered or forged,
second histories and gaps, heads of the chain that the gate's own key did not sign, and records that were acknowledged
and are gone, to the last one and the whole file. Records that a gate dropped because its journal was full, and told of,
are listed and are no fault. Works beside a running central. Exit code 0: all is whole; 1: it is not.

  --data DIR     the folder of this central service
  --device ID    this device only
  --json         a line of JSON a device

example: cardpad central verify --data /var/lib/cardpad-central`;

const OPTIONS = { data: { type: 'string' }, device: { type: 'string' }, json: { type: 'boolean' } } as const;
/** Of a journal that was badly hurt the first faults tell enough. */
const FAULTS_SHOWN = 5;
const EPOCHS_SHOWN = 10;

/** The seals can be checked by who holds the ledger key; the chain by anybody with the files. */
async function ledgerUnwrap(folder: string): Promise<Unwrap | undefined> {
  if (!existsSync(keyPath(folder, 'ledger'))) return undefined;
  const key = await readKeyPair(folder, 'ledger');
  return unwrapWith(key, async (ciphertext, privateKey) => sm2Decrypt(ciphertext, privateKey));
}

function faultLine(device: string, { kind, epoch, seq, file, detail }: Fault): string {
  const record =
    epoch === undefined ? '' : seq === undefined ? ` near epoch ${epoch}` : ` at ${epoch}/${seq}`;
  return `${device} NOT WHOLE: ${kind}${record} in ${file}: ${detail}`;
}

function droppedLine(device: string, { epoch, first, last, counts }: DroppedRange): string {
  const words = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return `${device} declared gap: dropped for want of room in ${epoch}/${first}..${epoch}/${last}: ${words.join(', ')}`;
}

/** How far the device itself speaks for the chain; what lies behind is held by the chain and by central's anchor. */
function signedLine({ signedUpTo, unsignedEpochs, signaturesChecked }: DeviceReport): string {
  if (!signaturesChecked) return 'signatures not checked: the device is not enrolled here';
  const upTo = signedUpTo === null ? 'not signed' : `signed up to ${signedUpTo.epoch}/${signedUpTo.seq}`;
  const shown = unsignedEpochs.slice(0, EPOCHS_SHOWN).join(' ');
  const more = unsignedEpochs.length > EPOCHS_SHOWN ? ' ...' : '';
  return unsignedEpochs.length === 0 ? upTo : `${upTo}, no signature in epochs ${shown}${more}`;
}

function lines(report: DeviceReport): string[] {
  const { device, whole, records, taps, verdicts, epochs, head, faults, sealsChecked, tapsWithoutVerdict } =
    report;
  const counts = `${records} records, ${taps} taps, ${verdicts} verdicts`;
  const from = epochs === null ? 'no epochs' : `epochs ${epochs[0]}..${epochs[1]}`;
  const place = head === null ? 'no head' : `head ${head.epoch}/${head.seq} ${head.head.slice(0, 16)}`;
  const seals = sealsChecked ? '' : ', seals not checked';
  const unanswered = tapsWithoutVerdict ? `, ${tapsWithoutVerdict} taps without verdict` : '';
  const summary = `${counts}, ${from}, ${place}, ${signedLine(report)}${seals}${unanswered}`;
  const gaps = report.dropped.map((range) => droppedLine(device, range));
  if (whole) return [...gaps, `${device} ok: ${summary}`];
  const shown = faults.slice(0, FAULTS_SHOWN).map((fault) => faultLine(device, fault));
  const more = faults.length - shown.length;
  return [...gaps, ...shown, `${device} NOT WHOLE: ${more > 0 ? `${more} faults more; ` : ''}${summary}`];
}

async function verify(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const { device, json = false } = parsed.values;
  const folder = required(parsed.values.data, '--data');
  let whole = true;
  let devices = 0;
  for await (const report of verifyLedger(folder, device, await ledgerUnwrap(folder))) {
    devices += 1;
    whole &&= report.whole;
    for (const line of json ? [JSON.stringify(report)] : lines(report)) toResults(line);
  }
  if (devices === 0) return sayNothing(device);
  return whole ? EXIT.done : EXIT.no;
}

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'proves that no stored record was altered, removed, reordered or forged',
  help: HELP,
  results: 'lines',
  run: verify,
};
