import { appendFile, cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ledgerFolder, makeTicketKey, writeTicketKeys } from '../../central/keys.js';
import { type Central, startCentral } from '../../central/service.js';
import { type Random, randomBytes } from '../../drivers/simulated/random.js';
import type { Cancel } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import { messageOf } from '../../protocol/errors.js';
import { scanFrames } from '../../protocol/journal/frame.js';
import type { Observations } from './observations.js';
import { LifeClock, type Machine, type SimTime } from './sim/clock.js';
import type { KillableOpener, Path, SimBroker } from './sim/network.js';
import { simSm2 } from './sim/sm2.js';
import { DEVICE, MORNING_MS, type Site } from './site.js';

const SERVER_SM2_MS = [8, 40] as const;
const STOP_WITHIN_MS = 3_000;

export interface CentralSideOptions {
  readonly time: SimTime;
  readonly site: Site;
  readonly broker: SimBroker;
  readonly path: Path;
  readonly seen: Observations;
  readonly sessionLifetimeMs: number;
  readonly stream: (purpose: string) => Random;
}

interface Life {
  readonly clock: LifeClock;
  readonly links: KillableOpener;
  readonly central: Central;
}

/** Central looks at its files so often; each look is a real `stat`, and one that is late changes nothing. */
const LOOK_MS = 250;
const LOOK_SELDOM_MS = 5_000;

class CentralClock extends LifeClock {
  override schedule(delayMs: number, call: () => void): Cancel {
    return super.schedule(delayMs === LOOK_MS ? LOOK_SELDOM_MS : delayMs, call);
  }
}

/** Central's machine, its real folder, and one life after another of the real service on it. */
export class CentralSide {
  readonly machine: Machine = { bootAtMs: 0, bootId: '', wallOffsetMs: MORNING_MS };
  #life: Life | undefined;
  #lives = 0;
  #turn: Promise<void> = Promise.resolve();
  #backup: string | undefined;

  constructor(private readonly options: CentralSideOptions) {}

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  /** How often it was started. */
  get lives(): number {
    return this.#lives;
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  stop(): Promise<void> {
    return this.#inTurn(() => this.#stop());
  }

  restart(forMs: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#stop();
      await this.options.time.sleep(forMs);
      await this.#start();
    });
  }

  /** @param torn the last write had begun, and its beginning is on disk */
  kill(forMs: number, torn: boolean): Promise<void> {
    return this.#inTurn(async () => {
      await this.#kill();
      if (torn) await this.#tearLedger();
      await this.options.time.sleep(forMs);
      await this.#start();
    });
  }

  backUp(): Promise<void> {
    return this.#inTurn(async () => {
      const { site } = this.options;
      const copy = join(site.base, 'backup');
      await cp(site.folder, copy, { recursive: true });
      this.#backup = copy;
    });
  }

  /** Its disk is lost; the morning's copy of it is put in its place. */
  restore(forMs: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#backup === undefined) return;
      await this.#kill();
      const { site, time } = this.options;
      await rm(site.folder, { recursive: true });
      await cp(this.#backup, site.folder, { recursive: true });
      await time.sleep(forMs);
      await this.#start();
    });
  }

  /** Nobody's ticket opens any more. */
  replaceTicketKeys(): Promise<void> {
    const { site, stream } = this.options;
    const random = stream('new tickets');
    const nowMs = Math.max(0, Math.floor(this.options.time.nowMs + this.machine.wallOffsetMs));
    return this.#inTurn(() =>
      writeTicketKeys(site.folder, [makeTicketKey((bytes) => randomBytes(random, bytes), nowMs)]),
    );
  }

  /** Starting, stopping and replacing files are done one after the other, as an operator does. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work).catch((thrown) => {
      this.options.seen.crashes.push(`central: ${messageOf(thrown)}`);
    });
    return this.#turn;
  }

  async #start(): Promise<void> {
    if (this.#life !== undefined) return;
    const { time, site, broker, path, seen, stream, sessionLifetimeMs } = this.options;
    const number = this.#lives++;
    const random = (purpose: string) => stream(`central ${number} ${purpose}`);
    const clock = new CentralClock(time, this.machine, random('timers'));
    let opened = 0;
    const links = broker.opener(clock, path, () => random(`link ${opened++}`));
    const secrets = random('secrets');
    const central = await startCentral({
      folder: site.folder,
      broker: { url: 'mqtt://127.0.0.1:1883' },
      worker: 'w1',
      peopleFile: site.peopleFile,
      sessionLifetimeMs: Math.max(1_000, sessionLifetimeMs),
      openMqtt: links.open,
      clock,
      sm2: simSm2(clock, random('sm2'), SERVER_SM2_MS),
      random: (bytes) => randomBytes(secrets, bytes),
      log: createLog(
        (line) => seen.logged.push(`central ${line}`),
        'debug',
        () => clock.wallMs(),
      ),
    });
    this.#life = { clock, links, central };
  }

  async #stop(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    const { time, seen } = this.options;
    const fromMs = time.nowMs;
    await life.central.close();
    if (time.nowMs - fromMs > STOP_WITHIN_MS)
      seen.crashes.push(`central took ${time.nowMs - fromMs} ms to stop`);
    this.#end(life);
  }

  async #kill(): Promise<void> {
    if (this.#life === undefined) return;
    this.#end(this.#life);
    // The locks of a dead process count as left behind; this one lives on under the same number.
    for (const folder of [this.options.site.folder, join(this.options.site.folder, 'keys')]) {
      for (const name of await readdir(folder)) if (name.endsWith('.lock')) await rm(join(folder, name));
    }
  }

  #end(life: Life): void {
    life.clock.kill();
    life.links.kill(0);
    this.#life = undefined;
  }

  async #tearLedger(): Promise<void> {
    const path = join(ledgerFolder(this.options.site.folder), `${DEVICE}.cpj`);
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    const last = scanFrames(bytes).frames.at(-1);
    if (last === undefined) return;
    await appendFile(path, bytes.subarray(last.from, last.from + Math.ceil((last.to - last.from) / 2)));
  }
}
