import { randomBytes } from 'node:crypto';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { Buzzer } from '../drivers/buzzer.js';
import { Gate } from '../drivers/gate.js';
import type { OutputLine } from '../drivers/gpio/gpio.js';
import { openGpio } from '../drivers/gpio/open.js';
import { Lamps } from '../drivers/lamps.js';
import { opener } from '../drivers/ports/open.js';
import { IdCardReader } from '../drivers/readers/idCardReader.js';
import { guardOutputs, type SafeOutput } from '../drivers/safety.js';
import { type Clock, systemClock } from '../platform/clock.js';
import { folderDisk } from '../platform/disk.js';
import { readFileIfThere, readNeededFile, readSecretFile } from '../platform/files.js';
import type { Log } from '../platform/log.js';
import { type MqttOptions, mqttOpener, type OpenMqtt } from '../platform/mqtt.js';
import { createSm2Pool } from '../platform/sm2/pool.js';
import type { Sm2Service } from '../platform/sm2/service.js';
import { CardpadError, codeOf, messageOf } from '../protocol/errors.js';
import { selfTestSymmetric } from '../protocol/sm/selfTest.js';
import { sm3 } from '../protocol/sm/sm3.js';
import { CardInputs, saysExpired } from './cardInputs.js';
import { type Config, policyOf } from './config/config.js';
import { Effects } from './effects.js';
import { type Identity, loadIdentity } from './identity.js';
import { Journal } from './journal/journal.js';
import type { LaneSettings } from './lane/state.js';
import { Link } from './link/link.js';
import { LaneRunner } from './runner.js';
import { TimeKeeper } from './time.js';

/** After one time-out a question waits this long, until an answer comes. */
const SHORT_DEADLINE_MS = 300;
/** Whoever was refused in this time is not admitted by local rule: pulling the plug must not be a way in. */
const REFUSAL_MEMORY_MS = 15 * 60 * 1000;
/** A system up for less has just been switched on, and perhaps the whole street with it. */
const POWER_CUT_UPTIME_S = 120;
const FIRST_HELLO_WITHIN_MS = 30_000;

/** What a gate runs on; a simulation hands in its own. */
export interface GateParts {
  readonly clock?: Clock;
  readonly sm2?: Sm2Service;
  readonly openMqtt?: OpenMqtt;
  readonly log: Log;
}

/** A gate at work. */
export interface RunningGate {
  /** Whether central can be asked right now. */
  readonly ready: boolean;
  /** Gate safe, goodbye said, journal flushed. */
  stop(): Promise<void>;
}

function laneSettings(config: Config): LaneSettings {
  const { direction, mode, deadlineMs, dwellMs, sameCardMs } = config.lane;
  return {
    direction,
    mode,
    policy: policyOf(config),
    deadlineMs,
    shortDeadlineMs: Math.min(SHORT_DEADLINE_MS, deadlineMs),
    dwellMs,
    sameCardMs,
    durableWaitMs: config.journal.durableWaitMs,
    whenNotDurable: config.journal.whenNotDurable,
    refusalMemoryMs: REFUSAL_MEMORY_MS,
  };
}

