import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../../protocol/errors.js';
import type { Stage } from '../stage.js';
import { CARDS, type CardKind, type Counts, type Decided, type Happenings } from './happenings.js';
import { type Balance, records, Tally } from './tally.js';
import { tamper } from './tampering.js';
import { timeLine } from './timing.js';
import type { Visitors } from './visitors.js';

const OUTCOME_WITHIN_MS = 8_000;
/** How long a card stays on the pad after the lamp: nobody takes it away at once. */
const CARD_RESTS_MS = 500;
/** How long everybody can see that a killed daemon's gate stays as it was. */
const DEAD_FOR_MS = 1_500;
const GATE_WITHIN_MS = 60_000;
/** Keys that wait for their turn; somebody who leans on the keyboard does not fill the memory. */
const MAX_WAITING_KEYS = 20;
const OUTCOME_LAMPS: ReadonlySet<string> = new Set(['green', 'yellow', 'red']);

const CARD_OF_KEY: ReadonlyMap<string, CardKind> = new Map([
  ...CARDS.map((kind): [string, CardKind] => [kind.charAt(0), kind]),
  ['x', 'expired'],
]);

/** Does what the keys say, one after another, with the real programs. */
export class LivingLane {
  readonly #tally: Tally;
  readonly #keys: string[] = [];
  #working: Promise<void> | undefined;
  #visits = 0;
  #networkUp = true;
  /** The daemon that runs has had a session with central: it keeps it while the network is gone. */
  #hasSession = true;
  /** A card that is damaged spoils every read of it. */
  #spoils = false;

  constructor(
    private readonly stage: Stage,
    private readonly visitors: Visitors,
    private readonly happenings: Happenings,
  ) {
    this.#tally = new Tally(stage);
  }

  /** A piece of a reply has left the reader module: a damaged card's next reply is damaged again. */
  onSend(cardIsOut: boolean): void {
    if (cardIsOut && this.#spoils) this.stage.module.damage('checksum');
  }

  get balance(): Balance {
    return this.#tally.balance;
  }

  /** Takes a key; those that mean nothing are left alone. */
  press(key: string): void {
    if (!(CARD_OF_KEY.has(key) || 'nkt'.includes(key)) || this.#keys.length >= MAX_WAITING_KEYS) return;
    this.#keys.push(key);
    this.#working ??= this.#work();
  }

  /** What was begun comes to its end, and nothing else begins; the network is put back, so that the queue drains. */
  async finish(): Promise<void> {
    this.#keys.length = 0;
    await this.#working;
    if (!this.#networkUp) await this.#turnNetwork();
  }

  /** Counts records and taps where they lie. */
  count(): Counts {
    const counts = this.#tally.count();
    this.happenings.tell({ type: 'counts', counts });
    return counts;
  }

  async #work(): Promise<void> {
    for (let key = this.#keys.shift(); key !== undefined; key = this.#keys.shift()) {
      try {
        await this.#do(key);
      } catch (thrown) {
        this.#note(messageOf(thrown));
      }
    }
    this.#working = undefined;
  }

  #do(key: string): Promise<void> {
    const card = CARD_OF_KEY.get(key);
    if (card !== undefined) return this.#visit(card);
    if (key === 'n') return this.#turnNetwork();
    return key === 'k' ? this.#kill() : this.#tamper();
  }

  #note(text: string): void {
    this.happenings.tell({ type: 'note', text });
  }

  async #visit(kind: CardKind): Promise<void> {
    const outcome = this.#outcome();
    this.#spoils = kind === 'damaged';
    if (this.#spoils) this.stage.module.damage('checksum');
    this.stage.put(this.visitors.card(kind));
    const { lampNs, decided } = await outcome;
    await pause(CARD_RESTS_MS);
    this.#spoils = false;
    this.stage.module.damage(undefined);
    this.stage.lift();
    this.#told(kind, lampNs, decided);
  }

