import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { TestGate, type Visit } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const green = elder(40, { healthCode: 'green' });
const cards = [
  [green, 'green', 'pass'],
  [elder(41, { healthCode: 'yellow' }), 'yellow', 'attend'],
  [elder(42, { healthCode: 'red' }), 'red', 'refuse'],
  [elder(43), 'yellow', 'attend'],
  [elder(44, { healthCode: 'green' }), 'green', 'pass'],
] as const;

const HEAD = ['device', 'epoch', 'seq', 'kind', 'at'];
const TAP = [...HEAD, 'medium', 'assurance', 'subject', 'lane', 'direction', 'schemes'];
const VERDICT = [...HEAD, 'tap', 'outcome', 'reasons', 'action', 'decidedBy'];
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

const site = await Site.open(t, { people: cards.map(([person]) => person) });
const gate = await TestGate.open(site, { device: 'gate-1' });
const visits: Visit[] = [];
for (const [person, lamp] of cards) visits.push(await gate.visit(person, lamp));

t.test('five cards are five taps and five verdicts', async (t) => {
  const lines = await site.events('gate-1');
  const taps = lines.filter(({ kind }) => kind === 'tap');
  const verdicts = lines.filter(({ kind }) => kind === 'verdict');
  t.equal(taps.length, 5);
  t.same(
    verdicts.map(({ outcome }) => outcome),
    cards.map(([, , outcome]) => outcome),
  );
  t.same(
    verdicts.map(({ tap }) => tap),
    taps.map(({ seq }) => seq),
    'each verdict names its tap',
  );
  t.equal(new Set(taps.map(({ subject }) => subject)).size, 5, 'five people are five subjects');
});

t.test('a line of events has the fields that are documented and no other', async (t) => {
  for (const line of await site.events('gate-1')) {
    // A record written before the time was known says so.
    const { trusted: _, ...fields } = line;
    const documented = line.kind === 'tap' ? TAP : line.kind === 'verdict' ? VERDICT : HEAD;
    t.same(Object.keys(fields).sort(), [...documented].sort(), line.kind);
    t.match(line.at, RFC_3339);
    t.ok(Number.isSafeInteger(line.epoch) && Number.isSafeInteger(line.seq));
  }
});

t.test('verify says that all is whole', async (t) => {
  const { code, stdout } = await site.verify();
  t.equal(code, 0);
  t.match(stdout, /^gate-1 ok: .*\b5 taps, 5 verdicts\b/);
});

t.test('the same person is the same subject at the next visit', async (t) => {
  // The same identity counts again 3 s after it was last seen, and for so long the fifth lamp is shown.
  await gate.edges.becomes('green', '0');
  const { tap } = await gate.visit(green, 'green');
  t.equal(tap.subject, visits[0]?.tap.subject);
  t.not(tap.seq, visits[0]?.tap.seq);
});

t.test('verify names a ledger in which any one byte was altered', async (t) => {
  await gate.process.end('SIGTERM');
  const copy = join(site.folder, 'copy');
  await cp(site.central, copy, { recursive: true });
  const ledger = join(copy, 'ledger');
  const [name, ...others] = (await readdir(ledger)).filter((file) => file.startsWith('gate-1'));
  if (name === undefined) throw new Error('the ledger has no file of gate-1');
  t.same(others, []);
  const file = join(ledger, name);
  const good = await readFile(file);
  t.equal((await site.verify(copy)).code, 0, 'the copy is whole');
  for (const part of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    const at = Math.floor((good.length - 1) * part);
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 0x01;
    await writeFile(file, bad);
    const { code, stdout } = await site.verify(copy);
    t.equal(code, 1, `byte ${at} of ${good.length}`);
    t.match(stdout, /^gate-1 NOT WHOLE: .* in gate-1/m, 'device and file are named');
  }
});