async function brokerOptions({
  broker,
}: Config): Promise<Pick<MqttOptions, 'url' | 'username' | 'password' | 'ca'>> {
  const { url, username, passwordFile, caFile } = broker;
  const password =
    passwordFile === undefined
      ? undefined
      : (await readSecretFile(passwordFile, 'broker.passwordFile names it; put the password there.'))
          .toString('utf8')
          .trim();
  const ca = caFile === undefined ? undefined : await readNeededFile(caFile, 'broker.caFile names it.');
  return {
    url,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** Tells this boot of the system from the one before; monotonic times compare within one boot only. */
async function bootId(): Promise<string> {
  const id = (await readFileIfThere('/proc/sys/kernel/random/boot_id')) ?? randomBytes(16);
  return sm3(Buffer.from('cardpad/v1/boot\n', 'utf8'), id).subarray(0, 8).toString('hex');
}

/** The gate first: whatever fails after it, the relay is at its safe level. */
function openOutputs(config: Config, clock: Clock) {
  const gpio = openGpio(config.gpio.backend, clock);
  const { outputs } = config;
  const gate = new Gate(gpio.output(outputs.gate, 'off'), clock, { pulseMs: outputs.gate.pulseMs });
  const lines = Object.entries(outputs.lamps).map(([name, line]): [string, OutputLine] => [
    name,
    gpio.output(line, 'off'),
  ]);
  const lamps = new Lamps(Object.fromEntries(lines), clock);
  const buzzer =
    outputs.buzzer === undefined ? undefined : new Buzzer(gpio.output(outputs.buzzer, 'off'), clock);
  const staff = outputs.staff === undefined ? undefined : gpio.output(outputs.staff, 'off');
  const all: SafeOutput[] = [gate, lamps];
  if (buzzer !== undefined) all.push(buzzer);
  if (staff !== undefined) all.push({ safe: () => staff.set(false) });
  return { gate, lamps, buzzer, staff, all, close: () => gpio.close() };
}

async function openJournal(
  config: Config,
  identity: Identity,
  sm2: Sm2Service,
  time: TimeKeeper,
  parts: {
    readonly clock: Clock;
    readonly boot: string;
    readonly log: Log;
  },
): Promise<Journal> {
  const [ledgerKey] = identity.central.keys.ledger;
  if (ledgerKey === undefined) throw new RangeError('central has no ledger key');
  const folder = join(config.dataDir, 'journal');
  try {
    return await Journal.open({
      disk: folderDisk(folder),
      device: config.device,
      ...parts,
      time,
      randomBytes,
      wrapKey: async (key) => ({
        ledgerKey: ledgerKey.id,
        wrapped: Buffer.from(await sm2.encrypt(key, ledgerKey.publicKey)).toString('hex'),
      }),
    });
  } catch (cause) {
    if (cause instanceof CardpadError && cause.disposition === 'fatal') throw cause;
    throw new CardpadError('journal.start', 'fatal', `the journal in ${folder} cannot be written`, {
      help: 'Check that the disk is neither full nor read-only and that this user owns the folder.',
      cause,
    });
  }
}

/** What was opened, so that it is closed in the other order: at a stop, and when a start fails half-way. */
class Opened {
  readonly #closers: (() => void | Promise<void>)[] = [];

  add(close: () => void | Promise<void>): void {
    this.#closers.push(close);
  }

  /** Closes all, also behind one that fails. @throws the first failure, at the end */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/**
 * Starts a gate: outputs safe first, then checks, journal, connection, and the readers last.
 * @throws CardpadError (fatal) with what to do about it; the outputs are safe then
 */
export async function startGate(config: Config, parts: GateParts): Promise<RunningGate> {
  const opened = new Opened();
  try {
    const link = await openGate(config, parts, opened);
    return {
      get ready() {
        return link.ready;
      },
      async stop() {
        await opened.close();
        parts.log.info('gate stopped');
      },
    };
  } catch (thrown) {
    await opened.close().catch((failure) => {
      parts.log.error('cannot close', { problem: codeOf(failure) ?? messageOf(failure) });
    });
    throw thrown;
  }
}

async function openGate(config: Config, parts: GateParts, opened: Opened): Promise<Link> {
  const { log, clock = systemClock } = parts;
  const outputs = openOutputs(config, clock);
  opened.add(guardOutputs(outputs.all));
  opened.add(() => outputs.close());
  for (const output of outputs.all) opened.add(() => output.safe());

  selfTestSymmetric();
  const identity = await loadIdentity(config.dataDir, config.device);
  const broker = await brokerOptions(config);
  const sm2 = parts.sm2 ?? createSm2Pool({ size: 1, eager: true, log: log.named('sm2') });
  opened.add(() => sm2.close());
  await sm2.selfTest();
  const time = new TimeKeeper(clock);
  const boot = await bootId();
  const journal = await openJournal(config, identity, sm2, time, { clock, boot, log: log.named('journal') });
  opened.add(() => journal.close());

  const lane = new LaneRunner(laneSettings(config), clock, (effect) => effects.perform(effect));
  const link = new Link({
    identity,
    broker,
    openMqtt: parts.openMqtt ?? mqttOpener(clock, Math.random, log.named('broker')),
    clock,
    sm2,
    random: Math.random,
    randomBytes,
    journal,
    time,
    boot,
    log,
    firstHelloWithinMs: uptime() < POWER_CUT_UPTIME_S ? FIRST_HELLO_WITHIN_MS : 0,
    onVerdict: (tap, { outcome, reasons }) =>
      lane.dispatch({ type: 'verdict', nowMs: clock.monotonicMs(), tap, outcome, reasons }),
    onUnavailable: (tap, reason) =>
      lane.dispatch({ type: 'unavailable', nowMs: clock.monotonicMs(), tap, reason }),
    onLate: (tap, { outcome }) => lane.dispatch({ type: 'late', nowMs: clock.monotonicMs(), tap, outcome }),
  });
  opened.add(() => link.close());
  const effects = new Effects({
    ...outputs,
    journal,
    ask: (tap, question, deadlineMs) => link.ask(tap, question, deadlineMs),
    forget: (tap, timedOut) => link.forget(tap, timedOut),
    pauseUploads: (paused) => link.pauseUploads(paused),
    facts: {
      schemes: [...config.schemes],
      site: config.site,
      lane: config.lane.name,
      direction: config.lane.direction,
    },
    clock,
    dispatch: (input) => lane.dispatch(input),
    log,
  });
  opened.add(() => lane.stop());
  startReaders(config, clock, time, lane, log, opened);
  // Stopping begins with the relay: nothing that closes slowly keeps it on.
  opened.add(() => outputs.gate.safe());
  const { name, direction, mode } = config.lane;
  log.info('gate started', { device: config.device, lane: name, direction, mode, epoch: journal.epoch });
  return link;
}

function startReaders(
  config: Config,
  clock: Clock,
  time: TimeKeeper,
  lane: LaneRunner,
  log: Log,
  opened: Opened,
): void {
  const identitySecret = randomBytes(32);
  for (const [source, { port, pollMs }] of config.readers.entries()) {
    const readerLog = log.named(`reader${config.readers.length === 1 ? '' : source + 1}`);
    const inputs = new CardInputs({
      source,
      clock,
      today: () => time.today(),
      identitySecret,
      dispatch: (input) => lane.dispatch(input),
    });
    const reader = new IdCardReader({
      open: opener(port, clock),
      clock,
      random: Math.random,
      pollMs,
      secondRead: (card) => saysExpired(card, time.today()),
      onEvent: (event) => {
        if (event.type === 'state') readerLog.info(event.state, { port, reason: event.reason });
        inputs.onEvent(event);
      },
    });
    opened.add(() => reader.stop());
    reader.start();
  }
}
