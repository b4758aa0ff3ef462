import { randomBytes } from 'node:crypto';
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
import { MemoryDocuments } from '../support/memoryDocuments.js';
import { MemoryBroker } from '../support/memoryMqtt.js';
import { settle } from '../support/waiting.js';

const DEVICE = 'gz-bus-a1';
/** Fictional: right check characters, issued to nobody. */
export const CARD = '11010519491231002X';
export const OTHER_CARD = '110105194912310038';
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

/** Everything around a gate, in virtual time; `noted` is what it did, each with its monotonic millisecond. */
export class SteppedStreet {
  readonly noted: string[] = [];
  readonly disk = new MemoryDisk();
  readonly reader: SamModule;
  readonly #line = portPair();
  #reached: string | undefined;

  private constructor(
    readonly clock: SteppableClock,
    readonly broker: MemoryBroker,
    readonly central: FakeCentral,
    private readonly stepAt: string | undefined,
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
  static async open(stepAt: string | undefined, byMs: number): Promise<SteppedStreet> {
    const clock = new SteppableClock();
    const broker = new MemoryBroker();
    // Central's own clock is right all the time.
    const central = await FakeCentral.create(broker, sm2, clock.manual, DEVICE, key.publicKey);
    return new SteppedStreet(clock, broker, central, stepAt, byMs);
  }

  note(what: string): void {
    this.noted.push(`${Math.round(this.clock.monotonicMs())} ${what}`);
  }

  /** A point of the story; at one of them the wall clock is moved. */
  reach(point: string): void {
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
      openDocument: new MemoryDocuments().open,
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
