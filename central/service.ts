import { type Clock, within } from '../platform/clock.js';
import { Drops } from '../platform/drops.js';
import type { Log } from '../platform/log.js';
import type { MqttLink, MqttOptions, OpenMqtt } from '../platform/mqtt.js';
import type { Sm2Service } from '../platform/sm2/service.js';
import { messageOf } from '../protocol/errors.js';
import { selfTestSymmetric } from '../protocol/sm/selfTest.js';
import { correlationOf } from '../protocol/wire/correlation.js';
import { downTopic, everyDevice, parseTopic } from '../protocol/wire/topics.js';
import { Announcement } from './announcement.js';
import { Gates } from './fleet/gates.js';
import { checkFolder } from './folder.js';
import { Admissions } from './judging/admissions.js';
import { AlarmIntake } from './judging/alarmIntake.js';
import { Alarms } from './judging/alarms.js';
import { QuestionWatch } from './judging/questionWatch.js';
import { ledgerFolder, type RandomBytes, readOwnKeyPair, rulesPath, sweepLeftovers } from './keys.js';
import { Anchors } from './ledger/anchors.js';
import { type Chained, isWhole } from './ledger/batch.js';
import { Intake } from './ledger/intake.js';
import { Ledger } from './ledger/ledger.js';
import { unwrapWith } from './ledger/reading.js';
import type { QuestionRate } from './rules/limits.js';
import { Questions } from './rules/questions.js';
import { Envelopes } from './session/envelopes.js';
import { Sessions } from './session/sessions.js';
import { Tickets } from './session/tickets.js';
import { type CentralState, openState } from './state.js';

/** `verify` answers hellos and questions and never needs the ledger key; `ledger` takes the journals. */
export const ROLES = ['verify', 'ledger'] as const;
export type Role = (typeof ROLES)[number];

export const DEFAULT_LIFETIME_MS = 12 * 3_600_000;

/** An ack to a broker that is frozen never ends; what it acknowledges is on disk long before. */
const STORE_WITHIN_MS = 500;
const GOODBYE_WITHIN_MS = 1_000;

export interface CentralOptions {
  /** What `central init` made. */
  readonly folder: string;
  readonly broker: Pick<MqttOptions, 'url' | 'protocol' | 'username' | 'password' | 'ca'>;
  /** Letters, digits and hyphens: names this worker on the broker; another one for each. */
  readonly worker: string;
  /** Default: both. */
  readonly roles?: readonly Role[];
  readonly peopleFile?: string;
  /** Default: `rules.json` in the folder. */
  readonly rulesFile?: string;
  readonly questionRate?: QuestionRate;
  readonly sessionLifetimeMs?: number;
  readonly openMqtt: OpenMqtt;
  readonly clock: Clock;
  /** Stays the caller's to close. */
  readonly sm2: Sm2Service;
  readonly random: RandomBytes;
  readonly log: Log;
  /** Every connection is up. Called again after each loss. */
  readonly onReady?: (facts: { readonly devices: number; readonly people: number }) => void;
}

