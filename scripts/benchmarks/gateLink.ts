import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Conditions } from '../../daemon/conditions.js';
import { loadIdentity } from '../../daemon/identity.js';
import { Journal } from '../../daemon/journal/journal.js';
import { Link } from '../../daemon/link/link.js';
import { TimeKeeper } from '../../daemon/time.js';
import { systemClock as clock } from '../../platform/clock.js';
import { folderDisk } from '../../platform/disk.js';
import { silentLog as log } from '../../platform/log.js';
import { mqttOpener } from '../../platform/mqtt/link.js';
import { createSm2Pool } from '../../platform/sm2/pool.js';
import type { TapContent } from '../../protocol/journal/seal.js';

/** Uploads give way when a card is found; its text is there so much later (267 bytes at 115,200 baud, and the select). */
const FOUND_TO_TEXT_MS = 25;
const ANSWER_WITHIN_MS = 5_000;
const READY_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 20;

/** A gate's journal and its link to central as they are, without lane and reader: asks as fast as it is told to. */
export class GateLink {
  #tap = 0;
  #answered: () => void = () => {};

  private constructor(
    private readonly link: Link,
    private readonly journal: Journal,
    private readonly token: string,
    private readonly end: () => Promise<void>,
    onAnswer: (listener: () => void) => void,
  ) {
    onAnswer(() => this.#answered());
  }

  /** @param token the ID number that every question is about */
  static async open(dataDir: string, device: string, brokerUrl: string, token: string): Promise<GateLink> {
    const identity = await loadIdentity(dataDir, device);
    const [ledgerKey] = identity.central.keys.ledger;
    if (ledgerKey === undefined) throw new RangeError('central has no ledger key');
    const sm2 = createSm2Pool({ size: 1, eager: true, log });
    const time = new TimeKeeper(clock);
    const boot = randomBytes(8).toString('hex');
    const journal = await Journal.open({
      ...{ disk: folderDisk(join(dataDir, 'journal')), device, clock, time, boot, randomBytes, log },
      wrapKey: async (key) => ({
        ledgerKey: ledgerKey.id,
        wrapped: Buffer.from(await sm2.encrypt(key, ledgerKey.publicKey)).toString('hex'),
      }),
      signer: { id: identity.key.id, sign: (message) => sm2.sign(message, identity.key) },
    });
    let listener = () => {};
    const link = new Link({
      ...{ identity, broker: { url: brokerUrl }, clock, sm2, random: Math.random, randomBytes, journal },
      ...{
        time,
        boot,
        log,
        conditions: new Conditions(),
        firstHelloWithinMs: 0,
        openMqtt: mqttOpener(clock, Math.random, log),
      },
      onVerdict: () => listener(),
      onUnavailable: () => {},
      onLate: () => {},
    });
    const end = async () => {
      await link.close();
      await journal.close();
      await sm2.close();
    };
    await untilReady(link);
    return new GateLink(link, journal, token, end, (told) => {
      listener = told;
    });
  }

  /**
   * One tap as the daemon does it: uploads give way, the tap is appended, the question asked, the verdict appended,
   * and uploads go on. Gives how long the verdict took, in ms.
   */
  async ask(): Promise<number> {
    const content: TapContent = {
      ...{ medium: 'id-card', assurance: 'sam', validity: 'valid', token: this.token },
      ...{ schemes: ['health-code@1'], site: 'bench', lane: 'A1', direction: 'entry' },
    };
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
    const verdict = { tap: id, outcome: 'pass', reasons: ['health.green'], action: 'open' } as const;
    this.journal.append({
      kind: 'verdict',
      content: { ...verdict, reasons: [...verdict.reasons], decidedBy: 'central', tookMs: 1 },
    });
    this.link.pauseUploads(false);
    return tookMs;
  }

  close(): Promise<void> {
    return this.end();
  }
}

async function untilReady(link: Link): Promise<void> {
  const giveUp = AbortSignal.timeout(READY_WITHIN_MS);
  while (!link.ready) {
    if (giveUp.aborted) throw new Error('no session with central');
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
