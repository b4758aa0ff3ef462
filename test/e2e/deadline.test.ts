import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Authority } from '../support/certificates.js';
import { startProxy } from '../support/faultyProxy.js';
import { startMosquitto } from '../support/mosquitto.js';
import { until } from '../support/waiting.js';
import { accountOf } from './support/account.js';
import { type Decided, TestGate } from './support/gate.js';
import { elder, type Person } from './support/people.js';
import { type EventLine, Site } from './support/site.js';

const DEADLINE_MS = 1_500;
const SHORT_DEADLINE_MS = 300;
/** What a busy machine may add to a timer. */
const SLACK_MS = 100;
/** A look for a card each 100 ms, its read, a lamp that was lit a moment ago and rests first; and a busy machine. */
const PAD_TO_LAMP_MS = DEADLINE_MS + 100 + 100 + 400 + 500;
/** Taps while every message is late and some are lost. */
const ROUGH_TAPS = 12;
const VERDICTS = 'cardpad/v1/d/+/down/verdict';
const QUESTIONS = 'cardpad/v1/d/+/up/verify';

const queue = Array.from({ length: 60 }, (_, index) => elder(100 + index, { healthCode: 'green' }));
const rough = Array.from({ length: ROUGH_TAPS }, (_, index) => elder(400 + index, { healthCode: 'green' }));
const red = elder(99, { healthCode: 'red' });
const site = await Site.open(t, { people: [...queue, ...rough, red] });
const proxy = await startProxy(t, site.broker.port);
t.comment(`CARDPAD_SEED=${proxy.seed}`);
const gate = await TestGate.open(site, { device: 'gate-1', pulseMs: 100, brokerPort: proxy.port });
/** What the gate said of each tap in this file: central is to have the same in the end. */
const told: Decided[] = [];

function nextPerson(): Person {
  const person = queue.shift();
  if (person === undefined) throw new Error('more people are wanted');
  return person;
}

/** A person with a valid card, who is let in under green, once. `meanwhile`: what happens with the card on the pad. */
async function letIn(
  t: Test,
  meanwhile: () => Promise<void> = async () => {},
  person: Person = nextPerson(),
): Promise<Decided> {
  const from = gate.edges.count;
  const said = gate.process.written;
  // The trace of the lines goes by the same clock.
  const putNs = process.hrtime.bigint();
  gate.put(person);
  await meanwhile();
  const lit = await gate.edges.edge('green', 1, from);
  const padToLampMs = Math.round(Number(lit.ns - putNs) / 1e6);
  t.ok(padToLampMs <= PAD_TO_LAMP_MS, `${padToLampMs} ms from the pad to the lamp`);
  await gate.edges.edge('gate', 1, from);
  await gate.edges.edge('gate', 0, from);
  gate.lift();
  const decided = await gate.decided(said);
  t.same(gate.lamps(from), ['green'], 'green, never red or yellow');
  t.equal(gate.edges.since(from, 'gate').length, 2, 'one pulse');
  t.equal(decided.action, 'open');
  told.push(decided);
  return decided;
}

/** Central answers again. Where the network comes back by itself, a tap or two may still be too early for that. */
async function isWell(t: Test): Promise<void> {
  for (let taps = 0; taps < 6; taps++) {
    const { by, tookMs } = await letIn(t);
    t.ok(tookMs <= DEADLINE_MS + SLACK_MS, `${tookMs} ms`);
    if (by === 'central') return;
  }
  t.fail('central is not asked again');
}

interface Trouble {
  readonly what: string;
  /** Makes it. */
  readonly begin: () => Promise<void> | void;
  readonly end: () => Promise<void> | void;
  readonly reason: 'sys.offline' | 'sys.timeout';
}

/** A line of the gate's log that comes after this call. */
function said(pattern: RegExp): Promise<string> {
  return gate.process.line(pattern, gate.process.written);
}

let mend: () => void = () => {};
const lost = /connection lost/;
const TROUBLES: readonly Trouble[] = [
  {
    what: 'the broker is gone and its port refuses',
    begin: async () => {
      await Promise.all([said(lost), proxy.refuse(true)]);
    },
    end: () => proxy.refuse(false),
    reason: 'sys.offline',
  },
  {
    what: 'the broker is frozen: connections stay, nothing answers',
    begin: () => {
      mend = site.broker.freeze();
    },
    end: () => mend(),
    reason: 'sys.timeout',
  },
  {
    what: 'the way is half-open: everything is swallowed',
    begin: () => {
      proxy.dead.value = true;
    },
    end: () => {
      proxy.dead.value = false;
      proxy.cut();
    },
    reason: 'sys.timeout',
  },
  {
    what: 'the way is slower than the deadline',
    begin: () => {
      proxy.pacing.latencyMs = DEADLINE_MS + 300;
    },
    end: () => {
      proxy.pacing.latencyMs = 0;
    },
    reason: 'sys.timeout',
  },
  {
    what: 'every verdict is lost',
    begin: () => {
      mend = proxy.onPublish({ way: 'down', filter: VERDICTS }, { what: 'drop' });
    },
    end: () => mend(),
    reason: 'sys.timeout',
  },
  {
    what: 'every question is lost',
    begin: () => {
      mend = proxy.onPublish({ way: 'up', filter: QUESTIONS }, { what: 'drop' });
    },
    end: () => mend(),
    reason: 'sys.timeout',
  },
];

