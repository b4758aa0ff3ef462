import { join } from 'node:path';
import { guardOutputs } from '../drivers/safety.js';
import type { Log } from '../platform/log.js';
import type { Sm2Service } from '../platform/sm2/service.js';
import { CardpadError, codeOf, messageOf } from '../protocol/errors.js';
import { selfTestSymmetric } from '../protocol/sm/selfTest.js';
import { SYSTEM_REASONS } from '../protocol/verdict.js';
import { ClockFloor } from './clockFloor.js';
import { type Close, closeTogether, Opened } from './closing.js';
import { Conditions, noteAlarm } from './conditions.js';
import { type Config, policyOf } from './config/config.js';
import { Effects } from './effects.js';
import { type Identity, proveKey } from './identity.js';
import { openInputs } from './inputs.js';
import { AcknowledgedNote } from './journal/acknowledged.js';
import { Journal } from './journal/journal.js';
import type { JournalLimits } from './journal/options.js';
import type { LaneInput, LaneSettings } from './lane/state.js';
import { Link } from './link/link.js';
import { openOutputs } from './outputs.js';
import { startReaders } from './readers.js';
import { LaneRunner } from './runner.js';
import { TimeKeeper } from './time.js';
import type { GateWorld } from './world.js';

/** After one time-out a question waits this long, until an answer comes. */
const SHORT_DEADLINE_MS = 300;
/** Whoever was refused in this time is not admitted by local rule: pulling the plug must not be a way in. */
const REFUSAL_MEMORY_MS = 15 * 60 * 1000;
/** A system up for less has just been switched on, and perhaps the whole street with it. */
const POWER_CUT_UPTIME_S = 120;
const FIRST_HELLO_WITHIN_MS = 30_000;

/** A gate at work. */
export interface RunningGate {
  /** Whether central can be asked right now. */
  readonly ready: boolean;
  /** One line for who looks at the service: lane, standing, what holds. No personal data. */
  readonly status: string;
  /** Resolves, with what was thrown, when the gate turns out unfit to go on: stop it then. Mostly it never does. */
  readonly failure: Promise<unknown>;
  /**
   * Gate safe first, then journal flushed, readers closed and goodbye said. No card and no verdict does anything any
   * more once it was called.
   */
  stop(): Promise<void>;
}

function laneSettings(config: Config): LaneSettings {
  const { direction, mode, deadlineMs, dwellMs, sameCardMs, passageMs, doorHeldMs, callMs } = config.lane;
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
    passageMs,
    doorHeldMs,
    callMs,
    holdsOnFire: config.outputs.gate.whenFire === 'hold',
  };
}

const limitsOf = ({ maxRecords, maxMb, retentionHours }: Config['journal']): JournalLimits => ({
  maxRecords,
  maxBytes: maxMb * 1e6,
  retentionMs: retentionHours * 3600 * 1000,
});

async function openJournal(
  { dataDir, device, journal }: Config,
  { journalDisk: disk, clock, randomBytes, log }: GateWorld,
  { central, key: deviceKey }: Identity,
  sm2: Sm2Service,
  time: TimeKeeper,
  boot: string,
  conditions: Conditions,
  onWritingAgain: () => void,
): Promise<Journal> {
  const [ledgerKey] = central.keys.ledger;
  if (ledgerKey === undefined) throw new RangeError('central has no ledger key');
  const wrapKey = async (key: Buffer) => ({
    ledgerKey: ledgerKey.id,
    wrapped: Buffer.from(await sm2.encrypt(key, ledgerKey.publicKey)).toString('hex'),
  });
  const signer = { id: deviceKey.id, sign: (message: Uint8Array) => sm2.sign(message, deviceKey) };
  try {
    const onFailing = (failing: boolean) => {
      conditions.set('journal.failing', failing);
      if (!failing) onWritingAgain();
    };
    const onDropping = (dropping: boolean) => conditions.set('journal.dropping', dropping);
    const named = { log: log.named('journal'), limits: limitsOf(journal), onFailing, onDropping };
    const { flushWithinMs } = journal;
    return await Journal.open({
      disk,
      device,
      clock,
      randomBytes,
      boot,
      time,
      wrapKey,
      signer,
      flushWithinMs,
      ...named,
    });
  } catch (cause) {
    if (cause instanceof CardpadError && cause.disposition === 'fatal') throw cause;
    const folder = join(dataDir, 'journal');
    throw new CardpadError('journal.start', 'fatal', `the journal in ${folder} cannot be written`, {
      help: 'Check that the disk is neither full nor read-only and that this user owns the folder.',
      cause,
    });
  }
}

/**
 * Starts a gate: outputs safe first, then checks, journal, connection, and the readers last.
 * @throws CardpadError (fatal) with what to do about it; the outputs are safe then
 */
export async function startGate(config: Config, world: GateWorld): Promise<RunningGate> {
  const opened = new Opened();
  try {
    const { link, failure, conditions } = await openGate(config, world, opened);
    return {
      failure,
      get ready() {
        return link.ready;
      },
      get status() {
        return statusLine(config, link.ready, conditions);
      },
      async stop() {
        await opened.close();
        world.log.info('gate stopped');
      },
    };
  } catch (thrown) {
    await opened.close().catch((failure) => {
      world.log.error('cannot close', { problem: codeOf(failure) ?? messageOf(failure) });
    });
    throw thrown;
  }
}

