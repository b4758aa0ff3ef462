import { randomBytes } from 'node:crypto';
import { Conditions } from '../../../daemon/conditions.js';
import { Journal } from '../../../daemon/journal/journal.js';
import { Link, type LinkOptions } from '../../../daemon/link/link.js';
import { TimeKeeper } from '../../../daemon/time.js';
import { ManualClock } from '../../../platform/clock.js';
import { createLog } from '../../../platform/log.js';
import { createSm2Inline } from '../../../platform/sm2/inline.js';
import type { Sm2Service } from '../../../platform/sm2/service.js';
import { keyId, type Sm2KeyPair } from '../../../protocol/sm/sm2Key.js';
import type { Question, Verdict } from '../../../protocol/wire/messages.js';
import { downTopic, upTopic } from '../../../protocol/wire/topics.js';
import { FakeCentral } from '../../support/fakeCentral.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { MemoryBroker } from '../../support/memoryMqtt.js';
import { settle } from '../../support/waiting.js';
import { DEVICE, SIGNER, tap, verdictOn } from '../journal/bench.js';

export { DEVICE, tap, verdictOn };

/** Names every SM2 operation that was asked for. */
function counting(sm2: Sm2Service, calls: string[]): Sm2Service {
  const counted = <T>(name: string, call: () => T): T => {
    calls.push(name);
    return call();
  };
  return {
    generate: () => counted('generate', () => sm2.generate()),
    sign: (message, pair) => counted('sign', () => sm2.sign(message, pair)),
    verify: (message, signature, key) => counted('verify', () => sm2.verify(message, signature, key)),
    encrypt: (plaintext, key) => counted('encrypt', () => sm2.encrypt(plaintext, key)),
    decrypt: (ciphertext, key) => counted('decrypt', () => sm2.decrypt(ciphertext, key)),
    selfTest: () => sm2.selfTest(),
    close: () => sm2.close(),
  };
}

const sm2 = createSm2Inline();
const deviceKey: Sm2KeyPair = await sm2.generate();

export interface LinkBenchOptions extends Partial<Pick<LinkOptions, 'firstHelloWithinMs' | 'random'>> {
  readonly disk?: MemoryDisk;
  /** One that another link of the test is connected to. */
  readonly broker?: MemoryBroker;
  readonly boot?: string;
  /** Whether the gate knows the time before its first session, so that no `clock` record is due; default true. */
  readonly timeKnown?: boolean;
  /** Whether central is there before the gate is; default true. */
  readonly centralUp?: boolean;
}

/** A gate's link to a fake central over a broker in memory, in a time that only the test moves. */
export class LinkBench {
  readonly told: string[] = [];
  readonly verdicts: { readonly tap: number; readonly verdict: Verdict; readonly networkMs: number }[] = [];
  readonly sm2Calls: string[] = [];
  readonly conditions = new Conditions();
  lines: string[] = [];

  private constructor(
    readonly clock: ManualClock,
    readonly broker: MemoryBroker,
    readonly central: FakeCentral,
    readonly disk: MemoryDisk,
    readonly journal: Journal,
    link: (bench: LinkBench) => Link,
  ) {
    this.link = link(this);
  }

  readonly link: Link;

