import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from '../staging/broker.js';
import { stagedPeople } from '../staging/people.js';
import { StagedSite } from '../staging/site.js';
import { Crowd } from './crowd.js';
import type { Look } from './report.js';
import { Idle, Watched } from './watched.js';

const DEVICE = 'soak-gate-1';
/** Enough that nobody comes again while the gate takes it for the same gesture. */
const PEOPLE = 500;
/** Central's own limit is not what is measured here. */
const QUESTION_RATE = 10_000;
/** Time in the gate until an outcome has gone dark and what is left of the last tap is done. */
const QUIET_MS = 5_000;
/** And for the others, which live in real time. */
const QUIET_AT_LEAST_MS = 500;

export interface SoakStage {
  readonly crowd: Crowd;
  readonly broker: string;
  /** Waits until the gate is at rest, and asks both processes how they stand. */
  look(): Promise<Look>;
  /** Taps that somebody stood behind, and verdicts, as central has them. */
  stored(): Promise<{ readonly taps: number; readonly verdicts: number }>;
  /** Stops the gate; how many cards it read whole, by its own count. */
  stopGate(): Promise<number>;
  /** Rejects unless every chain at central is whole. */
  verify(): Promise<string>;
  close(): Promise<void>;
}

/** @param lapse how many times as fast time runs in the gate */
export async function setSoakStage(lapse: number): Promise<SoakStage> {
  const site = await StagedSite.make('soak');
  try {
    return await build(site, lapse);
  } catch (thrown) {
    await site.close();
    throw thrown;
  }
}

async function build(site: StagedSite, lapse: number): Promise<SoakStage> {
  const people = stagedPeople(PEOPLE);
  const broker = await startBroker();
  site.onClose(() => broker.close());
  const crowd = new Crowd(people);
  const readerPort = await crowd.open();
  site.onClose(() => crowd.close());
  await site.initCentral(people);
  await site.enroll(DEVICE);
  const [watchedCentral, watchedGate] = [new Watched(), new Watched(lapse)];
  const central = await site.startCentral(broker.url, QUESTION_RATE, watchedCentral.options);
  const { service: gate } = await site.startGate({
    device: DEVICE,
    brokerUrl: broker.url,
    readerPort,
    service: watchedGate.options,
  });
  const idle = new Idle();
  site.onClose(async () => idle.close());
  const startMs = performance.now();
  return {
    crowd,
    broker: broker.name,
    async look() {
      await pause(Math.max(QUIET_AT_LEAST_MS, QUIET_MS / lapse));
      const atS = (performance.now() - startMs) / 1000;
      const [gateSample, centralSample, idleSample] = await Promise.all([
        watchedGate.sample(gate),
        watchedCentral.sample(central),
        idle.sample(),
      ]);
      return { taps: crowd.taps, atS, gate: gateSample, central: centralSample, idle: idleSample };
    },
    async stored() {
      const counts = { taps: 0, verdicts: 0 };
      for (const { kind } of await site.events()) {
        if (kind === 'tap') counts.taps += 1;
        else if (kind === 'verdict') counts.verdicts += 1;
      }
      return counts;
    },
    async stopGate() {
      await gate.stop();
      const reads = /\breads=(\d+)/.exec(gate.lastLine('reader: counters') ?? '')?.[1];
      if (reads === undefined) throw new Error('the gate stopped without its counters');
      return Number(reads);
    },
    verify: () => site.verify(),
    close: () => site.close(),
  };
}
