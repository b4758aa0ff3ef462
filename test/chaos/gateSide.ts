import type { Config } from '../../daemon/config/config.js';
import type { Identity } from '../../daemon/identity.js';
import { type RunningGate, startGate } from '../../daemon/main.js';
import type { GateWorld } from '../../daemon/world.js';
import { type Random, randomBytes } from '../../drivers/simulated/random.js';
import { createLog } from '../../platform/log.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { MemoryDisk } from '../support/memoryDisk.js';
import { MemoryDocuments } from '../support/memoryDocuments.js';
import { newestDurableTaps, newestEpoch, recordsIn } from './checks/journalOnDisk.js';
import type { CutKind } from './day.js';
import type { LifeSpan, Observations } from './observations.js';
import { between, LifeClock, type Machine, type SimTime } from './sim/clock.js';
import { ail, SimDisk, wellDisk } from './sim/disk.js';
import { SimGpio } from './sim/gpio.js';
import type { KillableOpener, Path, SimBroker } from './sim/network.js';
import type { SimReader } from './sim/reader.js';
import { simSm2 } from './sim/sm2.js';
import { MORNING_MS } from './site.js';

/** A board computes SM2 in so many milliseconds. */
const BOARD_SM2_MS = [60, 350] as const;
/** The service manager makes the lines safe so long after a process died (ExecStopPost). */
const LINES_SAFE_MS = 30;
/** And starts it again so long after it ended by itself. */
const RESTART_MS = 2_000;
/** A stop has a bound: the disk, which may be slow, and the goodbye. */
const STOP_WITHIN_MS = 15_000;
const GUARDED = ['exit', 'uncaughtExceptionMonitor', 'unhandledRejection'] as const;

export interface GateSideOptions {
  readonly time: SimTime;
  readonly config: Config;
  readonly identity: Identity;
  readonly broker: SimBroker;
  readonly path: Path;
  readonly reader: SimReader;
  readonly seen: Observations;
  readonly isColdStart: boolean;
  /** A stream of chance for one purpose. */
  readonly stream: (purpose: string) => Random;
}

interface Life {
  readonly number: number;
  readonly span: LifeSpan;
  readonly clock: LifeClock;
  readonly gpio: SimGpio;
  readonly links: KillableOpener;
  readonly takeGuardsOff: () => void;
  gate: RunningGate | undefined;
}

/** What `process` listeners a piece of code adds, to take them off when its "process" was killed. */
function guardsSince(): () => void {
  const before = GUARDED.map((event) => new Set<unknown>(process.listeners(event as 'exit')));
  return () => {
    for (const [at, event] of GUARDED.entries()) {
      for (const listener of process.listeners(event as 'exit')) {
        if (before[at]?.has(listener) !== true) process.off(event, listener);
      }
    }
  };
}

/** The board at the gate, and one life after another of the real daemon on it. */
export class GateSide {
  readonly diskHealth = wellDisk();
  disk: MemoryDisk;
  machine: Machine;
  readonly #documents = new MemoryDocuments();
  #life: Life | undefined;
  #lives = 0;
  #isStopping = false;
  /** A start that was put off counts only while nothing else has happened. */
  #turn = 0;

  constructor(private readonly options: GateSideOptions) {
    this.disk = ail(new MemoryDisk(), this.diskHealth);
    this.machine = this.#newMachine(options.isColdStart ? 0 : -3_600_000);
  }

  /** The gate takes cards. */
  get isRunning(): boolean {
    return this.#life?.gate !== undefined && !this.#isStopping;
  }

  get isReady(): boolean {
    return this.isRunning && this.#life?.gate?.ready === true;
  }

  get litLines(): readonly string[] {
    return this.#life?.gpio.lit ?? [];
  }

  start(): void {
    const { time, config, seen } = this.options;
    const number = this.#lives++;
    const clock = new LifeClock(time, this.machine, this.options.stream(`gate ${number} timers`));
    const span: LifeSpan = {
      fromMs: time.nowMs,
      bootAtMs: this.machine.bootAtMs,
      epoch: undefined,
      toMs: Number.POSITIVE_INFINITY,
      end: 'running',
    };
    seen.lives.push(span);
    const world = this.#world(number, clock);
    const life: Life = {
      number,
      span,
      clock,
      gpio: world.gpio,
      links: world.links,
      takeGuardsOff: guardsSince(),
      gate: undefined,
    };
    this.#life = life;
    startGate(config, world).then(
      (gate) => {
        if (!clock.alive) return;
        life.gate = gate;
        gate.failure.then((thrown) => seen.crashes.push(`the gate calls itself unfit: ${messageOf(thrown)}`));
      },
      (thrown) => {
        if (clock.alive) this.#failed(life, thrown);
      },
    );
  }