for (const { what, begin, end, reason } of TROUBLES) {
  t.test(`${what}: decided here, in time`, async (t) => {
    await begin();
    const first = await letIn(t);
    const second = await letIn(t);
    await end();
    const here = { outcome: 'undetermined', reasons: [reason], by: 'local' };
    t.match([first, second], [here, here]);
    const waited = reason === 'sys.timeout';
    t.ok(first.tookMs <= DEADLINE_MS + SLACK_MS, `${first.tookMs} ms`);
    t.ok(first.tookMs >= (waited ? DEADLINE_MS - SLACK_MS : 0), 'as long as it may, and no longer');
    t.ok(second.tookMs <= (waited ? SHORT_DEADLINE_MS : 0) + SLACK_MS, `then ${second.tookMs} ms`);
    await isWell(t);
  });
}

t.test('after an answer the whole deadline counts again', async (t) => {
  const stop = proxy.onPublish({ way: 'down', filter: VERDICTS }, { what: 'delay', delayMs: 700 });
  const { by, tookMs } = await letIn(t);
  stop();
  t.equal(by, 'central');
  t.ok(tookMs > SHORT_DEADLINE_MS + SLACK_MS && tookMs <= DEADLINE_MS + SLACK_MS, `${tookMs} ms`);
});

for (const [what, way, filter] of [
  ['first question', 'up', QUESTIONS],
  ['first verdict', 'down', VERDICTS],
] as const) {
  t.test(`the ${what} is lost: the one resend saves the verdict`, async (t) => {
    proxy.onPublish({ way, filter, times: 1 }, { what: 'drop' });
    const { by, tookMs, outcome } = await letIn(t);
    t.match({ by, outcome }, { by: 'central', outcome: 'pass' });
    t.ok(tookMs >= DEADLINE_MS / 3 - 1 && tookMs <= DEADLINE_MS + SLACK_MS, `${tookMs} ms`);
  });
}

t.test('doubled messages change nothing', async (t) => {
  const rules = [
    proxy.onPublish({ way: 'up', filter: 'cardpad/v1/d/+/up/+' }, { what: 'duplicate' }),
    proxy.onPublish({ way: 'down', filter: 'cardpad/v1/d/+/down/+' }, { what: 'duplicate' }),
  ];
  t.match(await letIn(t), { by: 'central', outcome: 'pass' });
  for (const stop of rules) stop();
});

t.test('late by chance, in small pieces, lost by chance and out of order: each in time', async (t) => {
  const smooth = { ...proxy.pacing };
  const { befallen } = proxy;
  Object.assign(proxy.pacing, { latencyMs: 60, jitterMs: 150, pieceBytes: 7 });
  const rules = [
    proxy.onPublish({ way: 'down', filter: VERDICTS, chance: 0.5 }, { what: 'reorder', count: 2 }),
    proxy.onPublish({ way: 'down', filter: VERDICTS, chance: 0.3 }, { what: 'drop' }),
    proxy.onPublish({ way: 'up', filter: QUESTIONS, chance: 0.3 }, { what: 'drop' }),
  ];
  const by = { central: 0, local: 0 };
  for (const person of rough) {
    const decided = await letIn(t, async () => {}, person);
    t.ok(decided.tookMs <= DEADLINE_MS + SLACK_MS, `${decided.tookMs} ms`);
    by[decided.by === 'central' ? 'central' : 'local'] += 1;
  }
  for (const stop of rules) stop();
  Object.assign(proxy.pacing, smooth);
  t.ok(proxy.befallen > befallen, `${proxy.befallen - befallen} messages were lost or held`);
  t.comment(`${by.central} decided by central, ${by.local} here`);
  await isWell(t);
});

