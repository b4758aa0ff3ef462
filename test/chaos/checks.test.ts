import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ledgerFolder } from '../../central/keys.js';
import type { AppendFile } from '../../platform/disk.js';
import { scanFrames } from '../../protocol/journal/frame.js';
import { endedTap, type JournalRecord, parseRecord } from '../../protocol/journal/record.js';
import { MemoryDisk } from '../support/memoryDisk.js';
import { violationsOf } from './checks/invariants.js';
import { keyOf, type OpenedLedger, openLedger } from './checks/readLedger.js';
import { type DayPlan, planDay } from './day.js';
import { DEVICE, makeSite, type Site } from './site.js';
import { Street } from './street.js';

const SEED = 20_261_122;
const VISITS = 12;

function shortPlan(): DayPlan {
  const plan = planDay(SEED);
  const visits = plan.visits.slice(0, VISITS);
  const last = visits.at(-1);
  const endMs = last === undefined ? 0 : last.atMs + last.stayMs + 2_000;
  const asked = { direction: 'entry', whenNotDurable: 'call-staff', isColdStart: false } as const;
  return { ...plan, visits, endMs, faults: [], ...asked };
}

interface Day {
  readonly street: Street;
  readonly site: Site;
  readonly ledger: OpenedLedger;
}

/** @param spoil done to the world before the day begins */
async function live(spoil: (street: Street) => void = () => {}): Promise<Day> {
  const plan = shortPlan();
  const site = await makeSite(plan);
  t.teardown(() => site.remove());
  const street = new Street(plan, site);
  spoil(street);
  await street.live();
  await street.stop();
  return { street, site, ledger: await openLedger(site) };
}

/** What a reader of the ledger file finds, a frame with its record. */
interface Stored {
  readonly bytes: Buffer;
  readonly record: JournalRecord;
}

function storedIn(file: Buffer): Stored[] {
  return scanFrames(file).frames.map(({ from, to, body }) => {
    const parsed = parseRecord(body);
    if (!parsed.ok) throw new Error(parsed.reason);
    return { bytes: file.subarray(from, to), record: parsed.value };
  });
}

const { street, site, ledger } = await live();
const { plan, seen } = street;
const opened = ledger.verdicts.filter(({ content }) => content.action === 'open');
/** A tap that the gate opened for, in the middle of the day. */
const tap = keyOf(opened[opened.length >> 1]?.content.tap ?? { epoch: 0, seq: 0 });
const [someone] = plan.people;
if (someone === undefined) throw new Error('a day without people');

t.test('the day that is spoiled below holds to every invariant, and has what can be spoiled', async (t) => {
  t.same(await violationsOf(street, ledger), []);
  t.ok(opened.length >= 3, `${opened.length} taps opened the gate`);
  t.ok(seen.uploadsAtMs.length > 0 && seen.foundAtMs.length > 0);
});

/** Violations when central's file is edited behind everybody's back. */
async function withLedgerFile(edit: (stored: readonly Stored[]) => readonly Stored[]): Promise<string[]> {
  const path = join(ledgerFolder(site.folder), `${DEVICE}.cpj`);
  const file = await readFile(path);
  await writeFile(path, Buffer.concat(edit(storedIn(file)).map(({ bytes }) => bytes)));
  try {
    return await violationsOf(street, await openLedger(site));
  } finally {
    await writeFile(path, file);
  }
}

const isTap = ({ record }: Stored) => record.kind === 'tap' && keyOf(record) === tap;
const isItsEnd = ({ record }: Stored) => {
  const ended = endedTap(record);
  return ended !== undefined && keyOf(ended) === tap;
};

