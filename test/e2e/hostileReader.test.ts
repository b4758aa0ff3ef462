import t from 'tap';
import { readSiteKey } from '../../central/keys.js';
import { People } from '../../central/rules/people.js';
import { subjectOf } from '../../central/rules/subject.js';
import { READER_FAULTS, type ReaderFault, startFaultyReader } from '../support/faultyReader.js';
import { until } from '../support/waiting.js';
import { accountOf } from './support/account.js';
import { TestGate } from './support/gate.js';
import { cardOf, elder, type Person } from './support/people.js';
import { Site } from './support/site.js';

/** Replies that a fault has spoiled before anything is looked at. */
const SPOILED = 3;
/** The fault takes the reader away, and that is noticed. */
const AWAY: readonly ReaderFault[] = ['oversize', 'mute'];
/** A card is read in spite of the fault. */
const READ_ALL_THE_SAME: readonly ReaderFault[] = ['noise', 'bytes', 'pieces', 'false-header', 'unasked'];
/** From the end of the fault, or from the card put down where that is later, to the lamp. */
const USUAL_MS = 3_000;
/** The same where the module has to be found again: its time-outs, a reset, and up to 1 s until the port is reopened. */
const RETURN_MS = 8_000;

const stranger = elder(199, { healthCode: 'green' });
const during = READER_FAULTS.map((_, index) => elder(200 + index, { healthCode: 'green' }));
const after = READER_FAULTS.map((_, index) => elder(240 + index, { healthCode: 'green' }));
const resting = [elder(280, { healthCode: 'green' }), elder(289, { healthCode: 'green' })] as const;
const turns = [281, 282, 283].map((index) => elder(index, { healthCode: index === 282 ? 'red' : 'green' }));
const site = await Site.open(t, { people: [stranger, ...during, ...after, ...resting, ...turns] });
const reader = await startFaultyReader(t, cardOf(stranger));
t.comment(`CARDPAD_SEED=${reader.seed}`);
const gate = await TestGate.open(site, { device: 'gate-1', pulseMs: 100, reader });
const opened = (of: TestGate, from: number) =>
  of.edges.since(from, 'gate').filter(({ value }) => value === 1).length;

for (const [index, fault] of READER_FAULTS.entries()) {
  const [victim, next] = [during[index], after[index]];
  if (victim === undefined || next === undefined) throw new Error('more people are wanted');

  t.test(`${fault}: nothing opens by it, and the next card is read`, async (t) => {
    const said = gate.process.written;
    const from = gate.edges.count;
    const spoiled = (replies: number) =>
      until(() => reader.befallen >= replies, `${replies} replies to be spoiled`);
    reader.module.lift();
    reader.fault = fault;
    // These two spare an empty pad.
    const needsCard = fault === 'lifted' || fault === 'close';
    if (AWAY.includes(fault)) await gate.process.line(/reader: (degraded|lost)/, said);
    else if (!needsCard) await spoiled(reader.befallen + SPOILED);
    t.equal(opened(gate, from), 0, 'not by an empty pad');

    gate.put(victim);
    if (READ_ALL_THE_SAME.includes(fault)) {
      await gate.edges.edge('gate', 0, from);
      t.match(await gate.decided(said), { outcome: 'pass', by: 'central' });
    } else {
      await spoiled(reader.befallen + 1);
      t.equal(opened(gate, from), 0, 'not by a card that nobody could read');
    }
    gate.lift();

    reader.fault = undefined;
    const endMs = performance.now();
    const [taps, pulses, edges] = [gate.process.written, opened(gate, from), gate.edges.count];
    gate.put(next);
    await gate.edges.edge('green', 1, edges);
    const tookMs = performance.now() - endMs;
    await gate.edges.edge('gate', 0, edges);
    t.match(await gate.decided(taps), { outcome: 'pass', by: 'central', action: 'open' });
    t.equal(opened(gate, from), pulses + 1, 'one pulse for it');
    t.ok(tookMs < (AWAY.includes(fault) || fault === 'close' ? RETURN_MS : USUAL_MS), `${tookMs} ms`);
    t.notMatch(gate.lamps(from), ['red'], 'nobody is accused by a fault of the machine');
    gate.lift();
  });
}