  static async start(options: LinkBenchOptions = {}): Promise<LinkBench> {
    const clock = new ManualClock();
    const broker = options.broker ?? new MemoryBroker();
    const disk = options.disk ?? new MemoryDisk();
    const central = await FakeCentral.create(broker, sm2, clock, DEVICE, deviceKey.publicKey);
    if (options.centralUp !== false) central.connect();
    await settle();
    const time = new TimeKeeper(clock);
    const told = { wallMs: clock.wallMs(), helloSentMs: 0, welcomeCameMs: 0 };
    if (options.timeKnown !== false) time.learn(told);
    const lines: string[] = [];
    const log = createLog(
      (line) => lines.push(line),
      'debug',
      () => clock.wallMs(),
    );
    const journal = await Journal.open({
      disk,
      device: DEVICE,
      boot: '0123456789abcdef',
      clock,
      time,
      randomBytes,
      wrapKey: async () => ({ ledgerKey: 'a1b2c3d4e5f60718', wrapped: `04${'00'.repeat(128)}` }),
      // Never done, so that a journal holds what its test appends and nothing beside.
      signer: { id: SIGNER.id, sign: () => new Promise(() => {}) },
      log,
    });
    const bench = new LinkBench(
      clock,
      broker,
      central,
      disk,
      journal,
      (self) =>
        new Link({
          identity: {
            device: DEVICE,
            key: { id: keyId(deviceKey.publicKey), ...deviceKey },
            central: central.public,
          },
          broker: { url: 'mqtt://memory' },
          openMqtt: broker.open,
          clock,
          sm2: counting(sm2, self.sm2Calls),
          random: options.random ?? (() => 0.5),
          randomBytes,
          journal,
          time,
          boot: options.boot ?? '0123456789abcdef',
          conditions: self.conditions,
          log,
          firstHelloWithinMs: options.firstHelloWithinMs ?? 0,
          onVerdict: (number, verdict, networkMs) => {
            self.told.push(`${number} ${verdict.outcome}`);
            self.verdicts.push({ tap: number, verdict, networkMs });
          },
          onUnavailable: (number, reason) => self.told.push(`${number} ${reason}`),
          onLate: (tap, { outcome }) => self.told.push(`late ${tap} ${outcome}`),
        }),
    );
    bench.lines = lines;
    await settle();
    return bench;
  }

  /** A link with its session open. */
  static async ready(options: LinkBenchOptions = {}): Promise<LinkBench> {
    const bench = await LinkBench.start(options);
    await bench.run(1);
    if (!bench.link.ready) throw new Error(`no session: ${bench.lines.join('\n')}`);
    return bench;
  }

  /** Moves time on in steps, letting all that is due happen in between. */
  async run(ms: number, stepMs = Math.max(1, ms / 20)): Promise<void> {
    await settle();
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passedMs));
      await settle();
    }
  }

  question(seq: number): Question {
    if (tap.kind !== 'tap') throw new Error('no tap');
    return { tap: { epoch: this.journal.epoch, seq }, ...tap.content };
  }

  /** Asks about tap number `number`, which is record `number + 100`. */
  ask(number: number, deadlineMs = 1_500): void {
    this.link.ask(number, this.question(number + 100), deadlineMs);
  }

  inject(kind: 'welcome' | 'verdict' | 'ack', payload: Buffer): void {
    this.broker.inject(downTopic(DEVICE, kind), payload);
  }

  /** What the gate itself and its wills said, in order: `ready 1`. */
  states(): string[] {
    return this.sent('state')
      .filter(({ from }) => from !== 'injected')
      .map(({ payload }) => JSON.parse(payload.toString()))
      .map(({ state, connection }) => `${state} ${connection}`);
  }

  /** What anybody learns who asks the broker now. */
  retainedState(): unknown {
    const message = this.broker.retained.get(upTopic(DEVICE, 'state'));
    return message === undefined ? undefined : JSON.parse(message.payload.toString());
  }

  /** The connection breaks and comes back. @returns publishes the will, which the broker held back */
  reconnect(takenOver = false): () => void {
    const will = this.broker.cut(`cardpad-${DEVICE}`, takenOver);
    this.broker.reachable = true;
    return will;
  }

  /** Sealed records of one kind so far are so many. */
  recordsOf(kind: string): number {
    return this.central.bodies.filter((body) => JSON.parse(body.toString()).kind === kind).length;
  }

  sent(kind: 'hello' | 'verify' | 'events' | 'state') {
    return this.broker.messages.filter(({ topic }) => topic === upTopic(DEVICE, kind));
  }

  /** The reasons for which messages were dropped so far, each once a minute, and forgets them. */
  drops(): string[] {
    const found = this.lines.flatMap(
      (line) => /dropped kind=down who=\S+ reason=(\S+)/.exec(line)?.[1] ?? [],
    );
    this.lines.length = 0;
    return found;
  }

  async append(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.journal.append(tap);
    await this.journal.idle();
    await settle();
  }
}
