import type { SamModule } from '../../drivers/simulated/samModule.js';
import { type SamServer, serveSamModule } from '../../drivers/simulated/samServer.js';
import { startAedes } from '../staging/broker.js';
import { CardWatch } from '../staging/cardWatch.js';
import type { Service } from '../staging/children.js';
import type { StagedPerson } from '../staging/people.js';
import { type GateOptions, StagedSite } from '../staging/site.js';
import { Trace } from '../staging/trace.js';
import { Cable } from './cable.js';

const DEVICE = 'demo-gate-1';
/** The speed at which modules leave the factory: a card's 1295 bytes take 112 ms, as on a real wire. */
const BAUD = 115_200;
const QUESTION_RATE = 50;

/** Everything that the demo runs: the real programs, on real sockets and files. */
export interface Stage {
  /** The one folder that holds it all. */
  readonly folder: string;
  /** Folders of central, of the gate's data, and of its lines. */
  readonly central: string;
  readonly data: string;
  readonly gpio: string;
  readonly device: string;
  /** The broker, past the cable. */
  readonly brokerUrl: string;
  readonly trace: Trace;
  /** The daemon: the one that was started last. */
  readonly gate: Service;
  readonly cable: Cable;
  readonly module: SamModule;
  /** Starts the daemon again after its end. */
  startGate(): Service;
  /** Something else that is to be closed before the stage is. */
  onClose(closer: () => Promise<unknown>): void;
  /** Puts a card on the pad, in place of any other: its text, or the number of somebody. */
  put(card: Uint8Array | string): void;
  lift(): void;
  /** When the last byte of that card's frame left the module, in nanoseconds of the monotonic clock; undefined before. */
  cardReadNs(): bigint | undefined;
  /** Lines of `central events`. */
  events(): Promise<readonly Record<string, unknown>[]>;
  /** What `central verify` says; rejects unless every chain at central is whole. */
  verify(): Promise<string>;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly people: readonly StagedPerson[];
  /** Told of every step. */
  readonly say: (line: string) => void;
  readonly gate?: Pick<GateOptions, 'pulseMs' | 'logLevel' | 'service'>;
  /** Called after each piece that the reader module has sent. */
  readonly onSend?: (module: SamModule, cardIsOut: boolean) => void;
}

/** Sets the stage in one temporary folder, which is gone when this process is. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const site = await StagedSite.make('demo');
  try {
    return await build(site, options);
  } catch (thrown) {
    await site.close();
    throw thrown;
  }
}

async function build(
  site: StagedSite,
  { people, say, gate: gateOptions, onSend }: StageOptions,
): Promise<Stage> {
  say('a broker, MQTT 3.1.1, and the cable between it and the gate');
  const broker = await startAedes();
  site.onClose(() => broker.close());
  const cable = new Cable(Number(new URL(broker.url).port));
  await cable.plug();
  site.onClose(() => cable.pull());

  say('a reader module, byte-true, at 115200 baud');
  const watch = new CardWatch();
  const reader: SamServer = await serveSamModule({
    host: '127.0.0.1',
    tcpPort: 0,
    refind: 'until-lifted',
    // Modules that keep a card selected can be asked twice, which an "expired" needs to be believed.
    reread: 'allowed',
    baud: BAUD,
    onSend(bytes) {
      watch.onSend(bytes);
      onSend?.(reader.module, watch.cardReadNs() !== undefined);
    },
  });
  site.onClose(() => reader.close());

  say('central: keys, rules, people');
  await site.initCentral(people);
  say("the gate's keys, and central told of them");
  await site.enroll(DEVICE);
  say('central starts');
  await site.startCentral(broker.url, QUESTION_RATE);

  say('the gate starts, and opens a session with central');
  const gate = await site.startGate({
    ...gateOptions,
    device: DEVICE,
    site: 'demo',
    brokerUrl: cable.url,
    readerPort: reader.tcpPort,
  });
  const trace = new Trace(gate.gpio);
  site.onClose(() => trace.close());
  return {
    folder: site.folder,
    central: site.central,
    data: gate.data,
    gpio: gate.gpio,
    device: DEVICE,
    brokerUrl: broker.url,
    trace,
    get gate() {
      return gate.service;
    },
    cable,
    module: reader.module,
    startGate: () => gate.startAgain(),
    onClose: (closer) => site.onClose(closer),
    put(card) {
      watch.forget();
      reader.module.put(card);
    },
    lift: () => reader.module.lift(),
    cardReadNs: watch.cardReadNs,
    events: () => site.events(),
    verify: () => site.verify(),
    close: () => site.close(),
  };
}
