import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import {
  type ConfigResult,
  errorLine,
  loadConfig,
  policyOf,
  readConfig,
} from '../../../daemon/config/config.js';
import { DEFAULT_POLICY } from '../../../daemon/lane/policy.js';
import { MINIMAL, withValue } from './samples.js';

const errorsOf = (result: ConfigResult) => (result.ok ? [] : result.errors);
const codes = (document: unknown) =>
  errorsOf(readConfig(document)).map(({ path, code }) => `${path} ${code}`);
const HOLD_ALL = {
  outcome: ['attend', 'undetermined', 'refuse'],
  mode: ['standard'],
  direction: ['entry'],
  action: 'hold',
};

t.test('the least document is valid as it stands, and every other key has its default', async (t) => {
  t.same(readConfig(MINIMAL), {
    ok: true,
    config: {
      device: 'gz-bus-a1',
      site: 'gz-bus',
      schemes: ['health-code@1'],
      dataDir: '/var/lib/cardpad',
      lane: {
        name: 'A1',
        direction: 'entry',
        mode: 'standard',
        policy: [],
        deadlineMs: 1500,
        dwellMs: 3000,
        sameCardMs: 3000,
        passageMs: 8000,
        doorHeldMs: 20_000,
        callMs: 30_000,
      },
      broker: { url: 'mqtt://127.0.0.1:1883', protocol: 'auto' },
      readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:9601', allowNetwork: false, pollMs: 300 }],
      gpio: { backend: 'sim:/run/cardpad/gpio', lines: {} },
      outputs: {
        lamps: {
          green: { line: 'green', activeLow: false },
          yellow: { line: 'yellow', activeLow: false },
          red: { line: 'red', activeLow: false },
        },
        buzzer: { line: 'buzzer', activeLow: false },
        gate: { line: 'gate', activeLow: false, pulseMs: 300, whenFire: 'hold' },
      },
      inputs: { debounceMs: 30 },
      journal: {
        durableWaitMs: 500,
        whenNotDurable: 'call-staff',
        maxRecords: 250_000,
        maxMb: 256,
        retentionHours: 72,
      },
    },
  });
});

t.test('a line may say that its board works on low', async (t) => {
  const result = readConfig(withValue('outputs.buzzer', { line: 'b', activeLow: true }));
  t.match(result, { ok: true, config: { outputs: { buzzer: { line: 'b', activeLow: true } } } });
});

t.test('rows of the configuration come before the default table', async (t) => {
  const row = { direction: ['entry'], outcome: ['attend'], action: 'hold+call-staff' };
  const result = readConfig(withValue('lane.policy', [row]));
  if (!result.ok) throw new Error('it is valid');
  t.same(policyOf(result.config), [row, ...DEFAULT_POLICY]);
});