  /** Waits for what a card on the pad leads to: a decision and its lamp, or a card that could not be read. */
  async #outcome(): Promise<{ lampNs: bigint | undefined; decided: Decided | undefined }> {
    const lamp = this.#lamp();
    const decided = await this.#decision();
    if (decided === 'unread') return { lampNs: undefined, decided: undefined };
    return { lampNs: await lamp, decided };
  }

  /** When the first outcome lamp is lit for the card on the pad. */
  #lamp(): Promise<bigint | undefined> {
    return this.happenings.next((happening) => {
      if (happening.type !== 'level' || happening.value !== 1 || !OUTCOME_LAMPS.has(happening.line)) return;
      const readNs = this.stage.cardReadNs();
      return readNs !== undefined && happening.ns >= readNs ? happening.ns : undefined;
    }, OUTCOME_WITHIN_MS);
  }

  #decision(): Promise<Decided | 'unread' | undefined> {
    return this.happenings.next((happening) => {
      if (happening.type === 'decided') return happening;
      // A second unreadable card in a row calls somebody.
      const isUnread = happening.type === 'signal' && ['read-again', 'attend'].includes(happening.signal);
      return isUnread && this.#spoils ? 'unread' : undefined;
    }, OUTCOME_WITHIN_MS);
  }

  #told(kind: CardKind, lampNs: bigint | undefined, decided: Decided | undefined): void {
    const number = ++this.#visits;
    const readNs = this.stage.cardReadNs();
    const tell = (outcome: string, action: string, time: string) =>
      this.happenings.tell({ type: 'visit', visit: { number, card: kind, outcome, action, time } });
    if (lampNs === undefined || readNs === undefined) {
      return tell(
        'unread',
        '-',
        kind === 'damaged' ? 'counts nobody: place the card again' : 'no lamp was lit',
      );
    }
    const totalMs = Number(lampNs - readNs) / 1e6;
    this.#tally.told(totalMs);
    if (decided === undefined) tell('told', 'open', `${totalMs.toFixed(1)} ms, then it was killed`);
    else tell(decided.outcome, decided.action, timeLine({ ...decided, totalMs }));
    this.count();
  }

  #turnNetwork(): Promise<void> {
    return this.#networkUp ? this.#pullNetwork() : this.#plugNetwork();
  }

  #networkIs(up: boolean): void {
    this.#networkUp = up;
    this.happenings.tell({ type: 'network', up });
  }

  async #pullNetwork(): Promise<void> {
    const { cable, gate } = this.stage;
    const from = gate.written;
    await cable.pull();
    this.#networkIs(false);
    await gate.line('connection lost', from);
    this.#note('The network is pulled: valid cards are registered and let in, and wait on the disk.');
  }

  async #plugNetwork(): Promise<void> {
    const { cable, gate } = this.stage;
    const from = gate.written;
    await cable.plug();
    this.#networkIs(true);
    await gate.line(this.#hasSession ? 'broker: connected' : 'session open', from);
    this.#hasSession = true;
    this.#note(`The network is back: ${records(this.count().waiting)} on the way to central.`);
  }

  /** When the gate's line went to that level, by this process's clock in ms; undefined when it did not in time. */
  #gateTo(value: 0 | 1): Promise<number | undefined> {
    return this.happenings.next((happening) => {
      const isIt = happening.type === 'level' && happening.line === 'gate' && happening.value === value;
      return isIt ? performance.now() : undefined;
    }, GATE_WITHIN_MS);
  }

  /** Somebody is let in, and in the middle of the relay's pulse the daemon is gone. */
  async #kill(): Promise<void> {
    const { stage, happenings } = this;
    const lamp = this.#lamp();
    let decided: Decided | undefined;
    const stop = happenings.listen((happening) => {
      if (happening.type === 'decided') decided = happening;
    });
    const opened = this.#gateTo(1);
    stage.put(this.visitors.card('green'));
    const isOpen = (await opened) !== undefined;
    await stage.gate.kill();
    happenings.tell({ type: 'daemon', state: 'killed' });
    const { waiting } = this.count();
    const gateNow =
      isOpen && this.#gateLevel() === '1'
        ? "in mid-pulse: the gate's line stays OPEN, unsafe, until the daemon is back"
        : 'while no pulse was on';
    this.#note(`Killed ${gateNow}. ${records(waiting)} not at central yet.`);
    const lampNs = await lamp;
    await pause(DEAD_FOR_MS);
    // By now the daemon's line is here, unless it died with its process.
    stop();
    this.#told('green', lampNs, decided);
    stage.lift();
    // Not at once: what was on its way to central when the daemon died is there by now.
    this.#tally.killed();
    await this.#startAgain();
  }

  async #startAgain(): Promise<void> {
    const { stage, happenings } = this;
    happenings.tell({ type: 'daemon', state: 'starts' });
    const wasOpen = this.#gateLevel() === '1';
    const fromMs = performance.now();
    const shut = wasOpen ? this.#gateTo(0) : undefined;
    const gate = stage.startGate();
    const shutMs = await shut;
    await gate.line('reader: ready');
    if (this.#networkUp) await gate.line('session open');
    this.#hasSession = this.#networkUp;
    happenings.tell({ type: 'daemon', state: 'runs' });
    const { lost } = this.count();
    const took = shutMs === undefined ? '' : ` ${Math.round(shutMs - fromMs)} ms after the start`;
    const safe =
      this.#gateLevel() === '0' ? `gate safe${took}, before anything else` : 'the gate is NOT safe';
    this.#note(`Killed${wasOpen ? ' in mid-pulse' : ''} and started again: ${safe}. ${lost} lost.`);
  }

  #gateLevel(): string {
    return readFileSync(join(this.stage.gpio, 'gate'), 'latin1').trim();
  }

  async #tamper(): Promise<void> {
    const done = await tamper(this.stage);
    if (done === undefined) {
      this.#note('Central has no tap yet that somebody could tamper with.');
      return;
    }
    const { record, ofCopy, ofOwn } = done;
    this.#note(
      `verify of a copy with record ${record} altered: "${ofCopy}"; of what central has: "${ofOwn}".`,
    );
  }
}
