import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enroll } from '../../central/enrolments.js';
import { initCentral, publicPath } from '../../central/keys.js';
import { DEFAULT_RULES } from '../../central/rules/defaultRules.js';
import { type Central, type CentralOptions, startCentral } from '../../central/service.js';
import { ManualClock } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import { createSm2Inline } from '../../platform/sm2/inline.js';
import { generateSm2KeyPair } from '../../protocol/sm/sm2.js';
import { type PublicKey, parseCentralPublic } from '../../protocol/wire/enrolment.js';
import { parseTopic, upTopic } from '../../protocol/wire/topics.js';
import { TestDevice } from './device.js';
import { Network } from './network.js';

export interface TestScope {
  teardown(call: () => unknown): unknown;
}

/** A central's folder, as `init` makes it. */
export async function makeFolder(t: TestScope, files: Record<string, string> = {}): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'cardpad-central-'));
  // Not t.testdir, which is cleared before a central in it has ended its last write.
  t.teardown(() => rm(parent, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(parent, name), content);
  const folder = join(parent, 'C');
  const rules = JSON.stringify(DEFAULT_RULES);
  await initCentral(folder, {
    generate: generateSm2KeyPair,
    random: randomBytes,
    nowMs: Date.UTC(2026, 0, 1),
    rules,
  });
  return folder;
}

async function publicLedgerKey(folder: string): Promise<PublicKey> {
  const known = parseCentralPublic(await readFile(publicPath(folder)));
  const [key] = known.ok ? known.value.keys.ledger : [];
  if (key === undefined) throw new Error('no ledger key');
  return key;
}

/** A central in this process on a network in memory, with one gate that is enrolled and has a session. */
export interface Scene {
  readonly folder: string;
  readonly central: Central;
  readonly network: Network;
  readonly clock: ManualClock;
  readonly device: TestDevice;
  readonly ledgerKey: PublicKey;
  readonly logged: string[];
  /** Publishes as a gate and waits for the answer of that kind. */
  exchange(
    up: 'hello' | 'verify' | 'events' | 'alarm',
    payload: Buffer,
    down: 'welcome' | 'verdict' | 'ack',
  ): Promise<Buffer>;
  /** Publishes what gets no answer and waits until it was dropped for that reason. */
  dropped(
    up: 'hello' | 'verify' | 'events' | 'alarm',
    payload: Buffer,
    reason: string,
    from?: string,
  ): Promise<void>;
  /** Waits for a line of the log. */
  line(pattern: RegExp): Promise<string>;
}

export async function openScene(
  t: TestScope,
  options: Partial<CentralOptions> & { readonly folder?: string } = {},
  session = true,
): Promise<Scene> {
  const folder = options.folder ?? (await makeFolder(t));
  const clock = new ManualClock();
  const network = new Network();
  const device = new TestDevice();
  const events = new EventEmitter().setMaxListeners(0);
  const logged: string[] = [];
  const log = createLog(
    (line) => {
      logged.push(line);
      events.emit('line', line);
    },
    'debug',
    () => clock.wallMs(),
  );
  await enroll(folder, device.enrolment(), { replace: false, nowMs: clock.wallMs() });
  const ready = once(events, 'ready');
  const central = await startCentral({
    broker: { url: 'mqtt://memory' },
    worker: 'w1',
    openMqtt: network.open,
    clock,
    sm2: createSm2Inline(),
    random: randomBytes,
    log,
    onReady: () => events.emit('ready'),
    ...options,
    folder,
  });
  t.teardown(() => central.close());
  network.open({
    url: '',
    clientId: 'gate',
    subscriptions: [{ topic: 'cardpad/v1/d/+/down/+', qos: 0 }],
    onMessage: (topic, payload) => {
      const parsed = parseTopic(topic);
      if (parsed?.to === 'down') events.emit(parsed.kind, payload);
    },
    onUp: () => {},
    onDown: () => {},
  });
  await ready;
  const line = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = logged.find((text) => pattern.test(text));
      if (found !== undefined) return found;
      await once(events, 'line');
    }
  };
  const scene: Scene = {
    folder,
    central,
    network,
    clock,
    device,
    ledgerKey: await publicLedgerKey(folder),
    logged,
    line,
    exchange: async (up, payload, down) => {
      const answer = once(events, down);
      network.publish(upTopic(device.name, up), payload);
      return (await answer)[0] as Buffer;
    },
    dropped: async (up, payload, reason, from = device.name) => {
      const name = `${up}.${reason}`;
      const before = central.stats().dropped[name] ?? 0;
      network.publish(upTopic(from, up), payload);
      while ((central.stats().dropped[name] ?? 0) === before)
        await new Promise((resolve) => setImmediate(resolve));
    },
  };
  if (session) device.welcome(await scene.exchange('hello', device.hello(), 'welcome'));
  return scene;
}