for (const [path, value, expected] of [
  ['lane.name', undefined, 'lane.name config.missing'],
  ['lane', undefined, 'lane.name config.missing'],
  ['readers', undefined, 'readers config.missing'],
  ['readers', [], 'readers config.readers'],
  ['readers', [...MINIMAL.readers, ...MINIMAL.readers], 'readers config.readers'],
  ['readers', {}, 'readers config.type'],
  ['readers', [null], 'readers[0] config.type'],
  ['gpio', undefined, 'gpio.backend config.missing'],
  ['outputs', null, 'outputs config.type'],
  ['outputs.lamps', ['green'], 'outputs.lamps config.type'],
  ['outputs.lamps.green', undefined, 'outputs.lamps.green config.missing'],
  ['outputs.lamps.Green', 'x', 'outputs.lamps.Green config.name'],
  ['outputs.lamps.white', 7, 'outputs.lamps.white config.value'],
  ['outputs.gate', 7, 'outputs.gate config.type'],
  ['outputs.gate.pulseMs', 99, 'outputs.gate.pulseMs config.value'],
  ['outputs.gate.pulseMs', 1001, 'outputs.gate.pulseMs config.value'],
  ['inputs.help', 'gate', 'inputs.help config.line-reused'],
  ['inputs.fire', { line: 'red', activeLow: true }, 'inputs.fire config.line-reused'],
  ['inputs', { help: 'button', door: 'button' }, 'inputs.door config.line-reused'],
  ['inputs.door', '/dev/input', 'inputs.door config.value'],
  ['inputs.debounceMs', 51, 'inputs.debounceMs config.value'],
  ['inputs.doors', 'x', 'inputs.doors config.unknown-key'],
  ['outputs.gate.whenFire', 'shut', 'outputs.gate.whenFire config.value'],
  ['lane.callMs', 9999, 'lane.callMs config.value'],
  ['outputs.buzzer', { line: 'b', activelow: true }, 'outputs.buzzer config.value'],
  ['outputs.buzzer', '../etc', 'outputs.buzzer config.value'],
  ['outputs.staff', 'gate', 'outputs.gate config.line-reused'],
  ['outputs.buzzer', 'red', 'outputs.buzzer config.line-reused'],
  ['outputs.lamps.white', { line: 'green', activeLow: true }, 'outputs.lamps.white config.line-reused'],
  ['readers[0].port', 'tcp://192.168.1.20:9601', 'readers[0].port config.reader-on-network'],
  ['readers[0].port', 'tcp://reader.example:9601', 'readers[0].port config.reader-on-network'],
  ['readers[0].port', 'tcp://127.0.0.1', 'readers[0].port config.value'],
  ['readers[0].port', 'i2c:/dev/i2c-1?address=0x24', 'readers[0].port config.reader-on-bus'],
  ['readers[0].port', 'i2c:/dev/i2c-1', 'readers[0].port config.value'],
  ['readers[0].port', 'http://127.0.0.1:80', 'readers[0].port config.value'],
  ['broker.url', 'http://127.0.0.1:1883', 'broker.url config.value'],
  ['broker.url', 'mqtt://127.0.0.1:1883/path', 'broker.url config.value'],
  ['broker.url', 'mqtt://127.0.0.1:1883#x', 'broker.url config.value'],
  ['broker.protocol', '4', 'broker.protocol config.value'],
  ['broker.protocol', 5, 'broker.protocol config.value'],
  ['lane.policy', [{ direction: ['exit'], action: 'hold' }], 'lane.policy policy.exit-held'],
  ['lane.policy', [HOLD_ALL], 'lane.policy policy.sole-credential'],
  [
    'lane.policy',
    [{ direction: ['entry'], decidedBy: ['local'], assurance: ['uid'], action: 'open' }],
    'lane.policy policy.open-on-loss',
  ],
  ['lane.policy', [{ outcome: 'pass', action: 'open' }], 'lane.policy config.value'],
  ['lane.policy', [{ outcome: [], action: 'open' }], 'lane.policy config.value'],
  ['lane.policy', [{ outcome: ['pass'], action: 'none' }], 'lane.policy config.value'],
  ['lane.policy', [{ outcomes: ['pass'], action: 'open' }], 'lane.policy config.value'],
] as const) {
  t.test(`${path} = ${JSON.stringify(value) ?? 'nothing'}: ${expected}`, async (t) => {
    t.ok(codes(withValue(path, value)).includes(expected), codes(withValue(path, value)).join());
  });
}

t.test('a reader on the network is taken where the configuration says that it is meant', async (t) => {
  const document = withValue('readers[0].port', 'tcp://192.168.1.20:9601');
  t.same(codes(withValue('readers[0].allowNetwork', true, document)), []);
});

for (const [name, meant] of [
  ['lane.deadlinems', 'deadlineMs'],
  ['lane.dwelMs', 'dwellMs'],
  ['brokr', 'broker'],
  ['outputs.buzer', 'buzzer'],
  ['readers[0].ports', 'port'],
] as const) {
  t.test(`${name} is not a key: did you mean ${meant}?`, async (t) => {
    const [error] = errorsOf(readConfig(withValue(name, 1)));
    t.match(error, { path: name, code: 'config.unknown-key', message: `did you mean ${meant}?` });
  });
}

t.test('a second reader on the lane is refused in words', async (t) => {
  const [first] = MINIMAL.readers;
  const two = withValue('readers', [first, { ...first, port: 'tcp://127.0.0.1:9602' }]);
  t.match(errorsOf(readConfig(two)), [{ path: 'readers', message: /exactly one object.*later version/ }]);
});

t.test('a key that is near nothing is answered with what there is', async (t) => {
  const [error] = errorsOf(readConfig(withValue('gpio.zzz', 1)));
  t.match(error, { path: 'gpio.zzz', code: 'config.unknown-key', message: 'known here: backend' });
});

t.test('all errors come at once, also those that show only when keys are seen together', async (t) => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ['device', 'GZ'],
    ['site', 7],
    ['lane.policy', [{ direction: ['exit'], action: 'hold' }, HOLD_ALL]],
    ['readers[0].port', 'tcp://10.0.0.1:1'],
    ['readers[0].pollMs', 1],
    ['outputs.buzzer', 'gate'],
    ['outputs.lamps.green', undefined],
    ['outputs.lamps.red', 5],
    ['lanes', {}],
  ];
  const document = wrong.reduce(
    (so_far, [path, value]) => withValue(path, value, so_far),
    MINIMAL as unknown,
  );
  t.same(codes(document).toSorted(), [
    'device config.value',
    'lane.policy policy.exit-held',
    'lane.policy policy.sole-credential',
    'lanes config.unknown-key',
    'outputs.gate config.line-reused',
    'outputs.lamps.green config.missing',
    'outputs.lamps.red config.value',
    'readers[0].pollMs config.value',
    'readers[0].port config.reader-on-network',
    'site config.value',
  ]);
});

