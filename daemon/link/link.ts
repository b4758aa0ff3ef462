import { type Clock, within } from '../../platform/clock.js';
import { Drops } from '../../platform/drops.js';
import type { Log } from '../../platform/log.js';
import { downError } from '../../platform/mqtt/outbox.js';
import type { MqttLink, MqttOptions, OpenMqtt } from '../../platform/mqtt.js';
import type { Sm2Service } from '../../platform/sm2/service.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import type { AlarmContent } from '../../protocol/journal/seal.js';
import { parseState, type Question, type Verdict } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import { downTopic, EVERY_CENTRAL_STATE, parseTopic, upTopic } from '../../protocol/wire/topics.js';
import type { Conditions } from '../conditions.js';
import type { Identity } from '../identity.js';
import type { Journal } from '../journal/journal.js';
import type { TimeKeeper } from '../time.js';
import { openAck } from './acks.js';
import { AlarmQueue } from './alarmQueue.js';
import { asking } from './asking.js';
import { Presence } from './presence.js';
import { SessionKeeper, WELCOME_TIMEOUT_MS } from './session.js';
import { Silence } from './silence.js';
import { Uploader } from './uploader.js';
import { Verifier } from './verifier.js';

export interface LinkOptions {
  readonly identity: Identity;
  readonly broker: Pick<MqttOptions, 'url' | 'protocol' | 'username' | 'password' | 'ca'>;
  readonly openMqtt: OpenMqtt;
  readonly clock: Clock;
  readonly sm2: Sm2Service;
  readonly random: () => number;
  readonly randomBytes: (length: number) => Buffer;
  readonly journal: Journal;
  readonly time: TimeKeeper;
  /** 16 hex characters, drawn at each start of the process. */
  readonly boot: string;
  readonly conditions: Conditions;
  readonly log: Log;
  readonly firstHelloWithinMs: number;
  readonly onVerdict: (tap: number, verdict: Verdict, networkMs: number) => void;
  readonly onUnavailable: (tap: number, reason: string) => void;
  readonly onLate: (tap: number, verdict: Verdict) => void;
  /** Central says that it has the journal up to here. */
  readonly onAcknowledged?: (place: Place) => void;
}

/** A broker that has gone silent must not hold up a gate that stops. */
const GOODBYE_MS = 500;

/** The gate's connection to central: one broker connection, and over it sessions, questions and journal uploads. */
export class Link {
  readonly #mqtt: MqttLink;
  readonly #sessions: SessionKeeper;
  readonly #verifier: Verifier;
  readonly #uploader: Uploader;
  readonly #alarms: AlarmQueue;
  readonly #presence: Presence;
  readonly #silence: Silence;
  readonly #drops: Drops;

