import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type KeptRecord, nameOf, newKept, OtherCentral } from '../docs/otherCentral.js';
import { startMosquitto } from '../support/mosquitto.js';
import { Changes } from './support/changes.js';
import { mustRun } from './support/child.js';
import { type GateHome, TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import type { EventLine } from './support/site.js';

/*
 * The real gate with a central that somebody else could have written: test/docs/otherCentral.ts knows nothing but
 * docs/wire-protocol.md.
 */

const DEVICE = 'gate-1';
const MOSQUITTO_SPEAKS = { protocolVersion: 5 } as const;
const welcomed = elder(80);
const refused = elder(81);

const folder = await mkdtemp(join(tmpdir(), 'cardpad-other-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));
const broker = await startMosquitto(t);
const kept = newKept();
const changes = new Changes();

async function startOther(): Promise<OtherCentral> {
  const other = new OtherCentral(kept, (token) => (token === refused.idNumber ? 'refuse' : 'pass'));
  other.onChange = () => changes.happened();
  await other.start(broker.url, MOSQUITTO_SPEAKS);
  return other;
}

let central = await startOther();
t.teardown(() => central.crash());

const lineOf = (record: KeptRecord): EventLine => {
  const { epoch, seq, kind } = record;
  const { tap, ...content } = central.read(DEVICE, record) as { readonly tap?: { readonly seq: number } };
  return {
    device: DEVICE,
    epoch,
    seq,
    kind,
    at: '',
    ...content,
    ...(tap === undefined ? {} : { tap: tap.seq }),
  };
};

const home: GateHome = {
  t,
  folder,
  access: { url: broker.url, protocol: 'auto' },
  async enroll(device, data) {
    const file = join(folder, 'central.public.json');
    await writeFile(file, central.publicFile);
    central.enroll(await mustRun(t, ['provision', '--data', data, '--device', device, '--central', file]));
  },
  record: (device, look, what) =>
    changes.until(
      () => look(central.journal(device).map(lineOf)),
      () => what,
    ),
};

const gate = await TestGate.open(home, { device: DEVICE });
const journal = () => central.journal(DEVICE);

t.test('a session opens, a card is judged, the gate opens, and what happened is taken', async (t) => {
  const from = gate.edges.count;
  const { tap, verdict } = await gate.visit(welcomed, 'green');
  await gate.edges.edge('gate', 1, from);
  t.match(tap, { kind: 'tap', token: welcomed.idNumber, medium: 'id-card', assurance: 'sam', site: 'e2e' });
  t.match(verdict, { outcome: 'pass', reasons: ['other.pass'], action: 'open', decidedBy: 'central' });
  t.match(central.questions[0], { token: welcomed.idNumber, tap: { epoch: tap.epoch, seq: tap.seq } });
});

t.test('who is refused does not get in', async (t) => {
  const from = gate.edges.count;
  const { verdict } = await gate.visit(refused, 'red');
  t.match(verdict, { outcome: 'refuse', reasons: ['other.refuse'], decidedBy: 'central' });
  t.same(
    gate.edges.since(from, 'gate').filter(({ value }) => value === 1),
    [],
  );
});

t.test('an ack is believed: each record came once, without a gap', async (t) => {
  const { batches } = central;
  t.same(
    [...batches].sort((a, b) => a.first - b.first),
    batches,
    'each batch begins behind the one before',
  );
  t.equal(new Set(batches.map(({ first }) => first)).size, batches.length);
  t.same(
    journal().map(({ seq }) => seq),
    journal().map((_, at) => at + 1),
  );
});

t.test('started anew, without its sessions: the gate greets and goes on where it was', async (t) => {
  const before = journal().map(nameOf);
  const said = gate.process.written;
  await central.crash();
  central = await startOther();
  await gate.process.line(/session open/, said);
  t.match(central.hellos[0], { device: DEVICE, place: { seq: before.length } });
  const { verdict } = await gate.visit(elder(82), 'green');
  t.match(verdict, { outcome: 'pass', decidedBy: 'central' });
  t.same(journal().slice(0, before.length).map(nameOf), before);
  t.equal(central.batches[0]?.first, before.length + 1);
});

t.test('restored from an older copy: the gate sends what is missing again, the same bytes', async (t) => {
  const before = journal().map(nameOf);
  await central.crash();
  journal().splice(3);
  central = await startOther();
  await changes.until(
    () => journal().length >= before.length,
    () => `${before.length} records, ${journal().length} came`,
  );
  t.same(journal().map(nameOf), before);
  t.same(central.dropped, []);
});
