import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, readConfig } from '../../daemon/config/config.js';
import { provision } from '../../daemon/identity.js';
import { type RunningGate, startGate } from '../../daemon/main.js';
import { machineWorld } from '../../daemon/world.js';
import { type SamServer, serveSamModule } from '../../drivers/simulated/samServer.js';
import { systemClock } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import { createSm2Inline } from '../../platform/sm2/inline.js';
import { keyFacts, parseRecord } from '../../protocol/journal/record.js';
import {
  openContent,
  parseTapContent,
  parseVerdictContent,
  RecordKey,
  type TapContent,
  type VerdictContent,
} from '../../protocol/journal/seal.js';
import { FakeCentral } from '../support/fakeCentral.js';
import { MemoryBroker } from '../support/memoryMqtt.js';
import { until } from '../support/waiting.js';

export const DEVICE = 'gz-bus-a1';
/** Fictional: right check characters, issued to nobody. */
export const CARD = '11010519491231002X';
export const OTHER_CARD = '110105194912310038';
export const LINES = ['gate', 'green', 'yellow', 'red', 'buzzer', 'staff'] as const;

export const sm2 = createSm2Inline();

interface Scope {
  testdir(content: Record<string, string>): string;
  teardown(call: () => unknown): unknown;
}

interface Edge {
  readonly ns: string;
  readonly line: string;
  readonly value: 0 | 1;
}

/** Everything around a gate: lines in a folder, a reader on a socket, a broker and a central in this process. */
export class Street {
  readonly lines: string[] = [];
  gate: RunningGate | undefined;

  private constructor(
    readonly folder: string,
    readonly config: Config,
    readonly sam: SamServer,
    readonly broker: MemoryBroker,
    readonly central: FakeCentral,
  ) {}

  static async build(t: Scope, changes: Readonly<Record<string, unknown>> = {}): Promise<Street> {
    const folder = t.testdir({});
    const sam = await serveSamModule({ host: '127.0.0.1', tcpPort: 0, refind: 'until-lifted' });
    t.teardown(() => sam.close());
    const broker = new MemoryBroker();
    const central = await FakeCentral.create(broker, sm2, systemClock, DEVICE, '');
    const read = readConfig({
      device: DEVICE,
      site: 'gz-bus',
      lane: { name: 'A1', direction: 'entry', mode: 'standard' },
      broker: { url: 'mqtt://127.0.0.1:1883' },
      readers: [{ kind: 'id-card', port: `tcp://127.0.0.1:${sam.tcpPort}`, pollMs: 200 }],
      gpio: { backend: `sim:${join(folder, 'gpio')}` },
      outputs: {
        lamps: { green: 'green', yellow: 'yellow', red: 'red' },
        buzzer: 'buzzer',
        staff: 'staff',
        gate: { line: 'gate', pulseMs: 300 },
      },
      dataDir: join(folder, 'data'),
      ...changes,
    });
    if (!read.ok) throw new Error(JSON.stringify(read.errors));
    const street = new Street(folder, read.config, sam, broker, central);
    t.teardown(() => street.stop().catch(() => {}));
    return street;
  }

  async provision(): Promise<void> {
    const file = join(this.folder, 'central.public.json');
    writeFileSync(file, JSON.stringify(this.central.public));
    const { key } = await provision(this.config.dataDir, DEVICE, file, sm2);
    this.central.devicePublicKey = key.publicKey;
  }

  async start(sm2 = createSm2Inline()): Promise<void> {
    const log = createLog((line) => this.lines.push(line), 'debug');
    this.gate = await startGate(this.config, {
      ...machineWorld(this.config, log),
      openSm2: () => sm2,
      openMqtt: this.broker.open,
    });
    await until(() => this.lines.some((line) => line.includes(': ready')), 'the reader to be ready');
  }

  /** A gate with a session. */
  static async open(t: Scope, changes: Readonly<Record<string, unknown>> = {}): Promise<Street> {
    const street = await Street.build(t, changes);
    await street.provision();
    street.central.connect();
    await street.start();
    await until(() => street.gate?.ready === true, 'a session');
    return street;
  }

  async stop(): Promise<void> {
    const gate = this.gate;
    this.gate = undefined;
    await gate?.stop();
  }

  level(line: string): string {
    const path = join(this.folder, 'gpio', line);
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '-';
  }

  /** `gate 1` for every edge so far. */
  get trace(): Edge[] {
    const path = join(this.folder, 'gpio', 'trace.ndjson');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  edges(line: string): Edge[] {
    return this.trace.filter((edge) => edge.line === line);
  }

  /** The log's line about a tap that was decided. */
  decided(count = 1): Promise<void> {
    const taps = () => this.lines.filter((line) => / tap tap=/.test(line)).length;
    return until(() => taps() >= count, `tap ${count} to be decided`);
  }

  /** What central can read of the journal that it was sent. */
  async readJournal(): Promise<{ taps: TapContent[]; verdicts: VerdictContent[] }> {
    const taps: TapContent[] = [];
    const verdicts: VerdictContent[] = [];
    let key: RecordKey | undefined;
    for (const body of this.central.bodies) {
      const record = parseRecord(body);
      if (!record.ok) throw new Error(record.reason);
      const { kind, epoch, seq, sealed } = record.value;
      const wrapped = keyFacts(record.value)?.wrapped;
      if (wrapped !== undefined) {
        const secret = await sm2.decrypt(Buffer.from(wrapped, 'hex'), this.central.otherKey.privateKey);
        key = secret === undefined ? undefined : new RecordKey(secret);
      }
      if (sealed === undefined || key === undefined) continue;
      while (key.step < sealed.step) key.moveOn();
      const plain = openContent(key.current(), { device: DEVICE, epoch, seq, kind }, sealed.box);
      if (plain === undefined) throw new Error(`record ${seq} does not open`);
      const tap = kind === 'tap' ? parseTapContent(plain) : undefined;
      const verdict = kind === 'verdict' ? parseVerdictContent(plain) : undefined;
      if (tap?.ok === true) taps.push(tap.value);
      if (verdict?.ok === true) verdicts.push(verdict.value);
    }
    return { taps, verdicts };
  }
}