  constructor(private readonly options: LinkOptions) {
    const { identity, clock, sm2, random, randomBytes, journal, time, log, openMqtt, broker } = options;
    const { boot, conditions } = options;
    const { device } = identity;
    this.#drops = new Drops(clock, log);
    const onDropped = (reason: string) => this.#drop(reason);
    this.#sessions = new SessionKeeper({
      device,
      deviceKey: identity.key,
      central: identity.central,
      clock,
      sm2,
      random,
      randomBytes,
      log: log.named('session'),
      wallMs: () => time.wallMs(),
      newestPlace: () => journal.newest,
      sendHello: (payload) =>
        this.#mqtt.send(
          upTopic(device, 'hello'),
          payload,
          asking(device, 'welcome', payload, WELCOME_TIMEOUT_MS),
        ),
      onSession: (place, told) => {
        if (time.learn(told)) journal.noteClock('central');
        this.#verifier.sessionOpened();
        this.#alarms.sessionOpened();
        this.#settle(this.#uploader.sessionOpened(place));
      },
      onDropped,
      firstHelloWithinMs: options.firstHelloWithinMs,
    });
    this.#verifier = new Verifier({
      device,
      clock,
      sessions: this.#sessions,
      randomBytes,
      linkUp: () => this.#mqtt.up,
      send: (payload, deadlineMs) =>
        this.#mqtt.send(upTopic(device, 'verify'), payload, asking(device, 'verdict', payload, deadlineMs)),
      onVerdict: (tap, verdict, networkMs) => {
        this.#silence.answered();
        options.onVerdict(tap, verdict, networkMs);
      },
      onUnavailable: options.onUnavailable,
      onLate: (tap, verdict) => {
        this.#silence.answered();
        options.onLate(tap, verdict);
      },
      onDropped,
    });
    this.#alarms = new AlarmQueue({
      device,
      clock,
      random,
      randomBytes,
      sessions: this.#sessions,
      linkUp: () => this.#mqtt.up,
      publish: (payload) =>
        this.#mqtt.publish(upTopic(device, 'alarm'), payload, asking(device, 'ack', payload)),
      onOverflow: () => this.#drops.count('alarm', device, 'queue-full'),
    });
    journal.alarms.listen((alarm) => this.#alarms.add(alarm));
    this.#uploader = new Uploader({
      device,
      clock,
      random,
      randomBytes,
      journal,
      sessions: this.#sessions,
      linkUp: () => this.#mqtt.up,
      packetMostBytes: () => this.#mqtt.mostBytes,
      publish: async (payload, qos) => {
        const [topic, properties] = [upTopic(device, 'events'), asking(device, 'ack', payload)];
        if (qos === 1) return this.#mqtt.publish(topic, payload, properties);
        if (!this.#mqtt.send(topic, payload, properties)) throw downError();
      },
      onAcknowledged: (place) => {
        this.#alarms.journalAcknowledged(place);
        options.onAcknowledged?.(place);
      },
      onDropped,
      log: log.named('upload'),
    });
    journal.onDurable = () => this.#uploader.kick();
    this.#presence = new Presence({
      device,
      boot,
      clock,
      conditions,
      publish: (payload) => this.#mqtt.publish(this.#presence.topic, payload, { retain: true }),
      onTwin: (other) => this.#onTwin(other),
      onDropped,
      log,
    });
    this.#silence = new Silence({
      clock,
      askBroker: () => this.#presence.confirm(),
      onChange: (silent) => this.#onSilence(silent),
      onNoBroker: () => {
        log.warn('three questions in a row had no answer, and the broker gives none either: connecting anew');
        // Its keep-alive would find that out as well, much later.
        this.#mqtt.renew();
      },
    });
    this.#mqtt = openMqtt({
      ...broker,
      clientId: `cardpad-${device}`,
      will: () => this.#presence.will(),
      subscriptions: [
        { topic: downTopic(device, 'welcome'), qos: 0 },
        { topic: downTopic(device, 'verdict'), qos: 0 },
        { topic: downTopic(device, 'ack'), qos: 1 },
        { topic: EVERY_CENTRAL_STATE, qos: 0 },
        { topic: this.#presence.topic, qos: 0, optional: true },
      ],
      onMessage: (topic, payload, retained) => this.#onMessage(topic, payload, retained),
      onUp: () => this.#onUp(),
      onDown: (takenOver) => this.#onDown(takenOver),
    });
  }

  ask(tap: number, question: Question, deadlineMs: number): void {
    this.#verifier.ask(tap, question, deadlineMs);
  }

  forget(tap: number, timedOut: boolean): void {
    this.#verifier.forget(tap);
    if (!timedOut) return;
    this.#sessions.doubt();
    this.#silence.timedOut();
  }

  pauseUploads(paused: boolean): void {
    this.#uploader.pause(paused);
    this.#presence.pause(paused);
    this.#silence.pause(paused);
  }

  /** Whether questions can be asked right now. */
  get ready(): boolean {
    return this.#mqtt.up && this.#sessions.current !== undefined;
  }

  /** Says goodbye, closes the connection, and logs what was dropped. */
  async close(): Promise<void> {
    this.#sessions.stop();
    this.#verifier.stop();
    this.#alarms.stop();
    this.#uploader.stop();
    this.#presence.stop();
    this.#silence.stop();
    if (this.#mqtt.up) await within(this.options.clock, GOODBYE_MS, this.#presence.goodbye()).catch(() => {});
    await this.#mqtt.close();
    this.#drops.saySum();
  }

  #onUp(): void {
    this.#presence.linkUp();
    this.#sessions.linkUp();
    // Ahead of everything that waits.
    this.#alarms.linkUp();
    this.#uploader.linkUp();
  }

  #onDown(takenOver: boolean): void {
    this.#presence.linkDown(takenOver);
    this.#sessions.linkDown();
    this.#verifier.linkDown();
    this.#uploader.linkDown();
  }

  #onMessage(topic: string, payload: Buffer, retained: boolean): void {
    const parsed = parseTopic(topic);
    if (parsed?.to === 'central') return this.#onCentralState(payload, retained);
    if (topic === this.#presence.topic) return this.#presence.onMessage(payload, retained);
    if (parsed?.to !== 'down' || parsed.device !== this.options.identity.device)
      return this.#drop('topic-foreign');
    // Nothing that a gate is answered is ever retained: an old one must not greet every new connection.
    if (retained) return this.#drop('retained');
    if (parsed.kind === 'verdict') return this.#verifier.onMessage(payload);
    if (parsed.kind === 'welcome') return this.#settle(this.#sessions.onWelcome(payload));
    if (parsed.kind === 'ack') return this.#settle(this.#onAck(payload));
    return this.#drop('topic-foreign');
  }

  async #onAck(payload: Buffer): Promise<void> {
    const opened = openAck(this.options.identity.device, this.#sessions, payload);
    if (!opened.ok) return this.#drop(`ack-${opened.reason}`);
    const { session, ack } = opened.value;
    if ('place' in ack) return this.#uploader.onAck(session, ack);
    if (!this.#alarms.onAck(ack)) this.#drop('ack-unasked');
  }

  #onCentralState(payload: Buffer, retained: boolean): void {
    const state = parseState(payload);
    if (!state.ok) return this.#drop(`central-state-${state.reason}`);
    if (state.value.state === 'ready') this.#sessions.centralUp(state.value.boot, !retained);
  }

  #onTwin(other: string | undefined): void {
    const { identity, boot, log } = this.options;
    const { device } = identity;
    log.error(
      `two gates run with the keys of ${device}, or somebody publishes in its name: give each gate its own keys (cardpad provision)`,
      { device, boot, otherBoot: other ?? 'unknown' },
    );
    const detail = other === undefined ? { boot } : { boot, other };
    this.#alarm({ alarm: 'identity.duplicate', detail });
  }

  #onSilence(silent: boolean): void {
    const { conditions, log } = this.options;
    conditions.set('central.silent', silent);
    if (!silent) return log.info('central answers again');
    log.error(
      'three questions in a row had no answer although the broker answers: is central running? is somebody dropping messages?',
    );
    this.#alarm({ alarm: 'central.silent' });
  }

  #alarm(content: AlarmContent): void {
    const { journal, log } = this.options;
    try {
      journal.append({ kind: 'alarm', content });
    } catch (thrown) {
      const problem = codeOf(thrown) ?? messageOf(thrown);
      log.error('alarm not written', { alarm: content.alarm, problem });
    }
  }

  #drop(reason: string): void {
    this.#drops.count('down', this.options.identity.device, reason);
  }

  #settle(work: Promise<void>): void {
    work.catch((thrown) => {
      this.options.log.warn('cannot handle a message', { problem: codeOf(thrown) ?? messageOf(thrown) });
    });
  }
}
