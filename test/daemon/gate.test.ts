import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Config, readConfig } from '../../daemon/config/config.js';
import { provision } from '../../daemon/identity.js';
import { type RunningGate, startGate } from '../../daemon/main.js';
import { machineWorld } from '../../daemon/world.js';
import { type SamServer, serveSamModule } from '../../drivers/simulated/samServer.js';
import { systemClock } from '../../platform/clock.js';
import { createLog, silentLog } from '../../platform/log.js';
import { createSm2Inline } from '../../platform/sm2/inline.js';
import { CardpadError } from '../../protocol/errors.js';
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

const DEVICE = 'gz-bus-a1';
/** Fictional: right check characters, issued to nobody. */
const CARD = '11010519491231002X';
const OTHER_CARD = '110105194912310038';
const LINES = ['gate', 'green', 'yellow', 'red', 'buzzer', 'staff'] as const;

const sm2 = createSm2Inline();

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
class Street {
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
    for (const body of this.central.batches.flatMap(({ batch }) => batch.records)) {
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

t.test(
  'green: the gate opens once, for its length, under a green lamp, and the journal has it',
  async (t) => {
    const street = await Street.open(t);
    for (const line of LINES) t.equal(street.level(line), '0', `${line} at rest`);
    street.sam.module.put(CARD);
    await until(() => street.edges('gate').length === 2, 'the pulse');
    const [on, off] = street.edges('gate');
    t.same([on?.value, off?.value], [1, 0]);
    const pulseMs = Number(BigInt(off?.ns ?? 0) - BigInt(on?.ns ?? 0)) / 1e6;
    t.ok(pulseMs >= 295 && pulseMs < 600, `${pulseMs} ms`);
    t.equal(street.level('green'), '1');
    t.same(
      street.edges('green').map(({ value }) => value),
      [1],
    );
    t.same([...street.edges('red'), ...street.edges('yellow')], []);
    const first = street.trace.findIndex(({ line }) => line === 'green');
    t.ok(
      first !== -1 && first < street.trace.findIndex(({ line }) => line === 'gate'),
      'told before it opens',
    );

    await until(() => street.central.received.length >= 4, 'the journal at central');
    const { taps, verdicts } = await street.readJournal();
    t.match(taps, [{ medium: 'id-card', assurance: 'sam', validity: 'valid', token: CARD, lane: 'A1' }]);
    t.match(verdicts, [{ outcome: 'pass', decidedBy: 'central', action: 'open', reasons: ['health.green'] }]);
    t.same(street.central.problems, []);
    t.notOk(street.lines.join().includes(CARD));
  },
);

t.test('red: the gate stays shut, nothing green shows, and a person is called', async (t) => {
  const street = await Street.open(t);
  street.central.judge = () => ({ outcome: 'refuse', reasons: ['health.red'] });
  street.sam.module.put(CARD);
  await until(() => street.level('red') === '1', 'the red lamp');
  await street.decided();
  t.equal(street.level('staff'), '1');
  await street.stop();
  t.same([...street.edges('gate'), ...street.edges('green')], []);
});

t.test('the gate opens only when the tap is on disk', async (t) => {
  const street = await Street.open(t);
  street.sam.module.put(CARD);
  await until(() => street.edges('gate').length > 0, 'the pulse');
  const files = readFileSync(
    join(street.config.dataDir, 'journal', '00000001-000001-0000000001.cpj'),
    'latin1',
  );
  t.ok(files.includes('"kind":"tap"'));
  t.notOk(files.includes(CARD));
});

t.test('without network: opens under green, says why in the record, and sends it when it can', async (t) => {
  const street = await Street.open(t);
  street.broker.reachable = false;
  street.sam.module.put(CARD);
  await until(() => street.edges('gate').length === 2, 'the pulse');
  t.equal(street.level('green'), '1');
  t.match(
    street.lines.find((line) => / tap tap=/.test(line)),
    /reasons=sys.offline action=open by=local/,
  );
  street.broker.reachable = true;
  await until(() => street.central.received.length >= 4, 'the journal at central');
  const { verdicts } = await street.readJournal();
  t.match(verdicts, [
    { outcome: 'undetermined', decidedBy: 'local', action: 'open', reasons: ['sys.offline'] },
  ]);
});

t.test('central silent: opens at the deadline, and the next tap waits less', async (t) => {
  const street = await Street.open(t, { lane: { name: 'A1', direction: 'entry', deadlineMs: 500 } });
  street.central.answersQuestions = false;
  street.sam.module.put(CARD);
  await street.decided();
  street.sam.module.put(OTHER_CARD);
  await street.decided(2);
  const took = street.lines.flatMap((line) => / tap tap=.*tookMs=([\d.]+)/.exec(line)?.[1] ?? []).map(Number);
  t.ok((took[0] ?? 0) >= 500 && (took[1] ?? 999) < 500, took.join());
  t.match(
    street.lines.find((line) => / tap tap=/.test(line)),
    /reasons=sys.timeout action=open by=local/,
  );
});

t.test('a stop in the middle of a pulse leaves every line safe, and says goodbye', async (t) => {
  const street = await Street.open(t);
  street.sam.module.put(CARD);
  await until(() => street.level('gate') === '1', 'the pulse');
  await street.stop();
  for (const line of LINES) t.equal(street.level(line), '0', line);
  const state = street.broker.retained.get(`cardpad/v1/d/${DEVICE}/up/state`)?.payload.toString() ?? '';
  t.equal(JSON.parse(state).state, 'disconnected');
});

t.test('a stop flushes the journal first, and whoever answers late finds nobody', async (t) => {
  const street = await Street.open(t);
  street.broker.frozen = true;
  street.sam.module.put(CARD);
  await until(() => street.edges('gate').length > 0, 'the pulse at the deadline');
  const from = street.trace.length;
  const stopped = street.stop();
  t.equal(street.level('gate'), '0', 'before anything is waited for');
  street.broker.frozen = false;
  await stopped;
  t.same(
    street.trace.slice(from).filter(({ value }) => value === 1),
    [],
  );
  const folder = join(street.config.dataDir, 'journal');
  const [file = ''] = readdirSync(folder);
  t.match(readFileSync(join(folder, file), 'latin1'), /"kind":"verdict"/);
});

t.test('a gate whose SM2 fails its self-test, or whose keys do not fit, says that it is unfit', async (t) => {
  const failing = createSm2Inline();
  const wrong = new CardpadError('sm.self-test', 'fatal', 'SM2 computes wrongly');
  const street = await Street.build(t);
  await street.provision();
  street.central.connect();
  await street.start({ ...failing, selfTest: () => Promise.reject(wrong) });
  t.equal(await street.gate?.failure, wrong);
  await street.stop();

  const path = join(street.config.dataDir, 'device.json');
  const { privateKey } = await sm2.generate();
  const keys = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...keys, privateKey }));
  await street.start();
  t.match(await street.gate?.failure, { code: 'identity.damaged', disposition: 'fatal' });
});