const SPOILED_FILES: readonly [string, (stored: readonly Stored[]) => readonly Stored[], RegExp[]][] = [
  [
    'a record stands there twice',
    (all) => all.flatMap((one) => (isTap(one) ? [one, one] : [one])),
    [RegExp(`^central has ${tap} twice$`), /^verify: /],
  ],
  [
    'a tap is gone that was on disk when the gate opened',
    (all) => all.filter((one) => !isTap(one)),
    [
      RegExp(`^tap ${tap} was durable, and is lost$`),
      RegExp(`^central lacks ${tap}$`),
      /of which there is no tap$/,
    ],
  ],
  [
    'two records have changed places',
    (all) => {
      const at = all.findIndex(isTap);
      return [...all.slice(0, at), ...all.slice(at, at + 2).reverse(), ...all.slice(at + 2)];
    },
    [RegExp(`^central has ${tap} behind `), /^verify: /],
  ],
  [
    "a tap's end is gone",
    (all) => all.filter((one) => !isItsEnd(one)),
    [RegExp(`^tap ${tap} has 0 ends$`), /^the gate opened at \d+ ms without a record/],
  ],
  [
    'a tap has two ends',
    (all) => all.flatMap((one) => (isItsEnd(one) ? [one, one] : [one])),
    [RegExp(`^tap ${tap} has 2 ends$`)],
  ],
];

for (const [name, edit, expected] of SPOILED_FILES) {
  t.test(`central's ledger file: ${name}`, async (t) => {
    const violations = await withLedgerFile(edit);
    for (const pattern of expected)
      t.ok(
        violations.some((one) => pattern.test(one)),
        violations.join('\n'),
      );
  });
}

/** Adds to what was seen; gives what takes it away again. */
function added<T>(list: T[], ...items: T[]): () => void {
  list.push(...items);
  return () => list.splice(-items.length);
}

/** While the tap of a card that was asked about waits for its verdict. */
function whileWaiting(): number {
  const verdict = opened.find(({ content }) => keyOf(content.tap) === tap);
  const bootAtMs = seen.lives[0]?.bootAtMs ?? 0;
  return (ledger.taps.get(tap)?.monoMs ?? 0) + bootAtMs + (verdict?.content.tookMs ?? 0) / 2;
}

const edge = (line: string, atMs: number, on: boolean) => ({ line, atMs, on, life: 0 });
/** Nobody has come yet. */
const QUIET_MS = 1_000;

const SPOILED_SIGHTS: readonly [string, () => () => void, RegExp][] = [
  [
    'a pulse without a tap',
    () => {
      const monoMs = QUIET_MS - (seen.lives[0]?.bootAtMs ?? 0);
      const { epoch, durableTaps } = seen.openings.at(-1) ?? { epoch: 1, durableTaps: [] };
      return added(seen.openings, { atMs: QUIET_MS, monoMs, life: 0, epoch, durableTaps });
    },
    /^the gate opened at \d+ ms without a record; the newest tap /,
  ],
  [
    'a pulse that never ends',
    () => added(seen.edges, edge('gate', QUIET_MS, true)),
    /^the pulse at \d+ ms never ended$/,
  ],
  [
    'a pulse that is too short for a turnstile',
    () => added(seen.edges, edge('gate', QUIET_MS, true), edge('gate', QUIET_MS + 20, false)),
    /^the pulse at \d+ ms lasted 20/,
  ],
  [
    'red for nobody',
    () => added(seen.edges, edge('red', QUIET_MS, true)),
    /^the red lamp lit at \d+ ms without a refusal$/,
  ],
  [
    'an ID number in a log line',
    () => added(seen.logged, `gate card of ${someone.idNumber}`),
    /^somebody stands in plain in a log \(UTF-8\)$/,
  ],
  [
    'an ID number in base64 in a published payload',
    () => {
      const { length } = seen.bytes;
      const payload = Buffer.from(
        JSON.stringify({ sealed: Buffer.from(`x${someone.idNumber}`).toString('base64') }),
      );
      street.broker.onWire({ from: 'gate', topic: 'cardpad/v1/somewhere', payload, qos: 0, retain: false });
      return () => seen.bytes.splice(length);
    },
    /^somebody stands in plain in cardpad\/v1\/somewhere \(UTF-8, encoded\)$/,
  ],
  [
    'records sent while a tap waits for its verdict',
    () => added(seen.uploadsAtMs, whileWaiting()),
    /^records left the gate at \d+ ms while tap .* waited for its verdict$/,
  ],
  ['something that ends a process', () => added(seen.crashes, 'Error: boom'), /^crashed: Error: boom$/],
];