t.test('two cards in turn within the dwell: each has its own verdict', async (t) => {
  const [first, second, third] = turns;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three are wanted');
  const from = gate.edges.count;
  const said = gate.process.written;
  gate.put(first);
  await gate.edges.edge('gate', 0, from);
  const toSecond = gate.edges.count;
  gate.put(second);
  await gate.edges.edge('red', 1, toSecond);
  const toThird = gate.edges.count;
  t.equal(opened(gate, toSecond), 0, 'green a moment ago is not green for the next');
  gate.put(third);
  // The lamp was lit a moment ago, and no lamp flashes faster than 2.5 Hz: here the gate may be first.
  await Promise.all([gate.edges.edge('gate', 0, toThird), gate.edges.edge('green', 1, toThird)]);
  gate.lift();
  const outcomes = [];
  for (const nth of [1, 2, 3]) outcomes.push((await gate.decided(said, nth)).outcome);
  t.same(outcomes, ['pass', 'refuse', 'pass']);
  t.equal(opened(gate, from), 2);
  t.same(gate.lamps(toThird), ['green']);
});

t.test('what the reader has been through is counted, and told in a bounded number of lines', async (t) => {
  const lines = gate.process.stderr.split('\n').filter((line) => line.includes('reader:'));
  t.ok(lines.length < 60, `${lines.length} lines:\n${lines.join('\n')}`);
  const told = gate.process.written;
  await gate.process.end('SIGTERM');
  const counters = gate.process.stderr.split('\n').slice(told).join('\n');
  for (const name of ['timeouts', 'unsolicited', 'resets', 'reopens', 'discarded', 'readsFailed']) {
    t.match(counters, new RegExp(`counters .*${name}=[1-9]`), name);
  }
  t.notMatch(gate.process.stderr, stranger.idNumber);
});

t.test('central has a tap of each card that was read, once, and none of the stranger', async (t) => {
  const read = [
    ...during.filter((_, index) => READ_ALL_THE_SAME.includes(READER_FAULTS[index] ?? 'mute')),
    ...after,
    ...turns,
  ];
  const siteKey = await readSiteKey(site.central);
  const subject = ({ idNumber }: Person) => subjectOf(siteKey, 'id-card', idNumber, People.nobody);
  // Records come in order: with the end of the last tap, all is there.
  const last = turns.at(-1);
  const lastSubject = last && subject(last);
  await site.record(
    'gate-1',
    (lines) => {
      const tap = lines.find((line) => line.subject === lastSubject);
      return lines.some(({ kind, tap: of }) => kind === 'verdict' && tap !== undefined && of === tap.seq);
    },
    'the last verdict',
  );
  const lines = await site.events('gate-1');
  const { bySubject } = accountOf(lines.filter(({ kind }) => kind === 'tap'));
  t.same([...bySubject].sort(), read.map((person) => [subject(person), 1]).sort());
  t.notOk(
    lines.some((line) => line.subject === subject(stranger)),
    'nobody had asked for that card, and it is not even a tap that was broken off',
  );
});

const SAME_CARD_MS = 1_000;
for (const [device, person, line] of [
  ['gate-2', resting[0], { baud: 115_200 }],
  // 1295 bytes take 1.35 s: between two reads the same card would count again.
  ['gate-3', resting[1], { baud: 9_600 }],
] as const) {
  const name = `a card that is left on the pad counts once, on a line of ${line.baud} baud`;
  t.test(name, async (t) => {
    const lane = { sameCardMs: SAME_CARD_MS };
    const other = await TestGate.open(site, { device, refind: 'always', lane, ...line });
    const from = other.edges.count;
    other.put(person);
    await other.edges.edge('gate', 1, from);
    const startMs = performance.now();
    while (performance.now() - startMs < 3 * SAME_CARD_MS) await other.read(other.cardsRead + 1);
    t.equal(opened(other, from), 1, `one pulse for ${other.cardsRead} reads`);
    const lines = other.process.stderr.match(/ tap tap=/g);
    t.equal(lines?.length, 1, 'one tap');
  });
}