for (const [what, document] of [
  ['null', null],
  ['a list', []],
  ['a text', 'x'],
  ['a number', 1],
] as const) {
  t.test(`${what} is no configuration`, async (t) => t.same(codes(document), [' config.type']));
}

t.test('no document whatever makes it throw, and what is refused says where', async () => {
  const keys = [...Object.keys(MINIMAL), '__proto__', 'constructor', 'toString'];
  const nearly = fc.dictionary(fc.constantFrom(...keys), fc.oneof(fc.jsonValue(), fc.constant({})));
  const inside = fc
    .tuple(
      fc.constantFrom('lane', 'outputs', 'outputs.lamps', 'readers', 'readers[0]', 'lane.policy'),
      fc.jsonValue(),
    )
    .map(([path, value]) => withValue(path, value));
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), nearly, inside), (document) => {
      const result = readConfig(JSON.parse(JSON.stringify(document)));
      return (
        result.ok ||
        (result.errors.length > 0 && result.errors.every(({ code }) => /^(config|policy)\./.test(code)))
      );
    }),
    { numRuns: 500 },
  );
});

t.test('keys that every object has are keys that nobody knows', async (t) => {
  for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) {
    const text = JSON.stringify(MINIMAL).replace('{', `{"${name}":{"device":"x"},`);
    t.same(codes(JSON.parse(text)), [`${name} config.unknown-key`]);
  }
  t.same(codes(JSON.parse(JSON.stringify(MINIMAL).replace('"green":', '"__proto__":"x","green":'))), [
    'outputs.lamps.__proto__ config.name',
  ]);
});

t.test('huge and deep documents are refused in no time', async (t) => {
  const deep = JSON.parse(`${'{"lane":'.repeat(5000)}1${'}'.repeat(5000)}`);
  t.ok(codes(deep).includes('lane.lane config.unknown-key'));
  const wide = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`k${index}`, index]));
  t.ok(codes({ ...MINIMAL, ...wide }).length === 2000);
  const before = process.cpuUsage();
  t.equal(codes({ ...MINIMAL, ['x'.repeat(3_000_000)]: 1 }).length, 1);
  t.ok(process.cpuUsage(before).user < 2_000_000);
});

t.test('an error is one line for people: where, what, and a code for programs', async (t) => {
  t.equal(
    errorLine({ path: 'lane.name', code: 'config.missing', message: 'is missing' }),
    'lane.name: is missing (config.missing)',
  );
  t.equal(
    errorLine({ path: '', code: 'config.type', message: 'must be an object' }),
    'configuration: must be an object (config.type)',
  );
});

t.test('a name that would drive a terminal or forge a line stands harmless in the error', async (t) => {
  for (const name of ['a\nb', '\u001b[2J', '\u009b2J', 'a.b', '']) {
    const lines = errorsOf(readConfig({ ...MINIMAL, [name]: 1 })).map(errorLine);
    t.equal(lines.length, 1);
    t.match(lines[0], /^\["[ -~]*"\]: is not a key/);
  }
});

t.test('a file is read; one that is missing or no JSON is an error like the others', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cardpad-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'config.json');
  t.same((await loadConfig(file)).ok, false);
  t.match(await loadConfig(file), { errors: [{ code: 'config.no-file' }] });
  writeFileSync(file, '{ "device": ');
  t.match(await loadConfig(file), { errors: [{ code: 'config.not-json' }] });
  writeFileSync(file, JSON.stringify(MINIMAL));
  t.match(await loadConfig(file), { ok: true });
});

t.test('the gate may be written as any line is', async (t) => {
  const flat = { line: 'gate', activeLow: true, pulseMs: 200, whenFire: 'leave' };
  const cases: [unknown, object][] = [
    ['gate', { line: 'gate', activeLow: false, pulseMs: 300, whenFire: 'hold' }],
    [flat, flat],
    [{ line: { line: 'gate', activeLow: true }, pulseMs: 200, whenFire: 'leave' }, flat],
  ];
  for (const [gate, expected] of cases) {
    const result = readConfig({ ...MINIMAL, outputs: { ...MINIMAL.outputs, gate } });
    t.same(result.ok && result.config.outputs.gate, expected);
  }
});
