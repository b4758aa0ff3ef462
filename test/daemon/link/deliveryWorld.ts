import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ledger } from '../../../central/ledger/ledger.js';
import type { Journal } from '../../../daemon/journal/journal.js';
import { openAck } from '../../../daemon/link/acks.js';
import type { Session, SessionKeeper } from '../../../daemon/link/session.js';
import { Uploader } from '../../../daemon/link/uploader.js';
import type { ManualClock } from '../../../platform/clock.js';
import { createLog } from '../../../platform/log.js';
import { openSealed, parseUp, sealDown } from '../../../protocol/wire/envelope.js';
import { type Batch, encodeAck, parseBatch } from '../../../protocol/wire/messages.js';
import { type Place, type SessionKeys, sessionId } from '../../../protocol/wire/session.js';
import { recordsIn } from '../../chaos/checks/journalOnDisk.js';
import { roomyFolder } from '../../chaos/site.js';
import type { MemoryDisk } from '../../support/memoryDisk.js';
import { settle } from '../../support/waiting.js';
import { DEVICE, openOn, repeatableBytes, tap, verdictOn } from '../journal/bench.js';

const keyOf = ({ epoch, seq }: { readonly epoch: number; readonly seq: number }) => `${epoch}/${seq}`;
const randomBytes = repeatableBytes();
const sealKeys = () => ({ cipherKey: randomBytes(16), macKey: randomBytes(32) });
const ACK = { direction: 'down', device: DEVICE, kind: 'ack' } as const;

/** Central's real ledger on a real folder. */
export class TestLedger {
  readonly folder = mkdtempSync(join(roomyFolder(), 'cardpad-delivery-'));
  readonly lines: string[] = [];
  readonly ledger: Ledger;

  constructor() {
    const log = createLog((line) => this.lines.push(line), 'warn', Date.now);
    this.ledger = new Ledger({ folder: this.folder, log, writes: true });
  }

  /** What stands in each file, `epoch/seq` in order. */
  async files(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const name of (await readdir(this.folder)).sort())
      found[name] = recordsIn(await readFile(join(this.folder, name))).map(({ record }) => keyOf(record));
    return found;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** A batch as it went out. */
export interface SentBatch {
  readonly counter: number;
  readonly batch: Batch;
}

/** A real journal and a real uploader; what answers them is in the test's hand. Sessions cost no SM2 here. */
export class Delivery {
  readonly sent: SentBatch[] = [];
  readonly acks: Buffer[] = [];
  readonly dropped: string[] = [];
  /** Every record that was appended. */
  readonly written: string[] = [];
  readonly #keys: SessionKeys = { up: sealKeys(), down: sealKeys() };
  readonly #session: Session;
  readonly #uploader: Uploader;
  #handled = 0;
  #counter = 0;

  private constructor(
    readonly journal: Journal,
    readonly clock: ManualClock,
  ) {
    const ticket = randomBytes(48);
    let counter = 0;
    const session: Session = {
      id: sessionId(ticket),
      keys: this.#keys,
      ticket,
      endsMs: Number.POSITIVE_INFINITY,
      nextCounter: () => {
        counter += 1;
        return counter;
      },
    };
    this.#session = session;
    const sessions = {
      current: session,
      find: (id: string) => (id === session.id ? session : undefined),
      doubt: () => {},
    };
    this.#uploader = new Uploader({
      device: DEVICE,
      clock,
      random: () => 0.5,
      randomBytes,
      journal,
      // The real one greets with SM2, which is tried in session.test.ts.
      sessions: sessions as unknown as SessionKeeper,
      linkUp: () => true,
      packetMostBytes: () => undefined,
      publish: async (payload) => this.#take(payload),
      onAcknowledged: () => {},
      onDropped: (reason) => this.dropped.push(reason),
      log: createLog(
        () => {},
        'error',
        () => 0,
      ),
    });
    journal.onDurable = () => this.#uploader.kick();
  }

  static async open(disk: MemoryDisk): Promise<Delivery> {
    const { journal, clock } = await openOn(disk);
    return new Delivery(journal, clock);
  }

  #take(payload: Buffer): void {
    const up = parseUp(payload);
    if (!up.ok) throw new Error(up.reason);
    const opened = openSealed(
      this.#keys.up,
      { direction: 'up', device: DEVICE, kind: 'events' },
      up.value.sealed,
    );
    const batch = opened === undefined ? undefined : parseBatch(opened.plaintext);
    if (opened === undefined || !batch?.ok) throw new Error('central cannot open a batch');
    this.sent.push({ counter: opened.counter, batch: batch.value });
  }

  async visits(count: number): Promise<void> {
    for (let visit = 0; visit < count; visit++) {
      const { id } = this.journal.append(tap);
      this.written.push(keyOf(id), keyOf(this.journal.append(verdictOn(id)).id));
    }
    await this.journal.idle();
    await settle(4);
  }

  async wait(ms: number, steps = 4): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.clock.advance(ms / steps);
      await settle(4);
    }
  }

  async welcome(place: Place | null): Promise<void> {
    await this.#uploader.sessionOpened(place);
    await settle(4);
  }

  /** An ack of central's own, or of somebody who has its session. */
  ack(place: Place | null, re: number): Buffer {
    this.#counter += 1;
    const session = { keys: this.#keys.down, id: this.#session.id };
    const payload = sealDown(session, ACK, this.#counter, randomBytes(12), encodeAck({ re, place }));
    this.acks.push(payload);
    return payload;
  }

  async deliver(payload: Buffer): Promise<void> {
    const find = (id: string) => (id === this.#session.id ? this.#session : undefined);
    const opened = openAck(DEVICE, { find }, payload);
    if (!opened.ok) this.dropped.push(`ack-${opened.reason}`);
    else if ('place' in opened.value.ack) await this.#uploader.onAck(opened.value.session, opened.value.ack);
    await settle(4);
  }

  /** Central behaves: whatever has come in since is stored, and acknowledged as it was stored. */
  async honest({ ledger }: TestLedger, isAnswered: () => boolean = () => true): Promise<void> {
    for (; this.#handled < this.sent.length; this.#handled++) {
      const sent = this.sent[this.#handled];
      if (sent === undefined) return;
      const stored = await ledger.store(DEVICE, sent.batch);
      if (stored.kind === 'rejected') throw new Error(`central rejects a batch: ${stored.reason}`);
      if (isAnswered()) await this.deliver(this.ack(stored.place, sent.counter));
    }
  }

  /** A session with a central that behaves from now on, for as long as there is something to bring. */
  async bringAll(central: TestLedger): Promise<void> {
    // What went out before never arrived: central has only what it has stored.
    this.#handled = this.sent.length;
    await this.welcome(await central.ledger.place(DEVICE));
    for (let quiet = 0; quiet < 4; ) {
      const before = this.sent.length;
      await this.honest(central);
      await this.wait(6_000, 3);
      quiet = this.sent.length === before ? quiet + 1 : 0;
    }
  }

  async close(): Promise<void> {
    this.#uploader.stop();
    await this.journal.close();
  }
}
