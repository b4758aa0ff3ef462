import { type Random, seededRandom, seedOf } from '../../drivers/simulated/random.js';
import { messageOf } from '../../protocol/errors.js';
import { upTopic } from '../../protocol/wire/topics.js';
import { CentralSide } from './centralSide.js';
import { recordsOn } from './checks/journalOnDisk.js';
import { readLedgerOf } from './checks/readLedger.js';
import type { DayPlan, Visit } from './day.js';
import { strike } from './faults.js';
import { GateSide } from './gateSide.js';
import { Hostile } from './hostile.js';
import { Observations } from './observations.js';
import { SimTime } from './sim/clock.js';
import { Path, SimBroker } from './sim/network.js';
import { SimReader } from './sim/reader.js';
import { configOf, DEVICE, MORNING_MS, type Site } from './site.js';

/** How long a calm may take until central has everything: reconnecting, greeting, back-off, all at their longest. */
const CALM_WITHIN_MS = 240_000;
const LOOK_EVERY_MS = 2_000;
/** A tap that is still open when the day ends has its deadline, the disk and a resend before it. */
const LAST_TAP_MS = 8_000;

/** One gate, its central, and everything between and around them, in simulated time. */
export class Street {
  readonly seen = new Observations();
  readonly time = new SimTime((thrown) => this.crashed(thrown));
  readonly paths = { gate: new Path(), central: new Path() };
  readonly broker: SimBroker;
  readonly reader: SimReader;
  readonly gate: GateSide;
  readonly central: CentralSide;
  readonly hostile: Hostile;
  /** Whether central had everything before the calm was over. */
  isAllDelivered = false;

  constructor(
    readonly plan: DayPlan,
    readonly site: Site,
  ) {
    const { time, seen, paths } = this;
    const stream = (purpose: string) => this.stream(purpose);
    this.broker = new SimBroker(time, ({ topic, payload }) => {
      if (topic === upTopic(DEVICE, 'events')) seen.uploadsAtMs.push(time.nowMs);
      seen.bytes.push({ where: `a topic: ${topic}`, bytes: Buffer.from(topic) });
      seen.bytes.push({ where: topic, bytes: payload });
    });
    this.reader = new SimReader({
      time,
      random: stream('reader'),
      refind: plan.refind,
      onFound: () => seen.foundAtMs.push(time.nowMs),
    });
    this.gate = new GateSide({
      time,
      config: configOf(plan),
      identity: site.identity,
      broker: this.broker,
      path: paths.gate,
      reader: this.reader,
      seen,
      isColdStart: plan.isColdStart,
      stream,
    });
    this.central = new CentralSide({
      time,
      site,
      broker: this.broker,
      path: paths.central,
      seen,
      sessionLifetimeMs: plan.sessionLifetimeMs,
      stream,
    });
    this.hostile = new Hostile(this.broker, stream('hostile'));
  }

  /** One source of chance a purpose: what one part draws moves nothing in another. */
  stream(purpose: string): Random {
    return seededRandom(this.plan.seed ^ seedOf(Buffer.from(purpose)));
  }

  crashed(thrown: unknown): void {
    this.seen.crashes.push(thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown));
  }

  /** The day, the calm behind it, and the stop. */
  async live(): Promise<void> {
    const { time, plan, gate, central } = this;
    void central.start();
    gate.start();
    for (const visit of plan.visits) time.after(visit.atMs, () => this.#lay(visit));
    for (const fault of plan.faults) time.after(fault.atMs, () => strike(this, fault));
    await time.run(() => false, plan.endMs);
    this.#calm();
    await time.run(() => false, LAST_TAP_MS);
    await this.#deliver();
  }

  /** After `live`: everything is stopped in good order. */
  async stop(): Promise<void> {
    let isStopped = false;
    void Promise.all([this.gate.stop(), this.central.stop()]).then(() => {
      isStopped = true;
    });
    if (!(await this.time.run(() => isStopped, 60_000))) this.seen.crashes.push('the last stop did not end');
  }

  #lay({ person, stayMs, cutShort }: Visit): void {
    const card = this.plan.people[person]?.card;
    if (card === undefined) return;
    const fromMs = this.time.nowMs;
    const placed = { person, fromMs, toMs: fromMs + stayMs };
    this.seen.placed.push(placed);
    this.reader.put(card);
    this.time.after(stayMs, () => this.reader.lift(cutShort));
  }

  #calm(): void {
    const { gate, central, paths, reader, broker } = this;
    for (const path of [paths.gate, paths.central]) {
      Object.assign(path, { mode: 'open', loss: 0, doubled: 0, latencyMs: [1, 8] });
      path.changed();
    }
    gate.diskHealth.full = false;
    gate.diskHealth.failing = false;
    gate.diskHealth.slowestSyncMs = 12;
    Object.assign(reader.faults, { lost: 0, flipped: 0, inserted: 0, split: false, mergeMs: 0, mute: false });
    reader.refuses = false;
    gate.machine.wallOffsetMs = MORNING_MS;
    central.machine.wallOffsetMs = MORNING_MS;
    broker.start();
    void central.start();
  }

  async #deliver(): Promise<void> {
    for (let waitedMs = 0; waitedMs < CALM_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
      if (this.gate.isReady && this.central.isRunning && (await this.#isAllThere())) {
        this.isAllDelivered = true;
        return;
      }
      await this.time.run(() => false, LOOK_EVERY_MS);
    }
  }

  async #isAllThere(): Promise<boolean> {
    const there = new Set(
      (await readLedgerOf(this.site)).map(({ record }) => `${record.epoch}/${record.seq}`),
    );
    return [...recordsOn(this.gate.disk).keys()].every((key) => there.has(key));
  }
}