function statusLine({ lane }: Config, asksCentral: boolean, { standing, holding }: Conditions): string {
  const because = holding.length > 0 ? ` (${holding.join(', ')})` : '';
  const deciding = asksCentral ? 'central decides' : 'without central: deciding by local rule';
  return `lane ${lane.name}: ${standing}${because}; ${deciding}`;
}

/** Taps that a crash or a power cut has left open: nobody knows any more how they ended. */
function closeUnanswered(journal: Journal, log: Log): void {
  for (const tap of journal.unanswered) {
    log.warn('tap without a verdict from before this start', { tap: `${tap.epoch}/${tap.seq}` });
    const content = {
      tap,
      outcome: 'undetermined',
      reasons: [SYSTEM_REASONS.restart],
      action: 'none',
      tookMs: 0,
    } as const;
    journal.append({
      kind: 'verdict',
      content: { ...content, reasons: [...content.reasons], decidedBy: 'local' },
    });
  }
}

/** What is kept in small documents beside the journal; they close behind it. */
async function openNotes(world: GateWorld, opened: Opened) {
  const { clock, log, openDocument } = world;
  const floor = await ClockFloor.open(world);
  const time = new TimeKeeper(clock, floor.startMs);
  time.onTooEarly = (wallMs) =>
    log.warn('the time that central tells lies before the clock floor: not taken', {
      told: new Date(wallMs).toISOString(),
      floor: new Date(floor.startMs).toISOString(),
    });
  floor.follow(time);
  const acknowledged = await AcknowledgedNote.open(openDocument, clock, time, log);
  opened.add(() => closeTogether([() => floor.close(), () => acknowledged.close()]));
  return { time, acknowledged };
}

async function openGate(config: Config, world: GateWorld, opened: Opened) {
  const { log, clock, random, randomBytes } = world;
  // Before the outputs: a second daemon must not touch the relay of the first.
  opened.add(await world.lock());
  const gpio = await world.openGpio();
  const outputs = openOutputs(config, gpio, clock);
  opened.add(guardOutputs(outputs.all));
  opened.add(() => outputs.close());

  selfTestSymmetric();
  const identity = await world.identity();
  const broker = await world.brokerAccess();
  const sm2 = world.openSm2();
  opened.add(() => sm2.close());
  const { time, acknowledged } = await openNotes(world, opened);
  const conditions = new Conditions();
  let onWritingAgain = () => {};
  const journal = await openJournal(
    config,
    world,
    identity,
    sm2,
    time,
    await world.bootId(),
    conditions,
    () => onWritingAgain(),
  );
  opened.add(() => journal.close());
  closeUnanswered(journal, log);
  // Not waited for, since on a board this takes over a second, in which cards can be read already. The one thread does
  // it before any hello is signed.
  const proofs = Promise.all([sm2.selfTest(), proveKey(identity.key, config.dataDir, sm2)]);
  const failure = new Promise<unknown>((resolve) => {
    proofs.catch(resolve);
  });

  const lane = new LaneRunner(laneSettings(config), clock, (effect) => effects.perform(effect));
  const connections: Close[] = [];
  // What is below here closes first, and from the bottom: the relay, then whatever could switch it on again.
  opened.add(() => closeTogether(connections));
  opened.add(() => journal.idle());
  for (const output of outputs.all) opened.add(() => output.safe());
  opened.add(() => lane.stop());
  opened.add(() => outputs.gate.safe());
  const link = new Link({
    identity,
    broker,
    openMqtt: world.openMqtt,
    clock,
    sm2,
    random,
    randomBytes,
    journal,
    time,
    boot: randomBytes(8).toString('hex'),
    conditions,
    log,
    firstHelloWithinMs: world.uptimeS() < POWER_CUT_UPTIME_S ? FIRST_HELLO_WITHIN_MS : 0,
    onVerdict: (tap, { outcome, reasons }, networkMs) =>
      lane.dispatch({ type: 'verdict', nowMs: clock.monotonicMs(), tap, outcome, reasons, networkMs }),
    onUnavailable: (tap, reason) =>
      lane.dispatch({ type: 'unavailable', nowMs: clock.monotonicMs(), tap, reason }),
    onAcknowledged: (place) => acknowledged.note(place),
    onLate: (tap, { outcome }) => lane.dispatch({ type: 'late', nowMs: clock.monotonicMs(), tap, outcome }),
  });
  connections.push(() => link.close());
  // While the broker is told, and no longer than that takes.
  connections.push(() => journal.signOff());
  const effects = new Effects({
    ...outputs,
    journal,
    ask: (tap, question, deadlineMs) => link.ask(tap, question, deadlineMs),
    forget: (tap, timedOut) => link.forget(tap, timedOut),
    pauseUploads: (paused) => link.pauseUploads(paused),
    onAlarm: (alarm) => noteAlarm(conditions, alarm),
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
  onWritingAgain = () => effects.writingAgain();
  const dispatch = (input: LaneInput) => lane.dispatch(input);
  connections.push(openInputs({ inputs: config.inputs, gpio, clock, dispatch }));
  const onUnfit = (count: number) => conditions.set('reader.lost', count > 0);
  connections.push(...startReaders(config.readers, { ...world, time, dispatch, onUnfit }));
  const { name, direction, mode } = config.lane;
  log.info('gate started', { device: config.device, lane: name, direction, mode, epoch: journal.epoch });
  return { link, failure, conditions };
}