t.test('the log tells the reader module by a hash, and how it fared', async (t) => {
  const street = await Street.open(t);
  street.sam.module.put(CARD);
  await street.decided();
  await street.stop();
  const said = street.lines.filter((line) => line.includes('reader:'));
  t.match(said[1], /reader: ready port=tcp:\S+ sam=[0-9a-f]{8}$/);
  t.match(said.at(-1), /reader: counters rxBytes=\d+ .*reads=1 .*discarded=0 readsFailed=0$/);
  t.notMatch(said.join(), /0000202551|1234567890/);
});

t.test('an active-low gate is safe at 1, before, between and after', async (t) => {
  const outputs = {
    lamps: { green: 'green', yellow: 'yellow', red: 'red' },
    gate: { line: 'gate', activeLow: true, pulseMs: 100 },
  };
  const street = await Street.open(t, { outputs });
  t.equal(street.level('gate'), '1');
  street.sam.module.put(CARD);
  await until(() => street.edges('gate').length === 2, 'the pulse');
  t.same(
    street.edges('gate').map(({ value }) => value),
    [0, 1],
  );
  await street.stop();
  t.equal(street.level('gate'), '1');
});

t.test('an output that cannot be made safe keeps nothing else from being closed', async (t) => {
  const outputs = {
    lamps: { green: 'green', yellow: 'yellow', red: 'red' },
    gate: { line: 'gate', pulseMs: 1_000 },
  };
  const street = await Street.open(t, { outputs });
  street.sam.module.put(CARD);
  await until(() => street.level('gate') === '1', 'the pulse');
  rmSync(join(street.folder, 'gpio'), { recursive: true });
  await t.rejects(street.stop(), { code: 'gpio.write-failed' });
  const state = street.broker.retained.get(`cardpad/v1/d/${DEVICE}/up/state`)?.payload.toString() ?? '';
  t.equal(JSON.parse(state).state, 'disconnected');
});

