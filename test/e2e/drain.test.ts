import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { startProxy } from '../support/faultyProxy.js';
import { leaveBacklog } from './support/backlog.js';
import { Capture } from './support/capture.js';
import { TestGate } from './support/gate.js';
import { elder, type Person } from './support/people.js';
import { Site } from './support/site.js';

const QUEUED = 10_000;
const TAP_EVERY_MS = 1_000;
const TAPS_IDLE = 10;
/** Of those that count while it drains. */
const TAPS_DRAINING = 5;
/** A machine that others use has moments; where many processes wait for each core, so many more of them. */
const SLACK_MS = 25;
const WORST_SLACK_MS = 100;
const waitingForACore = () => Math.max(1, (loadavg()[0] ?? 1) / availableParallelism());
/** Acknowledgements are late by so much, so that a drain of some 160 batches, four at a time, outlasts the taps. */
const ACK_LATE_MS = 150;
/** Half a minute on a machine that does nothing else. */
const DRAIN_MS = 200_000;
const MOST_BATCH_BYTES = 96 * 1024;
const topic = (kind: string) => `cardpad/v1/d/gate-1/${kind}`;
const EVENTS = topic('up/events');
const VERDICT = topic('down/verdict');

const people = Array.from({ length: 12 }, (_, index) => elder(260 + index, { healthCode: 'green' }));
const site = await Site.open(t, { people });

let queuedTo = 0;
const prepare = async (data: string) => {
  queuedTo = await leaveBacklog(site, 'gate-1', data, people, QUEUED);
};
const proxy = await startProxy(t, site.broker.port);
proxy.onPublish({ way: 'down', filter: topic('down/ack') }, { what: 'delay', delayMs: ACK_LATE_MS });
const capture = await Capture.open(t, site.broker.url);
const gate = await TestGate.open(site, { device: 'gate-1', prepare, brokerPort: proxy.port });
const sinceMs = performance.now();
let drainedMs: number | undefined;
const drained = site.arrived('gate-1', 1, queuedTo, DRAIN_MS).then(() => {
  drainedMs = performance.now() - sinceMs;
});
// Waited for below: until then a failure has nobody who could take it, and would end the whole process.
let isHopeless = false;
drained.catch(() => {
  isHopeless = true;
});

/** One card; gives how long it took from the card's text to the decision, as the gate itself tells. */
async function tap(person: Person): Promise<number> {
  const said = gate.process.written;
  gate.put(person);
  const line = await gate.process.line(/ tap tap=/, said);
  gate.lift();
  t.match(line, /by=central/);
  return Number(/tookMs=([\d.]+)/.exec(line)?.[1]);
}

function somebody(): Person {
  const person = people.shift();
  if (person === undefined) throw new Error('nobody is left');
  people.push(person);
  return person;
}

async function tapASecond(again: (taps: number) => boolean): Promise<number[]> {
  const tookMs: number[] = [];
  while (again(tookMs.length)) {
    const next = pause(TAP_EVERY_MS);
    tookMs.push(await tap(somebody()));
    await next;
  }
  return tookMs;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

t.test('no batch leaves between a question and its verdict', async (t) => {
  await capture.message(EVENTS, 0);
  const heard = capture.messages.length;
  // The first verdict waits for the one that the resend brings: the gate asks for a third of the deadline.
  proxy.onPublish({ way: 'down', filter: VERDICT, times: 2 }, { what: 'reorder', count: 2 });
  await tap(somebody());
  const topics = await capture.until((messages) => {
    const since = messages.slice(heard).map((message) => message.topic);
    return since.filter((each) => each === VERDICT).length >= 2 && since;
  }, 'both verdicts');
  const asked = topics.indexOf(topic('up/verify'));
  const answered = topics.indexOf(VERDICT, topics.indexOf(VERDICT) + 1);
  t.ok(asked !== -1 && asked < answered, 'asked, asked again, and answered twice');
  t.notOk(topics.slice(asked, answered).includes(EVENTS), 'none meanwhile');
  await capture.message(EVENTS, heard + answered);
  t.equal(drainedMs, undefined, 'and then it went on');
});

t.test('10,000 queued events drain while a tap a second keeps its latency', async (t) => {
  const draining = await tapASecond(() => drainedMs === undefined && !isHopeless);
  await drained;
  const idle = await tapASecond((taps) => taps < TAPS_IDLE);
  const shown = (name: string, values: readonly number[]) =>
    `${name}: ${values.length} taps, median ${median(values)} ms, worst ${Math.max(...values)} ms`;
  t.comment(`${Math.round((queuedTo * 1000) / (drainedMs ?? 0))} events/s; ${shown('draining', draining)}`);
  t.comment(shown('idle', idle));
  t.ok(draining.length >= TAPS_DRAINING, `${draining.length} taps came while it drained`);
  const crowd = waitingForACore();
  t.comment(`${crowd.toFixed(1)} processes for each core`);
  t.ok(
    median(draining) <= 2 * median(idle) + SLACK_MS * crowd,
    `${median(draining)} ms against ${median(idle)} ms`,
  );
  const [worst, worstIdle] = [Math.max(...draining), Math.max(...idle)];
  t.ok(worst <= worstIdle + WORST_SLACK_MS * crowd, `at worst ${worst} ms against ${worstIdle} ms`);
});

t.test('and everything is at central, once, in order', async (t) => {
  const said = gate.process.stderr.matchAll(/ tap tap=(\d+)\/(\d+) /g);
  const last = [...said].at(-1);
  await site.arrived('gate-1', Number(last?.[1]), Number(last?.[2]) + 1);
  const places = (await site.events('gate-1')).map(({ epoch, seq }) => `${epoch}/${seq}`);
  const upTo = (epoch: number, length: number) => Array.from({ length }, (_, at) => `${epoch}/${at + 1}`);
  t.ok(queuedTo > QUEUED, `${queuedTo} records with their keys`);
  t.same(places, [...upTo(1, queuedTo), ...upTo(2, places.length - queuedTo)]);
  t.ok(places.length >= queuedTo + 2 * TAPS_IDLE);
  const { code, stdout } = await site.verify();
  t.equal(code, 0, stdout);
});

t.test('it came in batches of bounded size', async (t) => {
  const batches = capture.messages.filter((message) => message.topic === EVENTS);
  const largest = Math.max(...batches.map(({ payload }) => payload.length));
  t.ok(batches.length > 1, `${batches.length} batches`);
  t.ok(largest <= MOST_BATCH_BYTES, `the largest has ${largest} bytes`);
});
