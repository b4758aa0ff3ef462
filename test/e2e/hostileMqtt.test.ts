import { readFileSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import t, { type Test } from 'tap';
import { until } from '../support/waiting.js';
import { Capture } from './support/capture.js';
import type { Child } from './support/child.js';
import { TestGate } from './support/gate.js';
import { elder, type Person } from './support/people.js';
import { Site } from './support/site.js';

const DEADLINE_MS = 1_500;
const SLACK_MS = 100;
const UP = ['hello', 'verify', 'events', 'state', 'alarm', 'config'] as const;
const DOWN = ['welcome', 'verdict', 'ack', 'config', 'command'] as const;
const DEVICES = ['gate-1', 'gate-2', 'nobody-7'] as const;
const FLOOD = 10_000;
const INVENTED_DEVICES = 500;
/** A process may say so many lines about one kind of attack; there are 3 devices x 11 topics x reasons. */
const MOST_LINES = 130;
/** Over what it held after the first visit: buffers of a flood in flight, the tables of bounded size, and the collector's leisure. */
const MOST_GROWTH_BYTES = 96 * 2 ** 20;

const people = Array.from({ length: 44 }, (_, index) => elder(300 + index, { healthCode: 'green' }));
const red = elder(299, { healthCode: 'red' });
const site = await Site.open(t, { people: [...people, red] });
const gate = await TestGate.open(site, { device: 'gate-1', pulseMs: 100 });
const other = await TestGate.open(site, { device: 'gate-2', pulseMs: 100 });
const capture = await Capture.open(t, site.broker.url);
const attacker: MqttClient = await connectAsync(site.broker.url, {
  clientId: 'attacker',
  reconnectPeriod: 0,
});
t.teardown(() => attacker.endAsync(true));

const topicsOf = (device: string) => [
  ...UP.map((kind) => `cardpad/v1/d/${device}/up/${kind}`),
  ...DOWN.map((kind) => `cardpad/v1/d/${device}/down/${kind}`),
];
const TOPICS = [...DEVICES.flatMap(topicsOf), 'cardpad/v1/central/evil/state'];
const processes = (): readonly Child[] => [gate.process, other.process, site.service];

function rssBytes(child: Child): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function send(topic: string, payload: Buffer | string, retain = false): Promise<void> {
  // Confirmed by the broker, so that it lies before the next tap.
  await attacker.publishAsync(topic, payload, { qos: 1, retain });
}

function nextPerson(): Person {
  const person = people.shift();
  if (person === undefined) throw new Error('more people are wanted');
  return person;
}

/** The next person is let in by central, in time, and nobody else is. */
async function isWell(t: Test): Promise<void> {
  for (const each of [gate, other]) {
    const person = nextPerson();
    const [from, said] = [each.edges.count, each.process.written];
    each.put(person);
    await each.edges.edge('gate', 1, from);
    await each.edges.edge('gate', 0, from);
    each.lift();
    const { by, outcome, tookMs } = await each.decided(said);
    t.match({ by, outcome }, { by: 'central', outcome: 'pass' }, each.device);
    t.ok(tookMs <= DEADLINE_MS + SLACK_MS, `${tookMs} ms`);
  }
}

interface Size {
  readonly pid: number | undefined;
  readonly bytes: number;
}
let before: readonly Size[] = [];

t.test('a visit at each gate, nobody disturbing', async (t) => {
  await isWell(t);
  before = processes().map((child) => ({ pid: child.pid, bytes: rssBytes(child) }));
});

/** Those that run now are the ones that are to be there in the end. */
function samePids(): void {
  before = before.map((size, index) => ({ ...size, pid: processes()[index]?.pid }));
}

/** New processes say each reason again: for a minute they are silent about what they have said. */
async function startAllAgain(): Promise<void> {
  await site.service.end('SIGTERM');
  await site.startCentral();
  for (const each of [gate, other]) {
    await each.process.end('SIGTERM');
    each.startAgain();
    await each.ready();
  }
  samePids();
}

/** What happens meanwhile moves no gate, ends no process, and is said in few words with a reason. */
async function attacked(t: Test, attack: () => Promise<void>, says?: RegExp): Promise<void> {
  const at = processes().map((child) => child.written);
  const edges = [gate, other].map((each) => each.edges.count);
  const heard = capture.messages.length;
  await attack();
  // Behind everything else in each queue: what is heard of the marker has heard of all the rest.
  await send('cardpad/v1/marker', 'x');
  await until(
    () => capture.messages.slice(heard).some(({ topic }) => topic.endsWith('/marker')),
    'the marker',
    60_000,
  );
  for (const [index, each] of [gate, other].entries()) {
    t.same(each.edges.since(edges[index] ?? 0, 'gate'), [], `${each.device} did not move`);
  }
  await isWell(t);
  const linesOf = processes().map((child, index) => child.stderr.split('\n').slice(at[index], -1));
  for (const said of linesOf) t.ok(said.length < MOST_LINES, `${said.length} lines`);
  const lines = linesOf.flat();
  // Each reason is said once a minute, so an earlier attack may have had it said.
  if (says !== undefined)
    t.match(
      processes()
        .map(({ stderr }) => stderr)
        .join('\n'),
      says,
    );
  const longest = Math.max(...lines.map(({ length }) => length));
  t.ok(longest < 400, `no line holds what was sent: the longest has ${longest} characters`);
  t.same(
    processes().map(({ pid }) => pid),
    before.map(({ pid }) => pid),
  );
}

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
/** Longer than what is read at all; the others are not. */
const DEEP = nested(100_000);
const PAYLOADS: readonly [string, readonly (Buffer | string)[], RegExp][] = [
  ['nothing', [''], /reason=verdict-not-json/],
  [
    'garbage',
    [Buffer.from([0, 0xff, 0xfe, 0x80, 1]), '{', '{"v":', 'null', '"x"', '\u0000'],
    /kind=verify .*reason=not-json/,
  ],
  [
    'deep nesting',
    [DEEP, nested(60_000), `{"ticket":${nested(50_000)}}`, '{"a":'.repeat(20_000)],
    /kind=events .*reason=too-long/,
  ],
  [
    'wrong types',
    ['[]', '{}', '7', '{"v":1,"key":7,"body":[],"signature":{}}', '{"ticket":1,"sealed":null}'],
    /reason=verdict-wrong-shape/,
  ],
  [
    'versions of another day',
    ['{"v":2,"key":"00","body":"","signature":""}', '{"v":999999999999999999999}'],
    /kind=hello .*reason=wrong-shape/,
  ],
  [
    'dangerous names',
    ['{"__proto__":{"ok":true},"constructor":{"prototype":{}},"ticket":"","sealed":""}'],
    /reason=central-state-wrong-shape/,
  ],
];

for (const [what, payloads, says] of PAYLOADS) {
  t.test(`${what}, on every topic`, async (t) => {
    await attacked(
      t,
      async () => {
        for (const payload of payloads) await Promise.all(TOPICS.map((topic) => send(topic, payload)));
      },
      says,
    );
  });
}

t.test('two megabytes, on every topic', async (t) => {
  const big = Buffer.alloc(2 * 2 ** 20, '{"v":1}');
  await attacked(
    t,
    async () => {
      for (const topic of TOPICS) await send(topic, big);
    },
    /reason=\S*too-long/,
  );
});

/** Of an earlier session or the other gate's, and of this session but answered already. */
const REPLAYS_AT_A_GATE = [
  'welcome-unasked',
  'verdict-unknown-session',
  'verdict-late',
  'ack-unknown-session',
  'ack-unasked',
];
/** A question that is said again is answered again, as after a resend: that answer is the late one above. */
const REPLAYS_AT_CENTRAL = [
  ['hello', 'replayed'],
  ['hello', 'other-key'],
  ['verify', 'ticket-foreign'],
  ['events', 'ticket-foreign'],
] as const;

t.test('what was said before, said again: to the same device and to the other', async (t) => {
  await startAllAgain();
  await isWell(t);
  const recorded = capture.messages.filter(({ topic }) => /\/(up|down)\//.test(topic));
  t.ok(
    recorded.some(({ topic }) => topic.endsWith('down/verdict')),
    'there are verdicts to say again',
  );
  t.ok(recorded.some(({ topic }) => topic.endsWith('up/verify')));
  t.ok(recorded.some(({ topic }) => topic.endsWith('up/events')));
  const swapped = (topic: string) =>
    topic.replace(/gate-[12]/, (device) => (device === 'gate-1' ? 'gate-2' : 'gate-1'));
  const known = new Set<string>();
  const honest = recorded.filter(({ topic, payload }) => {
    const key = `${topic} ${payload.toString('base64')}`;
    const isNew =
      payload.length > 100 && payload.length < 100_000 && !known.has(key) && !/^\[|^.?$/.test(`${payload}`);
    known.add(key);
    return isNew && payload.toString().startsWith('{"');
  });
  await attacked(t, async () => {
    for (const { topic, payload } of honest) {
      await send(topic, payload);
      await send(swapped(topic), payload);
    }
  });
  for (const { device, process } of [gate, other]) {
    for (const reason of REPLAYS_AT_A_GATE) {
      t.ok(await process.line(new RegExp(`dropped kind=down who=${device} reason=${reason}`)), reason);
    }
    for (const [kind, reason] of REPLAYS_AT_CENTRAL) {
      const dropped = new RegExp(`dropped kind=${kind} who=${device} reason=${reason}`);
      t.ok(await site.service.line(dropped), `${kind} ${reason}`);
    }
  }
});

t.test('a pass from before never opens for a red card, however often it is said meanwhile', async (t) => {
  const passes = capture.messages.filter(
    ({ topic, payload }) => topic === 'cardpad/v1/d/gate-1/down/verdict' && payload.length < 10_000,
  );
  const [from, said] = [gate.edges.count, gate.process.written];
  gate.put(red);
  for (let round = 0; round < 10; round++)
    for (const { topic, payload } of passes) await send(topic, payload);
  await gate.edges.edge('red', 1, from);
  gate.lift();
  t.match(await gate.decided(said), { outcome: 'refuse', by: 'central', action: 'hold+call-staff' });
  t.same(gate.edges.since(from, 'gate'), []);
  await isWell(t);
});

t.test('retained where nothing is retained: a gate that starts is not greeted by it', async (t) => {
  const last = (kind: string) =>
    capture.messages.findLast(
      ({ topic, payload }) => topic === `cardpad/v1/d/gate-1/${kind}` && payload.toString().startsWith('{"'),
    );
  const kinds = ['down/verdict', 'down/welcome', 'down/ack', 'up/hello', 'up/verify', 'up/events'];
  const stale = kinds.flatMap((kind) => last(kind) ?? []);
  t.equal(stale.length, kinds.length, `${stale.length} of them`);
  for (const { topic, payload } of stale) await send(topic, payload, true);
  await gate.process.end('SIGTERM');
  gate.startAgain();
  await gate.ready();
  t.match(await gate.process.line(/dropped .*reason=retained/), /kind=down/);
  await isWell(t);
  await site.service.end('SIGTERM');
  await site.startCentral();
  for (const kind of ['hello', 'verify', 'events']) {
    const dropped = new RegExp(`dropped kind=${kind} who=gate-1 reason=retained`);
    t.ok(await site.service.line(dropped), `central takes no ${kind} from the broker's memory`);
  }
  await isWell(t);
  for (const { topic } of stale) await send(topic, '', true);
  samePids();
});

t.test('a flood on the topics of devices that are there and of such as are not', async (t) => {
  await attacked(
    t,
    async () => {
      const sent: Promise<unknown>[] = [];
      for (let n = 0; n < FLOOD; n++) {
        const invented = n % 2 === 0 ? `nobody-${n % INVENTED_DEVICES}` : (DEVICES[n % DEVICES.length] ?? '');
        const topics = topicsOf(invented);
        sent.push(send(topics[n % topics.length] ?? '', '{"ticket":"AAAA","sealed":"AAAA"}'));
        if (sent.length >= 200) await Promise.all(sent.splice(0));
      }
      await Promise.all(sent);
    },
    /dropped kind=/,
  );
});

t.test(
  'in the end: the same processes, no larger than stated, every visit at central and no other',
  async (t) => {
    for (const [index, child] of processes().entries()) {
      const grown = rssBytes(child) - (before[index]?.bytes ?? 0);
      t.ok(grown < MOST_GROWTH_BYTES, `${Math.round(grown / 2 ** 20)} MiB more`);
    }
    const { code, stdout } = await site.verify();
    t.equal(code, 0, stdout);
    const verdicts = (await site.events('gate-2')).filter(({ kind }) => kind === 'verdict');
    t.ok(verdicts.every(({ decidedBy }) => decidedBy === 'central'));
    const forks = (await site.events('gate-1')).filter(({ fork }) => fork !== undefined);
    t.same(forks, [], 'nothing that was said again is history twice');
  },
);
