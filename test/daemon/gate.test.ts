import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startGate } from '../../daemon/main.js';
import { machineWorld } from '../../daemon/world.js';
import { silentLog } from '../../platform/log.js';
import { createSm2Inline } from '../../platform/sm2/inline.js';
import { CardpadError } from '../../protocol/errors.js';
import { until } from '../support/waiting.js';

import { CARD, DEVICE, LINES, OTHER_CARD, Street, sm2 } from './street.js';

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

    await until(() => street.central.received.length >= 5, 'the journal at central');
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
  await until(() => street.central.received.length >= 5, 'the journal at central');
  const { verdicts } = await street.readJournal();
  t.match(verdicts, [
    { outcome: 'undetermined', decidedBy: 'local', action: 'open', reasons: ['sys.offline'] },
  ]);
});

t.test('central silent: opens at the deadline, and the next tap waits less', async (t) => {
  const street = await Street.open(t, { lane: { name: 'A1', direction: 'entry', deadlineMs: 2_000 } });
  street.central.answersQuestions = false;
  street.sam.module.put(CARD);
  await street.decided();
  street.sam.module.put(OTHER_CARD);
  await street.decided(2);
  const took = street.lines.flatMap((line) => / tap tap=.*tookMs=([\d.]+)/.exec(line)?.[1] ?? []).map(Number);
  t.ok((took[0] ?? 0) >= 2_000 && (took[1] ?? 9_999) < 2_000, took.join());
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
  const wrong = new CardpadError('sm.self-test', 'fatal', 'SM2 computes wrongly', {
    help: 'Replace the board.',
  });
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

t.test('a reader that is gone is told as degraded', async (t) => {
  const street = await Street.open(t);
  const state = () => {
    const kept = street.broker.retained.get(`cardpad/v1/d/${DEVICE}/up/state`)?.payload.toString() ?? '{}';
    return JSON.parse(kept).state;
  };
  await until(() => state() === 'ready', 'ready');
  await street.sam.close();
  await until(() => state() === 'degraded', 'degraded');
  t.ok(street.lines.some((line) => /state state=degraded because=reader\.lost/.test(line)));
  t.equal(street.gate?.ready, true, 'it still asks');
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
  await until(() => street.central.received.includes('2/5'), 'the second epoch');
  const records = (epoch: number, count: number) =>
    Array.from({ length: count }, (_, index) => `${epoch}/${index + 1}`);
  // Start, key, clock, tap, verdict; and the head that a stop signs.
  t.same([...new Set(street.central.received)], [...records(1, 6), ...records(2, 5)]);
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