  /** The process is killed, and started again. */
  kill(forMs: number): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#end(life, 'killed', 0);
    this.disk = ail(this.disk.cut('kept'), this.diskHealth);
    this.options.time.after(LINES_SAFE_MS, () => life.gpio.allOff());
    this.#startIn(forMs);
  }

  /** The power goes, and comes back: another boot, and of what was not flushed, what the disk had a mind to write. */
  cutPower(forMs: number, kind: CutKind): void {
    const life = this.#life;
    if (life !== undefined) {
      this.#end(life, 'killed', 15_000);
      life.gpio.allOff();
    }
    this.disk = ail(this.disk.cut(kind), this.diskHealth);
    this.#startIn(forMs, () => {
      const { wallOffsetMs } = this.machine;
      this.machine = { ...this.#newMachine(this.options.time.nowMs), wallOffsetMs };
      this.options.reader.powerUp();
    });
  }

  /** An orderly stop, and a new start. */
  async restart(forMs: number): Promise<void> {
    if (await this.stop()) this.#startIn(forMs);
  }

  /** False when there was nothing to stop, or it was killed meanwhile. */
  async stop(): Promise<boolean> {
    const life = this.#life;
    const gate = life?.gate;
    if (life === undefined || gate === undefined || this.#isStopping) return false;
    this.#isStopping = true;
    const cancel = this.options.time.after(STOP_WITHIN_MS, () => {
      if (life.clock.alive) this.options.seen.crashes.push(`a stop took more than ${STOP_WITHIN_MS} ms`);
    });
    await gate.stop().catch((thrown) => {
      this.options.seen.crashes.push(`stop failed: ${messageOf(thrown)}`);
    });
    cancel();
    if (!life.clock.alive) return false;
    if (life.gpio.lit.length > 0) this.options.seen.crashes.push(`lines on after a stop: ${life.gpio.lit}`);
    this.#end(life, 'stopped', 0);
    return true;
  }

  #failed(life: Life, thrown: unknown): void {
    if (life.gpio.lit.length > 0) this.options.seen.crashes.push('lines on after a start that failed');
    // What a full or failing disk does to a start is told; anything else is a crash.
    if (codeOf(thrown) !== 'journal.start') {
      this.options.seen.crashes.push(`a start failed: ${codeOf(thrown) ?? ''} ${messageOf(thrown)}`);
    }
    this.#end(life, 'failed', 0);
    this.#startIn(RESTART_MS);
  }

  #end(life: Life, how: LifeSpan['end'], noticedAfterMs: number): void {
    life.clock.kill();
    life.gpio.die();
    life.links.kill(noticedAfterMs);
    life.takeGuardsOff();
    life.span.toMs = this.options.time.nowMs;
    life.span.end = how;
    this.#life = undefined;
    this.#isStopping = false;
    this.#turn += 1;
  }

  #startIn(ms: number, prepare: () => void = () => {}): void {
    this.#turn += 1;
    const turn = this.#turn;
    this.options.time.after(ms, () => {
      if (this.#turn !== turn || this.#life !== undefined) return;
      prepare();
      this.start();
    });
  }

  #newMachine(bootAtMs: number): Machine {
    const bootId = randomBytes(this.options.stream(`boot ${bootAtMs}`), 8).toString('hex');
    return { bootAtMs, bootId, wallOffsetMs: MORNING_MS };
  }

  #world(number: number, clock: LifeClock): GateWorld & { gpio: SimGpio; links: KillableOpener } {
    const { time, identity, broker, path, reader, seen, stream } = this.options;
    const { machine, disk } = this;
    const random = (purpose: string) => stream(`gate ${number} ${purpose}`);
    const jitter = random('jitter');
    const secrets = random('secrets');
    const gpio = new SimGpio(
      () => time.nowMs,
      (edge) => {
        seen.edges.push({ ...edge, life: number });
        if (edge.line !== 'gate' || !edge.on) return;
        const monoMs = clock.monotonicMs();
        seen.openings.push({ atMs: time.nowMs, monoMs, life: number, ...newestDurableTaps(disk) });
      },
    );
    const links = broker.opener(clock, path, () => random('link'));
    const onBytes = (bytes: Uint8Array) => {
      seen.bytes.push({ where: 'the disk of the gate', bytes: Buffer.from(bytes) });
      const span = seen.lives[number];
      if (span !== undefined) span.epoch ??= newestEpoch(disk);
    };
    const onRemove = (bytes: Buffer) => {
      for (const { body, record } of recordsIn(bytes))
        seen.removed.set(`${record.epoch}/${record.seq}`, body);
    };
    return {
      clock,
      log: createLog(
        (line) => seen.logged.push(`gate ${line}`),
        'debug',
        () => clock.wallMs(),
      ),
      random: () => between(jitter, 0, 1),
      randomBytes: (length) => randomBytes(secrets, length),
      bootId: async () => machine.bootId,
      uptimeS: () => clock.monotonicMs() / 1000,
      lock: async () => () => {},
      identity: async () => identity,
      openDocument: this.#documents.open,
      journalDisk: new SimDisk(disk, clock, random('disk'), this.diskHealth, onBytes, onRemove),
      openGpio: () => gpio,
      openPort: () => reader.opener(clock),
      brokerAccess: async () => ({ url: 'mqtt://127.0.0.1:1883' }),
      openMqtt: links.open,
      openSm2: () => simSm2(clock, random('sm2'), BOARD_SM2_MS),
      gpio,
      links,
    };
  }
}
