import { randomBytes } from 'node:crypto';
import t from 'tap';
import { enrolmentsPath } from '../../central/enrolments.js';
import { startCentral } from '../../central/service.js';
import { systemClock } from '../../platform/clock.js';
import { writeFileDurable } from '../../platform/files.js';
import { silentLog } from '../../platform/log.js';
import { createSm2Pool } from '../../platform/sm2/pool.js';
import { generateSm2KeyPair, sm2Sign } from '../../protocol/sm/sm2.js';
import { keyId } from '../../protocol/sm/sm2Key.js';
import { encodeHello } from '../../protocol/wire/session.js';
import { encodeSigned, signedBytes } from '../../protocol/wire/signed.js';
import { parseTopic, upTopic } from '../../protocol/wire/topics.js';
import { question, TestDevice } from './device.js';
import { makeFolder } from './harness.js';
import { Network } from './network.js';

/** 2,000 is a long run: CARDPAD_TEST_GATES=2000. */
const GATES = Number(process.env.CARDPAD_TEST_GATES ?? 100);
/** As central has them. */
const SM2_THREADS = 2;
const WELCOME_TIMEOUT_MS = 5_000;
const ASK_EVERY_MS = 20;
const QUESTIONS_BEFORE = 50;
/** As wide as a loaded machine needs it; a main thread that parses, reads or signs for all of them would be beyond. */
const MOST_MEDIAN_MS = 250;

const sm2 = createSm2Pool({ size: SM2_THREADS, eager: true });
t.teardown(() => sm2.close());
const network = new Network();
const folder = await makeFolder(t);

/** All of them with one key: what central does for each is the same, and a test need not make 2,000. */
const deviceKey = generateSm2KeyPair();
const publicKey = { id: keyId(deviceKey.publicKey), publicKey: deviceKey.publicKey };
const sessionKey = generateSm2KeyPair().publicKey;
const gates = Array.from({ length: GATES }, (_, index) => `gate-${index}`);
/** Those that have a session already and go on asking. */
const asking = ['asking-0', 'asking-1', 'asking-2', 'asking-3'].map((name) => new TestDevice(name));

const entry = (key: typeof publicKey) => ({ key, enrolledMs: 0 });
const devices = Object.fromEntries([
  ...gates.map((name) => [name, entry(publicKey)]),
  ...asking.map((device) => [device.name, entry(device.enrolment().key)]),
]);
await writeFileDurable(enrolmentsPath(folder), JSON.stringify({ devices }), 0o600);

function helloOf(device: string): Buffer {
  const nonce = randomBytes(16).toString('hex');
  const body = encodeHello({ device, sessionKey, nonce, wallMs: 0, place: null, versions: [1] });
  const signature = sm2Sign(signedBytes('hello', body), deviceKey.privateKey, deviceKey.publicKey);
  return encodeSigned(publicKey.id, body, signature);
}

const answers = new Map<string, (payload: Buffer) => void>();
const answer = (topicKind: string): Promise<Buffer> =>
  new Promise((resolve) => {
    answers.set(topicKind, resolve);
  });

network.open({
  url: '',
  clientId: 'gates',
  subscriptions: [{ topic: 'cardpad/v1/d/+/down/+', qos: 0 }],
  onMessage: (topic, payload) => {
    const parsed = parseTopic(topic);
    if (parsed?.to === 'down') answers.get(`${parsed.device}/${parsed.kind}`)?.(payload);
  },
  onUp: () => {},
  onDown: () => {},
});

const central = await new Promise<Awaited<ReturnType<typeof startCentral>>>((resolve, reject) => {
  const starting = startCentral({
    folder,
    broker: { url: 'mqtt://memory' },
    worker: 'w1',
    openMqtt: network.open,
    clock: systemClock,
    sm2,
    random: randomBytes,
    log: silentLog,
    questionRate: { perSecond: 1_000, burst: 1_000 },
    onReady: () => void starting.then(resolve, reject),
  });
  starting.catch(reject);
});
t.teardown(() => central.close());

for (const device of asking) {
  const welcome = answer(`${device.name}/welcome`);
  network.publish(upTopic(device.name, 'hello'), device.hello());
  device.welcome(await welcome);
}

/** Asks as gates do, one every 20 ms, while somebody says so; gives the round trips. */
async function ask(again: (asked: number) => boolean): Promise<number[]> {
  const tookMs: number[] = [];
  for (let seq = 3; again(tookMs.length); seq++) {
    const device = asking[seq % asking.length];
    if (device === undefined) throw new Error('nobody asks');
    const next = new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    const verdict = answer(`${device.name}/verdict`);
    const payload = device.ask(question(seq));
    const fromMs = performance.now();
    network.publish(upTopic(device.name, 'verify'), payload);
    await verdict;
    tookMs.push(performance.now() - fromMs);
    await next;
  }
  return tookMs;
}

const at = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)] ?? Number.NaN;
const shown = (values: readonly number[]): string =>
  `p50 ${at(values, 0.5).toFixed(1)} ms, p99 ${at(values, 0.99).toFixed(1)} ms, ${values.length} questions`;

t.test(
  'a whole street greets at once: each gets its session, and questions are answered meanwhile',
  async (t) => {
    const hellos = new Map(gates.map((name) => [name, helloOf(name)]));
    const before = await ask((asked) => asked < QUESTIONS_BEFORE);
    const fromMs = performance.now();
    const waitedMs: number[] = [];
    let sent = 0;
    let isOver = false;
    const welcomed = gates.map(
      (name) =>
        new Promise<void>((resolve) => {
          let tries = 0;
          let timer: NodeJS.Timeout | undefined;
          const send = () => {
            sent += 1;
            tries += 1;
            // As a gate does: five seconds of patience, then a back-off that chance spreads.
            const backOffMs = Math.random() * Math.min(5_000, 500 * 2 ** tries);
            timer = setTimeout(send, WELCOME_TIMEOUT_MS + backOffMs);
            network.publish(upTopic(name, 'hello'), hellos.get(name) ?? Buffer.alloc(0));
          };
          answers.set(`${name}/welcome`, () => {
            clearTimeout(timer);
            waitedMs.push(performance.now() - fromMs);
            resolve();
          });
          send();
        }),
    );
    const meanwhile = ask(() => !isOver);
    await Promise.all(welcomed);
    const tookMs = performance.now() - fromMs;
    isOver = true;
    const during = await meanwhile;
    const rate = ((GATES * 1_000) / tookMs).toFixed(1);
    t.comment(`${GATES} gates in ${(tookMs / 1_000).toFixed(1)} s, ${rate}/s, ${sent} hellos sent`);
    t.comment(`half of them within ${(at(waitedMs, 0.5) / 1_000).toFixed(1)} s`);
    t.comment(`before: ${shown(before)}; meanwhile: ${shown(during)}`);
    t.comment(`memory ${Math.round(process.memoryUsage().heapUsed / 1e6)} MB of heap`);
    t.equal(
      central.stats().sessions,
      GATES + asking.length,
      'one session each: no work for who had given up',
    );
    t.ok(at(during, 0.5) <= MOST_MEDIAN_MS, `median ${at(during, 0.5)} ms`);
  },
);
