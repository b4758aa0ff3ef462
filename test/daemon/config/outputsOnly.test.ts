import fc from 'fast-check';
import t from 'tap';
import { readConfig } from '../../../daemon/config/config.js';
import { readOutputsOnly } from '../../../daemon/config/outputsOnly.js';
import { outputLines } from '../../../daemon/linePlan.js';
import { MINIMAL } from './samples.js';

const read = (document: unknown) =>
  readOutputsOnly(`${t.testdir({ 'config.json': JSON.stringify(document) })}/config.json`);

const plain = (lines: readonly { readonly line: string; readonly activeLow?: boolean | undefined }[]) =>
  lines.map(({ line, activeLow }) => ({ line, activeLow }));

/** A line as it may be written, under a name of its own. */
const written = (name: string) =>
  fc.constantFrom<unknown>(
    name,
    { line: name },
    { line: name, activeLow: true },
    { line: name, activeLow: false },
  );

t.test('of every right configuration it reads the same lines as the daemon', async (t) => {
  const outputs = fc.record(
    {
      lamps: fc.record({ green: written('g'), yellow: written('y'), red: written('r') }),
      gate: fc.oneof(
        written('gate'),
        fc.constant({ line: 'gate', activeLow: true, pulseMs: 200 }),
        fc.constant({ line: { line: 'gate', activeLow: true }, pulseMs: 200 }),
      ),
      buzzer: written('b'),
      staff: written('s'),
    },
    { requiredKeys: ['lamps', 'gate'] },
  );
  const gpio = fc.constantFrom(
    { backend: 'sim:/run/cardpad/gpio' },
    {
      backend: 'auto:',
      lines: Object.fromEntries(
        ['g', 'y', 'r', 'gate', 'b', 's'].map((name, offset) => [name, { chip: 'raspberry-pi', offset }]),
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(outputs, gpio, async (outputs, gpio) => {
      const document = { ...MINIMAL, outputs, gpio };
      const whole = readConfig(document);
      if (!whole.ok) throw new Error(whole.errors.map(({ path }) => path).join());
      const part = await read(document);
      t.same(plain(part.outputs), plain(outputLines(whole.config.outputs)));
      t.same(part.gpio, whole.config.gpio);
      t.equal(part.dataDir, whole.config.dataDir);
      t.same(part.problems, []);
    }),
    { numRuns: 40 },
  );
});

t.test(
  'whatever stands in the file, it gives lines with names, and says what it could not read',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (outputs, gpio) => {
        const { outputs: lines, problems } = await read({ outputs, gpio });
        for (const { line } of lines) t.type(line, 'string');
        t.ok(lines.length > 0 || problems.length > 0);
      }),
      { numRuns: 60 },
    );
  },
);

for (const [name, document, problems] of [
  ['nothing', {}, ['gpio.backend is not there', 'outputs.gate names no line']],
  ['a list', [], ['gpio.backend is not there', 'outputs.gate names no line']],
  [
    'lamps that are no lines',
    { gpio: { backend: 'sim:/x' }, outputs: { gate: 'gate', lamps: { red: 7, green: { activeLow: true } } } },
    ['outputs.lamps.red names no line', 'outputs.lamps.green names no line'],
  ],
] as const) {
  t.test(`${name}: told by path`, async (t) => {
    t.same((await read(document)).problems, problems);
  });
}