for (const [name, spoil, expected] of SPOILED_SIGHTS) {
  t.test(`what an onlooker saw: ${name}`, async (t) => {
    const mend = spoil();
    const violations = await violationsOf(street, ledger);
    mend();
    t.ok(
      violations.some((one) => expected.test(one)),
      violations.join('\n'),
    );
  });
}

t.test('a card that stayed and gave two taps', async (t) => {
  // Two visits of one person, told as one that lasted.
  const at = seen.placed.findIndex(({ person }, number) => {
    const { idNumber } = plan.people[person] ?? {};
    const isAgain = seen.placed.slice(0, number).some((other) => other.person === person);
    return (
      isAgain && [...ledger.taps.values()].filter(({ content }) => content.token === idNumber).length > 1
    );
  });
  const [placed] = seen.placed.splice(at, 1);
  if (placed === undefined) throw new Error('nobody came twice');
  const violations = await violationsOf(street, ledger);
  seen.placed.splice(at, 0, placed);
  t.ok(
    violations.some((one) => /^the card that was laid once at \d+ ms gave \d taps/.test(one)),
    violations.join('\n'),
  );
});

t.test('a decision that is not what the rules say of that person', async (t) => {
  const person = plan.people.find(({ idNumber }) => idNumber === ledger.taps.get(tap)?.content.token);
  const recolored = {
    ...plan,
    people: plan.people.map((one) => (one === person ? { ...one, color: 'red' } : one)),
  };
  const told = Object.assign(Object.create(street), { plan: recolored }) as Street;
  const violations = await violationsOf(told, ledger);
  t.ok(
    violations.some((one) => /^verdict .* \(red, valid\) says pass by central$/.test(one)),
    violations.join('\n'),
  );
});

t.test('a tap twice within the time in which a card counts once', async (t) => {
  const one = ledger.taps.get(tap);
  if (one === undefined) throw new Error('no tap');
  const again = { ...one, key: `${one.epoch}/9999`, monoMs: one.monoMs + 2_000 };
  const told = { ...ledger, taps: new Map([...ledger.taps, [again.key, again] as const]) };
  const violations = await violationsOf(street, told);
  t.ok(
    violations.some((words) => /are of one card within 2000 ms$/.test(words)),
    violations.join('\n'),
  );
});

t.test('an alarm that central told nobody of, or more often than it lived', async (t) => {
  const alarm = { key: '9/9', epoch: 9, monoMs: 0, trusted: true, content: { alarm: 'central.silent' } };
  const told = { ...ledger, alarms: [...ledger.alarms, alarm] };
  t.match(await violationsOf(street, told), ['central told nobody of alarm 9/9']);
  const before = seen.logged.length;
  const { lives } = street.central;
  for (let times = 0; times <= lives; times++)
    seen.logged.push(
      'central 2026-01-01T00:00:00Z warn  alarm device=gz-bus-a1 record=9/9 alarm=central.silent',
    );
  const violations = await violationsOf(street, told);
  seen.logged.splice(before);
  t.same(violations, [`central told of alarm 9/9 ${lives + 1} times in ${lives} lives`]);
});

t.test('cards on a day without a fault that gave no tap', async (t) => {
  const violations = await violationsOf(street, { ...ledger, taps: new Map() });
  t.ok(
    violations.some((words) => /^a card that lay there at \d+ ms gave no tap$/.test(words)),
    violations.join('\n'),
  );
});

/** Says that everything is on it, and a power cut would leave nothing. */
class LyingDisk extends MemoryDisk {
  override async create(name: string): Promise<AppendFile> {
    return { ...(await super.create(name)), sync: async () => {} };
  }
}

t.test(
  'a disk that says "flushed" and keeps nothing: the gate opens for taps that are not on it',
  async (t) => {
    const day = await live((world) => {
      world.gate.disk = new LyingDisk();
    });
    const violations = await violationsOf(day.street, day.ledger);
    for (const pattern of [
      /^the gate opened at \d+ ms for \d+\/\d+, which was not on disk$/,
      /^the gate never kept /,
    ]) {
      t.ok(
        violations.some((one) => pattern.test(one)),
        violations.join('\n'),
      );
    }
  },
);