t.test('verdicts out of order: an old pass never opens for the next card', async (t) => {
  const { befallen } = proxy;
  const stop = proxy.onPublish({ way: 'down', filter: VERDICTS }, { what: 'reorder', count: 2 });
  const from = gate.edges.count;
  const said = gate.process.written;
  gate.put(nextPerson());
  await until(() => proxy.befallen > befallen, 'the first verdict to be on its way');
  gate.put(red);
  await gate.edges.edge('red', 1, from);
  gate.lift();
  stop();
  const both = [await gate.decided(said), await gate.decided(said, 2)];
  told.push(...both);
  const refused = { outcome: 'refuse', by: 'central', action: 'hold+call-staff' };
  t.match(both, [refused, { outcome: 'pass', by: 'central', action: 'none' }]);
  await gate.edges.edge('red', 0, from);
  t.same(gate.edges.since(from, 'gate'), [], 'the gate did not move, for as long as red was shown');
  t.same(gate.lamps(from), ['red']);
});

t.test('a verdict after its deadline opens nothing again, and the whole deadline counts again', async (t) => {
  const delay = (delayMs: number) =>
    proxy.onPublish({ way: 'down', filter: VERDICTS }, { what: 'delay', delayMs });
  const stopLate = delay(DEADLINE_MS + 200);
  const from = gate.edges.count;
  t.match(await letIn(t), { by: 'local', reasons: ['sys.timeout'] });
  stopLate();
  await until(() => proxy.underWay === 0, 'the late verdicts');
  const stopSlow = delay(SHORT_DEADLINE_MS * 2);
  const { by, tookMs } = await letIn(t);
  stopSlow();
  t.equal(by, 'central', `${tookMs} ms`);
  t.equal(gate.edges.since(from, 'gate').length, 4, 'a pulse for each card');
});

t.test('the broker is restarted in the middle of a question', async (t) => {
  const { befallen } = proxy;
  const stop = proxy.onPublish({ way: 'up', filter: QUESTIONS }, { what: 'drop' });
  const { by, reasons, tookMs } = await letIn(t, async () => {
    await until(() => proxy.befallen > befallen, 'the question');
    await site.pullNetwork();
  });
  t.match({ by, reasons }, { by: 'local', reasons: ['sys.offline'] });
  t.ok(tookMs <= DEADLINE_MS + SLACK_MS, `${tookMs} ms`);
  stop();
  await site.restoreNetwork();
  await gate.process.line(/broker: connected/, gate.process.written);
  await isWell(t);
});

t.test('no broker behind the name or the certificate: decided here, and one line says why', async (t) => {
  const cases: [string, { url: string; caFile?: string }, RegExp][] = [
    ['a name that does not resolve', { url: 'mqtt://broker.invalid:1883' }, /broker\.invalid/],
    ['TLS to a port that speaks none', { url: `mqtts://127.0.0.1:${site.broker.port}` }, /./],
  ];
  const authority = new Authority();
  const caFile = join(site.folder, 'authority.pem');
  await writeFile(caFile, authority.pem);
  const { url } = await startMosquitto(site.t, undefined, { certificate: authority.certify() });
  cases.push(['a certificate of an unknown authority', { url }, /no known authority/]);
  await gate.useBroker({ url, caFile });
  t.ok(await gate.process.line(/broker: connected/), 'that broker is one, where its authority is known');
  for (const [what, broker, problem] of cases) {
    await gate.useBroker(broker);
    t.match(await gate.process.line(/cannot connect/), problem, what);
    const { by, reasons, tookMs } = await letIn(t);
    t.match({ by, reasons }, { by: 'local', reasons: ['sys.offline'] }, what);
    t.ok(tookMs <= DEADLINE_MS + SLACK_MS, `${what}: ${tookMs} ms`);
    t.equal(gate.process.stderr.match(/cannot connect/g)?.length, 1, `${what}: said once`);
  }
  await gate.useBroker({ url: site.broker.url });
  await gate.process.line(/session open/);
  await isWell(t);
});

t.test(
  'in the end central has every verdict as the gate told it, and has judged who came in meanwhile',
  async (t) => {
    const verdictOf =
      ({ epoch, seq }: Decided) =>
      (line: EventLine) =>
        line.kind === 'verdict' && line.tap === seq && (line.tapEpoch ?? line.epoch) === epoch;
    for (const tap of told) {
      const { outcome, reasons, action, by: decidedBy } = tap;
      const record = await site.record('gate-1', (lines) => lines.find(verdictOf(tap)), `tap ${tap.seq}`);
      t.match(record, { outcome, reasons, action, decidedBy }, `tap ${tap.epoch}/${tap.seq}`);
    }
    const { taps, ends } = accountOf(await site.events('gate-1'));
    t.same(taps, [...new Set(taps)], 'no tap came twice');
    t.same([...ends].sort(), taps.map((tap) => [tap, 1]).sort(), 'each has one end');
    const { code, stdout } = await site.verify();
    t.equal(code, 0, stdout);
    t.notMatch(site.service.stderr, /would not have passed/, 'all of them had a green code');
  },
);