t.test('a second daemon on the same folder is refused, and touches nothing of the first', async (t) => {
  const street = await Street.open(t);
  const before = street.trace.length;
  await t.rejects(startGate(street.config, machineWorld(street.config, silentLog)), {
    code: 'files.in-use',
    help: /ruin/,
  });
  t.equal(street.trace.length, before);
  await street.stop();
  await street.start();
  await street.stop();
});

t.test('a restart goes on in the same journal, one epoch further', async (t) => {
  const street = await Street.open(t);
  street.sam.module.put(CARD);
  await street.decided();
  await until(() => street.edges('gate').length === 2, 'the pulse');
  await street.stop();
  street.sam.module.lift();
  street.lines.length = 0;
  await street.start();
  street.sam.module.put(CARD);
  await street.decided();
  await until(() => street.central.received.includes('2/4'), 'the second epoch');
  t.same([...new Set(street.central.received)], ['1/1', '1/2', '1/3', '1/4', '2/1', '2/2', '2/3', '2/4']);
});

const LEFT_ON = Object.fromEntries(LINES.map((line) => [line, '1']));

t.test('a start that fails leaves every line safe and says what to do', async (t) => {
  const cases: [string, (street: Street) => Promise<void> | void, { code: string | RegExp; help: RegExp }][] =
    [
      ['no keys', () => {}, { code: 'identity.missing', help: /cardpad provision/ }],
      [
        'no journal folder to be had',
        async (street) => {
          await street.provision();
          writeFileSync(join(street.config.dataDir, 'journal'), 'a file where the folder should be');
        },
        { code: /^(files.folder|journal.start)$/, help: /./ },
      ],
      [
        'a data folder that is a file',
        (street) => writeFileSync(street.config.dataDir, ''),
        { code: /^files\./, help: /./ },
      ],
      [
        'keys of another machine',
        async (street) => {
          await street.provision();
          const path = join(street.config.dataDir, 'device.json');
          const keys = JSON.parse(readFileSync(path, 'utf8'));
          writeFileSync(path, JSON.stringify({ ...keys, machine: 'ab'.repeat(32) }));
        },
        { code: 'identity.other-machine', help: /provision anew/ },
      ],
    ];
  for (const [what, prepare, error] of cases) {
    t.test(what, async (t) => {
      const street = await Street.build(t);
      mkdirSync(join(street.folder, 'gpio'));
      for (const [line, level] of Object.entries(LEFT_ON)) {
        writeFileSync(join(street.folder, 'gpio', line), level);
      }
      await prepare(street);
      const listeners = process.listenerCount('exit');
      await t.rejects(street.start(), { disposition: 'fatal', ...error });
      for (const line of LINES) t.equal(street.level(line), '0', line);
      t.equal(process.listenerCount('exit'), listeners, 'nothing is left behind');
      t.equal(street.broker.messages.length, 0);
    });
  }
});