export interface CentralStats {
  readonly sessions: number;
  readonly answered: number;
  readonly stored: number;
  /** Questions whose tap never came. */
  readonly unbacked: number;
  /** Admissions without a verdict that would not have passed. */
  readonly wronglyAdmitted: number;
  /** Alarms that came, each once, ahead of its record or with it. */
  readonly alarms: number;
  /** Gates that say that they are up. */
  readonly up: number;
  /** Two devices with one identity. */
  readonly duplicates: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export interface Central {
  stats(): CentralStats;
  /** Stores what has come, says goodbye and stops, within 1.5 s whatever the broker does; idempotent. */
  close(): Promise<void>;
}

/** What MQTT 5 says beside an answer: no gate waits longer for a welcome or a verdict. */
const answering = (asked: Uint8Array) => ({ correlation: correlationOf(asked), expirySeconds: 5 });

/** What is handed on by its kind; `state` is another thing. */
type Listened = 'verify' | 'hello' | 'events' | 'alarm';
type Handle = (device: string, payload: Buffer) => Promise<void>;

/** The parts of a running central, before they are connected. */
interface Parts {
  readonly questions: Questions | undefined;
  readonly sessions: Sessions | undefined;
  readonly intake: Intake | undefined;
  readonly alarmIntake: AlarmIntake | undefined;
  readonly anchors: Anchors | undefined;
  readonly admissions?: Admissions;
  readonly alarms?: Alarms;
  readonly gates: Gates | undefined;
  readonly watch: QuestionWatch | undefined;
}

/** Where the parts send; filled in when the links are made, since links need the parts to hand messages to. */
interface Links {
  questions?: MqttLink;
  records?: MqttLink;
}

/**
 * Puts a central service together and connects it.
 * @throws CardpadError (fatal) when SM3 or SM4 does not give its known answers, when others may write to the folder or
 *   this role may not, or when a key or another file of it is missing or damaged
 */
export async function startCentral(options: CentralOptions): Promise<Central> {
  const { folder, clock, log, random } = options;
  selfTestSymmetric();
  await checkFolder(folder, options.roles ?? ROLES);
  await sweepLeftovers(folder);
  const rulesFile = options.rulesFile ?? rulesPath(folder);
  const state = await openState({ folder, rulesFile, peopleFile: options.peopleFile, clock, log });
  const drops = new Drops(clock, log);
  const lifetimeMs = options.sessionLifetimeMs ?? DEFAULT_LIFETIME_MS;
  let greetAnew = () => {};
  const onLost = () => greetAnew();
  const tickets = await Tickets.open({ folder, clock, random, log, lifetimeMs, onLost });
  const links: Links = {};
  const parts = await makeParts(options, state, tickets, drops, links);
  if (parts.sessions !== undefined) await tickets.keepRotating();
  const { announcement, say } = connect(options, state, parts, drops, links);
  greetAnew = () => {
    announcement.anew();
    say();
  };
  let closing: Promise<void> | undefined;
  return {
    stats: () => statsOf(parts, drops),
    close: () => {
      closing ??= closeAll(parts, links, announcement, clock, async () => {
        parts.watch?.close();
        state.close();
        await tickets.close();
      }).finally(() => drops.saySum());
      return closing;
    },
  };
}

async function makeParts(
  options: CentralOptions,
  state: CentralState,
  tickets: Tickets,
  drops: Drops,
  links: Links,
): Promise<Parts> {
  const { folder, clock, log, random, sm2, roles = ROLES } = options;
  const verifies = roles.includes('verify');
  const takes = roles.includes('ledger');
  const envelopes = new Envelopes(tickets, state.enrolments, clock, random);
  const ledger = new Ledger({ folder: ledgerFolder(folder), log, writes: takes });
  const common = { envelopes, tickets, ...state, clock, log, drops, random, sm2 };
  // Only who sees the journals can say that a tap is missing in them.
  const watch = verifies && takes ? new QuestionWatch(clock, log) : undefined;
  const anchors = takes ? await Anchors.open({ folder, clock, log }) : undefined;
  const judging = takes ? await makeJudging(options, state, ledger) : undefined;
  // One role is enough to watch the fleet, and there are mostly fewer of this one.
  const gates = takes ? new Gates({ ...common, enrolments: state.enrolments }) : undefined;
  const sessions = verifies
    ? new Sessions({
        ...common,
        sessionKey: await readOwnKeyPair(folder, 'session'),
        placeOf: (device) => ledger.place(device),
        lifetimeMs: options.sessionLifetimeMs ?? DEFAULT_LIFETIME_MS,
        send: (device, payload, hello) =>
          void links.records?.send(downTopic(device, 'welcome'), payload, answering(hello)),
      })
    : undefined;
  const questions = verifies
    ? new Questions({
        ...common,
        watch,
        ...(options.questionRate === undefined ? {} : { rate: options.questionRate }),
        send: (device, payload, asked) =>
          void links.questions?.send(downTopic(device, 'verdict'), payload, answering(asked)),
      })
    : undefined;
  // QoS 1, and the broker's word on it is not waited for. The gate's PUBACK carries the TCP acknowledgement: without it a
  // broker that does not set TCP_NODELAY holds back the next verdict for as long as a gate delays that, some 40 ms.
  const sendAck = (device: string, payload: Buffer, answered: Uint8Array): boolean => {
    if (links.records?.up !== true) return false;
    const properties = { correlation: correlationOf(answered) };
    links.records.publish(downTopic(device, 'ack'), payload, properties).catch(() => {});
    return true;
  };
  const intake = takes
    ? new Intake({
        ...common,
        ledger,
        sendAck,
        onAcknowledged: (device, place) => anchors?.note(device, place),
        onStoring: (device, records) => judge(device, records, 0, judging?.alarms, log),
        onStored: async (device, records, fork) => {
          watch?.stored(device, records);
          await judge(device, records, fork, judging?.admissions, log);
        },
      })
    : undefined;
  const alarmIntake =
    judging === undefined ? undefined : new AlarmIntake({ ...common, alarms: judging.alarms, sendAck });
  return { questions, sessions, intake, alarmIntake, anchors, ...judging, gates, watch };
}

/** What reads records as they come, which takes the ledger key. */
interface Judging {
  readonly admissions: Admissions;
  readonly alarms: Alarms;
}

async function makeJudging(options: CentralOptions, state: CentralState, ledger: Ledger): Promise<Judging> {
  const { folder, sm2, clock, log } = options;
  const opening = {
    unwrap: unwrapWith(await readOwnKeyPair(folder, 'ledger'), (ciphertext, key) =>
      sm2.decrypt(ciphertext, key),
    ),
    recordAt: (device: string, epoch: number, seq: number, fork?: number) =>
      ledger.recordAt(device, epoch, seq, fork),
    clock,
    log,
  };
  const { rules, people } = state;
  return { admissions: new Admissions({ ...opening, rules, people }), alarms: new Alarms(opening) };
}

/** Never throws: these records come once, and one judge must not keep them from another. */
async function judge(
  device: string,
  entries: readonly Chained[],
  fork: number,
  by: Admissions | Alarms | undefined,
  log: Log,
): Promise<void> {
  try {
    await by?.stored(device, entries.filter(isWhole), fork);
  } catch (thrown) {
    log.error('records not judged', { device, problem: messageOf(thrown) });
  }
}

/** Questions have a connection of their own: a QoS 1 message on it would delay a verdict by 40 ms. */
function connect(
  options: CentralOptions,
  state: CentralState,
  parts: Parts,
  drops: Drops,
  links: Links,
): { readonly announcement: Announcement; readonly say: () => void } {
  const { openMqtt, broker, worker, log, random, onReady } = options;
  const announcement = new Announcement(worker, () => random(8).toString('hex'));
  const say = (): boolean => {
    const { records } = links;
    if (records?.up !== true) return false;
    const whole = links.questions === undefined || links.questions.up;
    void announcement.say(records, whole ? 'ready' : 'degraded');
    return whole;
  };
  const onChange = () => {
    if (say()) {
      const facts = { devices: Object.keys(state.enrolments().devices).length, people: state.people().size };
      onReady?.(facts);
    }
  };
  const listen = (kind: Listened, handle: Handle) => receive(kind, handle, drops, log);
  const { questions, sessions, intake, alarmIntake, gates } = parts;
  if (questions !== undefined) {
    links.questions = openMqtt({
      ...broker,
      clientId: `cardpad-central-${worker}-questions`,
      subscriptions: [{ topic: everyDevice('verify'), qos: 0 }],
      onMessage: listen('verify', (device, payload) => questions.handle(device, payload)),
      onUp: onChange,
      onDown: onChange,
    });
  }
  const hello = listen('hello', async (device, payload) => sessions?.handle(device, payload));
  const events = listen('events', async (device, payload) => intake?.handle(device, payload));
  const alarms = listen('alarm', async (device, payload) => alarmIntake?.handle(device, payload));
  links.records = openMqtt({
    ...broker,
    clientId: `cardpad-central-${worker}-records`,
    will: () => announcement.will(),
    subscriptions: [
      ...(sessions === undefined ? [] : [{ topic: everyDevice('hello'), qos: 1 as const }]),
      ...(intake === undefined ? [] : [{ topic: everyDevice('events'), qos: 1 as const }]),
      ...(alarmIntake === undefined ? [] : [{ topic: everyDevice('alarm'), qos: 1 as const }]),
      ...(gates === undefined ? [] : [{ topic: everyDevice('state'), qos: 1 as const }]),
    ],
    onMessage: (topic, payload, retained) => {
      const parsed = parseTopic(topic);
      if (parsed?.to === 'up' && parsed.kind === 'state') gates?.handle(parsed.device, payload, retained);
      hello(topic, payload, retained);
      events(topic, payload, retained);
      alarms(topic, payload, retained);
    },
    onUp: () => {
      announcement.linkUp();
      onChange();
    },
    onDown: () => {},
  });
  return { announcement, say };
}

/** Hands on messages of one kind. None of these is ever retained by an honest sender. */
function receive(kind: Listened, handle: Handle, drops: Drops, log: Log) {
  return (topic: string, payload: Buffer, retained: boolean): void => {
    const parsed = parseTopic(topic);
    if (parsed?.to !== 'up' || parsed.kind !== kind) return;
    if (retained) return drops.count(kind, parsed.device, 'retained');
    handle(parsed.device, payload).catch((thrown: unknown) => {
      log.error('message failed', { kind, device: parsed.device, problem: messageOf(thrown) });
    });
  };
}

function statsOf(parts: Parts, drops: Drops): CentralStats {
  const { questions, sessions, intake, admissions, alarms, gates, watch } = parts;
  return {
    sessions: sessions?.opened ?? 0,
    answered: questions?.answered ?? 0,
    stored: intake?.stored ?? 0,
    unbacked: watch?.unbacked ?? 0,
    wronglyAdmitted: admissions?.reported ?? 0,
    alarms: alarms?.told ?? 0,
    up: gates?.up ?? 0,
    duplicates: gates?.duplicates ?? 0,
    dropped: drops.counts(),
  };
}

async function closeAll(
  { intake, anchors }: Parts,
  { questions, records }: Links,
  announcement: Announcement,
  clock: Clock,
  stop: () => Promise<void>,
): Promise<void> {
  const stopped = stop();
  const noQuestions = questions?.close();
  await within(clock, STORE_WITHIN_MS, intake?.idle());
  // A link lets what was sent before go out as it closes.
  const goodbye = records === undefined ? undefined : announcement.say(records, 'disconnected');
  // An ack that nobody has confirmed ends with its link.
  const goodbyes = Promise.all([noQuestions, goodbye, records?.close()]).then(() => intake?.idle());
  await Promise.all([
    anchors?.close(),
    within(clock, STORE_WITHIN_MS, stopped),
    within(clock, GOODBYE_WITHIN_MS, goodbyes),
  ]);
  await anchors?.close();
}
