import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SamModule } from '../../drivers/simulated/samModule.js';
import { type SamServer, serveSamModule } from '../../drivers/simulated/samServer.js';
import { PHOTO_BYTES } from '../../protocol/reader/samCommands.js';
import { PREAMBLE } from '../../protocol/reader/samFrame.js';
import { Cable, startBroker } from './broker.js';
import { runCardpad, Service, type ServiceOptions } from './children.js';
import { type DemoPerson, peopleFile } from './people.js';
import { Trace } from './trace.js';

const DEVICE = 'demo-gate-1';
/** The speed at which modules leave the factory: a card's 1295 bytes take 112 ms, as on a real wire. */
const BAUD = 115_200;

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
  readonly people: readonly DemoPerson[];
  /** Told of every step. */
  readonly say: (line: string) => void;
  /** How long the gate's relay is on. */
  readonly pulseMs?: number;
  /** For the daemon. */
  readonly gate?: ServiceOptions & { readonly logLevel: 'info' | 'debug' };
  /** Called after each piece that the reader module has sent. */
  readonly onSend?: (module: SamModule, cardIsOut: boolean) => void;
}

/** Sets the stage in one temporary folder, which is gone when this process is. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'cardpad-demo-'));
  const removeNow = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeNow);
  const closers: (() => Promise<unknown>)[] = [
    async () => process.off('exit', removeNow),
    () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  ];
  const close = async () => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    return Object.assign(await build(folder, options, (closer) => closers.push(closer)), { close });
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** Notes when a whole card has left the module. A card's reply is the only one that is longer than a photo. */
function cardWatch() {
  let sentBytes = 0;
  let cardNs: bigint | undefined;
  return {
    onSend(bytes: Uint8Array) {
      // Not by time: on a busy machine the pieces of one reply may be as far apart as two replies.
      if (PREAMBLE.every((byte, at) => bytes[at] === byte)) sentBytes = 0;
      sentBytes += bytes.length;
      if (sentBytes > PHOTO_BYTES) cardNs = process.hrtime.bigint();
    },
    cardReadNs: () => cardNs,
    forget() {
      cardNs = undefined;
    },
  };
}

async function build(
  folder: string,
  {
    people,
    say,
    pulseMs = 300,
    gate: { logLevel, ...gateOptions } = { logLevel: 'info' },
    onSend,
  }: StageOptions,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<Omit<Stage, 'close'>> {
  const central = join(folder, 'central');
  const data = join(folder, 'gate');
  const gpio = join(folder, 'gpio');
  await mkdir(gpio);

  say('a broker, MQTT 3.1.1, and the cable between it and the gate');
  const broker = await startBroker();
  onClose(() => broker.close());
  const cable = new Cable(Number(new URL(broker.url).port));
  await cable.plug();
  onClose(() => cable.pull());

  say('a reader module, byte-true, at 115200 baud');
  const watch = cardWatch();
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
  onClose(() => reader.close());

  say('central: keys, rules, people');
  await runCardpad(['central', 'init', '--data', central]);
  const publicFile = join(central, 'central.public.json');
  const enrolment = await runCardpad([
    'provision',
    '--data',
    data,
    '--device',
    DEVICE,
    '--central',
    publicFile,
  ]);
  await runCardpad(['central', 'enroll', '--data', central], enrolment);
  await writeFile(join(folder, 'people.json'), peopleFile(people));
  const service = new Service('central', [
    ...['central', 'run', '--data', central, '--broker', broker.url],
    ...['--people', join(folder, 'people.json'), '--question-rate', '50', '--question-burst', '50'],
  ]);
  onClose(() => service.stop());
  await service.line('central ready');

  say('the gate');
  const config = {
    device: DEVICE,
    site: 'demo',
    lane: { name: 'A1', direction: 'entry' },
    broker: { url: cable.url },
    readers: [{ kind: 'id-card', port: `tcp://127.0.0.1:${reader.tcpPort}`, pollMs: 100 }],
    gpio: { backend: `sim:${gpio}` },
    outputs: {
      lamps: { green: 'green', yellow: 'yellow', red: 'red' },
      buzzer: 'buzzer',
      staff: 'staff',
      gate: { line: 'gate', pulseMs },
    },
    dataDir: data,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const gateArgv = ['run', '--config', join(folder, 'config.json'), '--log-level', logLevel];
  const startGate = () => new Service('the gate', gateArgv, gateOptions);
  let gate = startGate();
  onClose(() => gate.stop());
  await Promise.all([gate.line('session open'), gate.line('reader: ready')]);

  const trace = new Trace(join(gpio, 'trace.ndjson'));
  onClose(() => trace.close());
  return {
    folder,
    central,
    data,
    gpio,
    device: DEVICE,
    brokerUrl: broker.url,
    trace,
    get gate() {
      return gate;
    },
    cable,
    module: reader.module,
    startGate() {
      gate = startGate();
      return gate;
    },
    onClose,
    put(card) {
      watch.forget();
      reader.module.put(card);
    },
    lift: () => reader.module.lift(),
    cardReadNs: watch.cardReadNs,
    async events() {
      const lines = (await runCardpad(['central', 'events', '--data', central])).split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    verify: () => runCardpad(['central', 'verify', '--data', central]),
  };
}
