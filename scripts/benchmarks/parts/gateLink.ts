import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Conditions } from '../../../daemon/conditions.js';
import { loadIdentity } from '../../../daemon/identity.js';
import type { Journal } from '../../../daemon/journal/journal.js';
import { Link } from '../../../daemon/link/link.js';
import { TimeKeeper } from '../../../daemon/time.js';
import { systemClock as clock } from '../../../platform/clock.js';
import { silentLog as log } from '../../../platform/log.js';
import { mqttOpener } from '../../../platform/mqtt/link.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import type { StagedSite } from '../../staging/site.js';
import { appendVisits, openGateJournal, passed, tapOf } from './gateJournal.js';

/** Uploads give way when a card is found; its text is there so much later (267 bytes at 115,200 baud, and the select). */
const FOUND_TO_TEXT_MS = 25;
const ANSWER_WITHIN_MS = 5_000;
const READY_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 20;
const DRAINED_WITHIN_MS = 120_000;

/** A gate's journal and its link to central as they are, without lane and reader: asks as fast as it is told to. */
export class GateLink {
  #tap = 0;
  #answered: () => void = () => {};
  #drained: () => void = () => {};

  private constructor(
    private readonly link: Link,
    private readonly journal: Journal,
    private readonly token: string,
    onAnswer: (listener: () => void) => void,
  ) {
    onAnswer(() => this.#answered());
    const { acknowledged } = journal;
    journal.acknowledged = (place) => {
      if (place.seq >= journal.newest.seq) this.#drained();
      return acknowledged.call(journal, place);
    };
  }

  /**
   * The link of an enrolled gate, in session; it ends with the site.
   * @param token the ID number that every question is about
   */
  static async open(site: StagedSite, device: string, brokerUrl: string, token: string): Promise<GateLink> {
    const dataDir = join(site.folder, device);
    const sm2 = createSm2Pool({ size: 1, eager: true, log });
    site.onClose(() => sm2.close());
    const time = new TimeKeeper(clock);
    const journal = await openGateJournal({ dataDir, device, sm2, time });
    site.onClose(() => journal.close());
    let listener = () => {};
    const link = new Link({
      ...{ identity: await loadIdentity(dataDir, device), broker: { url: brokerUrl } },
      ...{ clock, sm2, random: Math.random, randomBytes, journal, time, log },
      boot: randomBytes(8).toString('hex'),
      conditions: new Conditions(),
      firstHelloWithinMs: 0,
      openMqtt: mqttOpener(clock, Math.random, log),
      onVerdict: () => listener(),
      onUnavailable: () => {},
      onLate: () => {},
    });
    site.onClose(() => link.close());
    await untilReady(link);
    return new GateLink(link, journal, token, (told) => {
      listener = told;
    });
  }

  /**
   * One tap as the daemon does it: uploads give way, the tap is appended, the question asked, the verdict appended,
   * and uploads go on. Gives how long the verdict took, in ms.
   */
  async ask(): Promise<number> {
    const content = tapOf(this.token);
    this.link.pauseUploads(true);
    await pause(FOUND_TO_TEXT_MS);
    const { id } = this.journal.append({ kind: 'tap', content });
    const answered = new Promise<void>((resolve, reject) => {
      const giveUp = setTimeout(() => reject(new Error('no verdict')), ANSWER_WITHIN_MS);
      this.#answered = () => {
        clearTimeout(giveUp);
        resolve();
      };
    });
    const startMs = performance.now();
    this.link.ask(++this.#tap, { tap: id, ...content }, ANSWER_WITHIN_MS);
    await answered;
    const tookMs = performance.now() - startMs;
    this.journal.append({ kind: 'verdict', content: passed(id) });
    this.link.pauseUploads(false);
    return tookMs;
  }

  /** Lets so many visits gather on disk, as while nobody was there to take them. */
  async gather(visits: number): Promise<void> {
    this.link.pauseUploads(true);
    await appendVisits(this.journal, visits, this.token);
  }

  /** Uploads go on; resolves when central has acknowledged all that was gathered. */
  drain(): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(
        () => reject(new Error('central does not take the records')),
        DRAINED_WITHIN_MS,
      );
      this.#drained = () => {
        clearTimeout(giveUp);
        resolve();
      };
      this.link.pauseUploads(false);
    });
  }
}

async function untilReady(link: Link): Promise<void> {
  const giveUp = AbortSignal.timeout(READY_WITHIN_MS);
  while (!link.ready) {
    if (giveUp.aborted) throw new Error('no session with central');
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
