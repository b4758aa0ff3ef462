import { randomBytes } from 'node:crypto';
import t from 'tap';
import { readConfig } from '../../daemon/config/config.js';
import { type RunningGate, startGate } from '../../daemon/main.js';
import type { Gpio, OutputLine } from '../../drivers/gpio/gpio.js';
import { portPair } from '../../drivers/simulated/portPair.js';
import { SamModule } from '../../drivers/simulated/samModule.js';
import { type Clock, ManualClock } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import { createSm2Inline } from '../../platform/sm2/inline.js';
import { keyId } from '../../protocol/sm/sm2Key.js';
import { FakeCentral } from '../support/fakeCentral.js';
import { MemoryDisk } from '../support/memoryDisk.js';
import { MemoryBroker } from '../support/memoryMqtt.js';
import { settle } from '../support/waiting.js';

const DEVICE = 'gz-bus-a1';
/** Fictional: right check characters, issued to nobody. */
const CARD = '11010519491231002X';
const OTHER_CARD = '110105194912310038';
const YEARS_MS = 10 * 365.25 * 24 * 3600 * 1000;
/** How finely virtual time is moved, and so how exactly the times below are known. */
const TICK_MS = 25;
const BAUD = 115_200;

const sm2 = createSm2Inline();
const key = await sm2.generate();

/** Monotonic time from a manual clock; a wall clock that somebody moves by years. */
class SteppableClock implements Clock {
  stepMs = 0;
  readonly manual = new ManualClock(Date.UTC(2030, 5, 1));
  readonly schedule = this.manual.schedule.bind(this.manual);
  readonly monotonicMs = this.manual.monotonicMs.bind(this.manual);
  readonly wallMs = () => this.manual.wallMs() + this.stepMs;
}

/** Lines that note when they moved: `1500 gate=1`. */
function notingGpio(clock: Clock, noted: string[]): Gpio {
  return {
    output({ line }): OutputLine {
      const state = { name: line, isOn: false };
      return {
        name: line,
        get isOn() {
          return state.isOn;
        },
        set(on) {
          if (on === state.isOn) return;
          state.isOn = on;
          noted.push(`${Math.round(clock.monotonicMs())} ${line}=${on ? 1 : 0}`);
        },
      };
    },
    input: () => {
      throw new Error('no inputs here');
    },
    close: () => {},
  };
}

const config = readConfig({
  device: DEVICE,
  site: 'gz-bus',
  lane: { name: 'A1', direction: 'entry' },
  broker: { url: 'mqtt://127.0.0.1:1883' },
  readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:9601' }],
  gpio: { backend: 'sim:/nowhere' },
  outputs: {
    lamps: { green: 'green', yellow: 'yellow', red: 'red' },
    buzzer: 'buzzer',
    staff: 'staff',
    gate: { line: 'gate', pulseMs: 300 },
  },
  dataDir: '/nowhere',
});

/** The points of the story at which the wall clock may be moved. */
const POINTS = [
  'before the card',
  'after its text',
  'after the question',
  'before the verdict',
  'in mid-pulse',
  'in the dwell',
  'before the flush',
  'while central says nothing',
  'while an upload backs off',
  'while a hello backs off',
  'between hello and welcome',
] as const;
type Point = (typeof POINTS)[number];

/** Everything around a gate, in virtual time; `noted` is what it did, each with its monotonic millisecond. */
class Street {
  readonly noted: string[] = [];
  readonly disk = new MemoryDisk();
  readonly reader: SamModule;
  readonly #line = portPair();
  #reached: Point | undefined;

  private constructor(
    readonly clock: SteppableClock,
    readonly broker: MemoryBroker,
    readonly central: FakeCentral,
    private readonly stepAt: Point | undefined,
    private readonly byMs: number,
  ) {
    const { far } = this.#line;
    this.reader = new SamModule({
      clock,
      refind: 'until-lifted',
      baud: BAUD,
      send: (bytes) => void far.write(bytes),
    });
    far.onData((bytes) => this.reader.receive(bytes));
    broker.onPass = (message) => {
      this.note(message.topic.replace(/^cardpad\/v1\/(d\/[^/]+\/)?/, ''));
      if (message.topic.endsWith('/verify')) this.reach('after the question');
      return [message];
    };
    this.disk.onInstant = () => {
      if (this.#reached === 'before the card') this.reach('after its text');
    };
  }

  /** @param byMs how far the wall clock goes at that point */
  static async open(stepAt: Point | undefined, byMs: number): Promise<Street> {
    const clock = new SteppableClock();
    const broker = new MemoryBroker();
    // Central's own clock is right all the time.
    const central = await FakeCentral.create(broker, sm2, clock.manual, DEVICE, key.publicKey);
    return new Street(clock, broker, central, stepAt, byMs);
  }

  note(what: string): void {
    this.noted.push(`${Math.round(this.clock.monotonicMs())} ${what}`);
  }

  reach(point: Point): void {
    if (point === this.stepAt) this.clock.stepMs = this.byMs;
    this.#reached = point;
  }

  async run(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += TICK_MS) {
      this.clock.manual.advance(TICK_MS);
      await settle(3);
    }
  }

