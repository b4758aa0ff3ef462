import { verifyLedger } from '../../../central/ledger/verify.js';
import { endedTap } from '../../../protocol/journal/record.js';
import type { Street } from '../street.js';
import { decisionFaults } from './decisions.js';
import { recordsOn } from './journalOnDisk.js';
import { openingFaults, redFaults } from './openings.js';
import { padFaults } from './pad.js';
import { PlainSearch } from './plainSearch.js';
import { keyOf, type OpenedLedger } from './readLedger.js';
import { uploadFaults } from './uploads.js';
import { workFaults } from './work.js';

/** Of one kind of violation so many tell enough. */
const MOST_OF_A_KIND = 4;

function shortened(violations: readonly string[]): string[] {
  const byKind = new Map<string, string[]>();
  for (const violation of violations) {
    const kind = violation.replace(/\d+(?:[./]\d+)?/g, '#');
    byKind.set(kind, [...(byKind.get(kind) ?? []), violation]);
  }
  return [...byKind.values()].flatMap((alike) => {
    const more = alike.length - MOST_OF_A_KIND;
    return more > 0 ? [...alike.slice(0, MOST_OF_A_KIND), `... and ${more} more like it`] : alike;
  });
}

/** What a day must hold to, whatever happened in it. Each violation is a sentence. */
export async function violationsOf(street: Street, ledger: OpenedLedger): Promise<string[]> {
  return shortened([
    ...street.seen.crashes.map((crash) => `crashed: ${crash}`),
    ...(await ledgerFaults(street, ledger)),
    ...endFaults(ledger),
    ...openingFaults(street, ledger),
    ...redFaults(street, ledger),
    ...decisionFaults(street, ledger),
    ...padFaults(street, ledger),
    ...uploadFaults(street, ledger),
    ...alarmFaults(street, ledger),
    ...toldFaults(street, ledger),
    ...plainFaults(street),
    ...workFaults(street, ledger),
  ]);
}

/** The same for what counts most, in a time that grows no faster than the day: nothing lost, nothing doubled. */
export async function lossesOf(street: Street, ledger: OpenedLedger): Promise<string[]> {
  return shortened([
    ...street.seen.crashes.map((crash) => `crashed: ${crash}`),
    ...(await ledgerFaults(street, ledger)),
    ...endFaults(ledger),
  ]);
}

/** Everything durable on the gate is at central: once, in order, byte for byte, in a chain that is whole. */
async function ledgerFaults(street: Street, { records, unreadable }: OpenedLedger): Promise<string[]> {
  const faults: string[] = [];
  if (!street.isAllDelivered) faults.push('central did not have everything when the calm was over');
  const onGate = recordsOn(street.gate.disk);
  const atCentral = new Map<string, Buffer>();
  let before = { epoch: 0, seq: 0 };
  for (const { body, record } of records) {
    const key = keyOf(record);
    if (atCentral.has(key)) faults.push(`central has ${key} twice`);
    const isNext = record.epoch > before.epoch || (record.epoch === before.epoch && record.seq > before.seq);
    if (!isNext) faults.push(`central has ${key} behind ${keyOf(before)}`);
    atCentral.set(key, body);
    before = record;
  }
  // What a clean stop signs and flushes is the last thing on the disk, and goes up at the next start.
  for (const { record } of [...onGate.values()].reverse()) {
    if (!['head', 'clock'].includes(record.kind) || atCentral.has(keyOf(record))) break;
    onGate.delete(keyOf(record));
  }
  for (const [key, { body }] of onGate) {
    const there = atCentral.get(key);
    if (there === undefined) faults.push(`central lacks ${key}`);
    else if (!there.equals(body)) faults.push(`central has another ${key}`);
  }
  const { openings, removed } = street.seen;
  for (const [key, body] of atCentral) {
    if (!onGate.has(key) && removed.get(key)?.equals(body) !== true)
      faults.push(`the gate never kept ${key}`);
  }
  for (const tap of openings.flatMap(({ durableTaps }) => durableTaps)) {
    if (!atCentral.has(tap)) faults.push(`tap ${tap} was durable, and is lost`);
  }
  for await (const report of verifyLedger(street.site.folder, undefined, undefined)) {
    for (const { kind, epoch, seq, detail } of report.faults) {
      faults.push(`verify: ${kind} at ${epoch}/${seq}: ${detail}`);
    }
  }
  return [...new Set([...faults, ...unreadable.map((what) => `unreadable ${what}`)])];
}

/** Every tap has exactly one end. */
function endFaults({ records }: OpenedLedger): string[] {
  const ends = new Map<string, number>();
  const faults: string[] = [];
  const taps = new Set(
    records.filter(({ record }) => record.kind === 'tap').map(({ record }) => keyOf(record)),
  );
  for (const { record } of records) {
    const ended = endedTap(record);
    if (ended === undefined) continue;
    const key = keyOf(ended);
    ends.set(key, (ends.get(key) ?? 0) + 1);
    if (!taps.has(key)) faults.push(`${keyOf(record)} ends ${key}, which is no tap`);
  }
  for (const tap of taps) {
    const count = ends.get(tap) ?? 0;
    if (count !== 1) faults.push(`tap ${tap} has ${count} ends`);
  }
  return faults;
}

/**
 * Each alarm of the ledger was told of, and once by one life of central, whichever of its two ways was the shorter. What
 * it says passes the wire sealed.
 */
function toldFaults({ seen, central }: Street, { alarms }: OpenedLedger): string[] {
  const told = new Map<string, number>();
  for (const line of seen.logged) {
    const [, key] = / alarm (?:unreadable )?device=\S+ record=(\S+)/.exec(line) ?? [];
    if (key !== undefined && line.startsWith('central ')) told.set(key, (told.get(key) ?? 0) + 1);
  }
  const codes = new PlainSearch([...new Set(alarms.map(({ content }) => content.alarm))]);
  const open = seen.bytes.filter(
    ({ where, bytes }) => where.endsWith('/up/alarm') && codes.formsIn(bytes).length > 0,
  );
  return [
    ...alarms.filter(({ key }) => !told.has(key)).map(({ key }) => `central told nobody of alarm ${key}`),
    ...[...told]
      .filter(([, times]) => times > central.lives)
      .map(([key, times]) => `central told of alarm ${key} ${times} times in ${central.lives} lives`),
    ...open.map(() => 'an alarm stands in plain on the wire'),
  ];
}

/** There is one gate: it takes nobody for a second one, unless somebody on the broker repeats or feigns what it says. */
function alarmFaults({ plan }: Street, { alarms }: OpenedLedger): string[] {
  const isFeigned = plan.faults.some(({ kind }) => kind.startsWith('hostile-'));
  if (isFeigned) return [];
  return alarms
    .filter(({ content }) => content.alarm === 'identity.duplicate')
    .map(({ key }) => `record ${key} says that there are two gates`);
}

/** Nobody of the day stands in plain anywhere outside. */
function plainFaults({ plan, seen, gate }: Street): string[] {
  const search = new PlainSearch(
    plan.people.flatMap(({ idNumber, name, address }) => [idNumber, name, address]),
  );
  const places = [
    ...seen.bytes,
    { where: 'a log', bytes: Buffer.from(seen.logged.join('\n')) },
    ...gate.disk.names.map((name) => ({ where: `file ${name}`, bytes: gate.disk.bytesOf(name) })),
  ];
  const faults = places.flatMap(({ where, bytes }) =>
    search.formsIn(bytes).map((form) => `somebody stands in plain in ${where} (${form})`),
  );
  return [...new Set(faults)];
}
