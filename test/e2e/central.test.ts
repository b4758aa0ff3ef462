import { appendFile, cp, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { mustRun } from './support/child.js';
import { LeftAlone } from './support/leftAlone.js';

/** Everything of a folder of central but its ledger, what it acknowledged, and its ticket keys. */
const SAME_CENTRAL = [
  ...['session', 'authority', 'ledger', 'site'].map((name) => join('keys', `${name}.json`)),
  'enrolments.json',
  'rules.json',
];

const alone = await LeftAlone.open(t, 200);
const { site, gate } = alone;

t.test('before anything breaks', (t) => alone.decidedByCentral(t));

t.test('restarted', async (t) => {
  const before = await alone.records();
  t.same(await site.service.end('SIGTERM'), { code: 0, signal: null });
  await site.startCentral();
  await alone.decidedByCentral(t);
  await alone.isWhole(t, before);
});

t.test('killed as it stores, with half a record on its disk', async (t) => {
  const before = await alone.records();
  const from = gate.edges.count;
  gate.put(alone.somebody());
  await gate.edges.edge('green', 1, from);
  gate.lift();
  await site.service.end('SIGKILL');
  // As an append leaves it that was cut short: the beginning of a frame.
  await appendFile(join(site.central, 'ledger', 'gate-1.cpj'), Buffer.from('43504a310000010000', 'hex'));
  const away = gate.edges.count;
  gate.put(alone.somebody());
  await gate.edges.edge('green', 1, away);
  gate.lift();
  await site.startCentral();
  await alone.decidedByCentral(t);
  await alone.isWhole(t, before);
});

t.test('replaced by another one with the same keys, without its ledger and its ticket keys', async (t) => {
  const before = await alone.records();
  const other = join(site.folder, 'other');
  await mkdir(join(other, 'keys'), { recursive: true, mode: 0o700 });
  for (const name of SAME_CENTRAL) await cp(join(site.central, name), join(other, name));
  await mustRun(t, ['central', 'init', '--data', other]);
  await site.service.end('SIGKILL');
  const said = gate.process.written;
  await site.startCentral(other);
  await alone.greeted(t, said);
  await alone.decidedByCentral(t);
  await alone.isWhole(t, before);
});

t.test('restored from a copy that was taken while it ran', async (t) => {
  const copy = join(site.folder, 'copy');
  await cp(site.central, copy, { recursive: true });
  await alone.decidedByCentral(t);
  await alone.decidedByCentral(t);
  const before = await alone.records();
  await site.service.end('SIGKILL');
  const said = gate.process.written;
  await site.startCentral(copy);
  // Nobody taps: the gate asks by itself how far central is.
  await alone.greeted(t, said);
  await site.record('gate-1', (lines) => lines.length >= before.length, 'what the copy lacks');
  await alone.isWhole(t, before.slice(1));
  await alone.decidedByCentral(t);
  await alone.isWhole(t, before);
});

t.test('its ticket keys replaced while it runs', async (t) => {
  const before = await alone.records();
  const fresh = join(site.folder, 'fresh');
  await mustRun(t, ['central', 'init', '--data', fresh]);
  const said = gate.process.written;
  await rename(join(fresh, 'keys', 'tickets.json'), join(site.central, 'keys', 'tickets.json'));
  await alone.greeted(t, said);
  await alone.decidedByCentral(t);
  await alone.isWhole(t, before);
});
