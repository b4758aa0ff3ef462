import { serveSamModule } from '../../drivers/simulated/samServer.js';
import { startAedes } from '../staging/broker.js';
import { CardWatch } from '../staging/cardWatch.js';
import type { Service } from '../staging/children.js';
import type { StagedPerson } from '../staging/people.js';
import { StagedSite } from '../staging/site.js';
import { Trace } from '../staging/trace.js';
import { Cable } from './cable.js';

const DEVICE = 'demo-gate-1';
/** The speed at which modules leave the factory: a card's 1295 bytes take 112 ms, as on a real wire. */
const BAUD = 115_200;
const QUESTION_RATE = 50;

/** Everything that the demo runs: the real programs, on real sockets and files. */
export interface Stage {
  readonly trace: Trace;
  readonly gate: Service;
  readonly cable: Cable;
  /** Puts somebody's card on the pad, in place of any other. */
  put(idNumber: string): void;
  lift(): void;
  /** When the last byte of that card's frame left the module, in nanoseconds of the monotonic clock; undefined before. */
  cardReadNs(): bigint | undefined;
  /** Lines of `central events`. */
  events(): Promise<readonly Record<string, unknown>[]>;
  /** What `central verify` says; rejects unless every chain at central is whole. */
  verify(): Promise<string>;
  close(): Promise<void>;
}

/** Sets the stage in one temporary folder. `say` is told of every step. */
export async function setStage(people: readonly StagedPerson[], say: (line: string) => void): Promise<Stage> {
  const site = await StagedSite.make('demo');
  try {
    return await build(site, people, say);
  } catch (thrown) {
    await site.close();
    throw thrown;
  }
}

async function build(
  site: StagedSite,
  people: readonly StagedPerson[],
  say: (line: string) => void,
): Promise<Stage> {
  say('a broker, MQTT 3.1.1, and the cable between it and the gate');
  const broker = await startAedes();
  site.onClose(() => broker.close());
  const cable = new Cable(Number(new URL(broker.url).port));
  await cable.plug();
  site.onClose(() => cable.pull());

  say('a reader module, byte-true, at 115200 baud');
  const watch = new CardWatch();
  const reader = await serveSamModule({
    host: '127.0.0.1',
    tcpPort: 0,
    refind: 'until-lifted',
    baud: BAUD,
    onSend: watch.onSend,
  });
  site.onClose(() => reader.close());

  say('central: keys, rules, people');
  await site.initCentral(people);
  await site.enroll(DEVICE);
  await site.startCentral(broker.url, QUESTION_RATE);

  say('the gate');
  const { service: gate, gpio } = await site.startGate({
    device: DEVICE,
    site: 'demo',
    brokerUrl: cable.url,
    readerPort: reader.tcpPort,
  });
  const trace = new Trace(gpio);
  site.onClose(() => trace.close());
  return {
    trace,
    gate,
    cable,
    put(idNumber) {
      watch.forget();
      reader.module.put(idNumber);
    },
    lift: () => reader.module.lift(),
    cardReadNs: watch.cardReadNs,
    events: () => site.events(),
    verify: () => site.verify(),
    close: () => site.close(),
  };
}