  async start(): Promise<RunningGate> {
    if (!config.ok) throw new Error(JSON.stringify(config.errors));
    const { clock, broker, central, disk } = this;
    const log = createLog((line) => {
      const [, tap] = /((?:tap|call staff) tap=.*)/.exec(line) ?? [];
      if (tap !== undefined) this.note(tap);
    });
    const { privateKey, publicKey } = key;
    const identity = {
      device: DEVICE,
      key: { id: keyId(publicKey), publicKey, privateKey },
      central: central.public,
    };
    return startGate(config.config, {
      clock,
      log,
      random: () => 0.5,
      randomBytes,
      bootId: async () => '00112233aabbccdd',
      uptimeS: () => 100_000,
      lock: async () => () => {},
      identity: async () => identity,
      journalDisk: disk,
      openGpio: () => notingGpio(clock, this.noted),
      openPort: () => async () => this.#line.near,
      brokerAccess: async () => ({ url: 'mqtt://memory' }),
      openMqtt: broker.open,
      openSm2: createSm2Inline,
    });
  }

  /** The verdict on the newest question. */
  answer(): void {
    const asked = this.central.questions.at(-1);
    if (asked === undefined) throw new Error('nothing was asked');
    this.central.send('verdict', this.central.verdict(asked));
  }
}

/** One story, from the first card to a session lost and found; the same each time but for the wall clock. */
async function told(stepAt: Point | undefined, byMs = 0): Promise<readonly string[]> {
  const street = await Street.open(stepAt, byMs);
  const { central, reader, disk, broker } = street;
  central.lifetimeMs = 20_000;
  central.answersQuestions = false;
  central.connect();
  const gate = await street.start();
  await street.run(500);

  street.reach('before the card');
  reader.put(CARD);
  await street.run(500);
  street.reach('before the verdict');
  street.answer();
  await street.run(100);
  street.reach('in mid-pulse');
  await street.run(1_000);
  street.reach('in the dwell');
  await street.run(3_000);

  disk.holdSyncs();
  reader.put(OTHER_CARD);
  await street.run(500);
  street.answer();
  street.reach('before the flush');
  await street.run(100);
  disk.releaseSyncs();
  await street.run(4_000);

  central.answersHello = false;
  central.acknowledges = false;
  reader.put(CARD);
  await street.run(1_000);
  street.reach('while central says nothing');
  await street.run(1_000);

  broker.reachable = false;
  await street.run(500);
  broker.reachable = true;
  // An acknowledgement is waited for 5 s, and 0.5 s later the batch goes again.
  await street.run(4_400);
  street.reach('while an upload backs off');
  // The question without an answer made the gate doubt its session after 12.7 s; the hello for a new one waits 5 s for
  // its welcome, and goes again 0.5 s later.
  await street.run(1_400);
  street.reach('while a hello backs off');
  await street.run(500);
  street.reach('between hello and welcome');
  await street.run(50);
  const hello = central.hellos.at(-1);
  if (hello === undefined) throw new Error('no hello');
  central.send('welcome', await central.welcome(hello.body));
  central.acknowledges = true;
  await street.run(8_000);
  await gate.stop();
  if (central.problems.length > 0) throw central.problems[0];
  if (street.clock.stepMs !== byMs) throw new Error(`the story has no point ${stepAt}`);
  return street.noted;
}

const asItShouldBe = await told(undefined);

t.test('the story has what a step could spoil', async (t) => {
  const count = (pattern: RegExp) => asItShouldBe.filter((line) => pattern.test(line)).length;
  t.equal(count(/ gate=1$/), 3, 'three pulses');
  t.equal(count(/ green=0$/), 3, 'three dwells');
  t.equal(count(/ tap tap=.* by=central/), 2);
  t.equal(count(/ tap tap=.*sys\.timeout.* by=local/), 1);
  const times = (pattern: RegExp) =>
    asItShouldBe.filter((line) => pattern.test(line)).map((line) => Number(line.split(' ')[0]));
  t.same(
    times(/ up\/hello$/).slice(-2),
    [12_700, 18_200],
    'a new session, and its second try after a back-off',
  );
  t.ok(times(/ up\/events$/).includes(16_875), 'an upload sent again after a back-off');
  t.ok(
    times(/ up\/events$/).some((atMs) => atMs > 18_200),
    'and at once when the session is there again',
  );
});

for (const point of POINTS) {
  for (const [direction, byMs] of [
    ['forward', YEARS_MS],
    ['back', -YEARS_MS],
  ] as const) {
    t.test(`the wall clock goes ten years ${direction} ${point}: nothing else moves`, async (t) => {
      t.same(await told(point, byMs), asItShouldBe);
    });
  }
}
