import t from 'tap';
import { Follower } from './support/follower.js';
import { blocksOf, documents, readDocument, withoutRemarks } from './support/markdown.js';
import { type Step, stepOf } from './support/steps.js';

/** Blocks that no test can run, and why. */
const NOT_RUN: readonly (readonly [command: string, reason: string])[] = [
  ['scripts/test', 'it is what runs this test'],
  ['scripts/test test/daemon/lane/lane.test.ts', 'it would build anew under the tests that run'],
];
/** The same commands in another language: compared with the first, and not run twice. */
const TRANSLATION = { of: 'README.md', path: 'README.zh-CN.md' };

const isNotRun = (step: Step): boolean =>
  step.kind === 'run' && NOT_RUN.some(([command]) => command === withoutRemarks(step.script));

/** What a reader is to do, in order, with the line at which it stands. */
const stepsOf = (path: string): { readonly line: number; readonly step: Step }[] =>
  blocksOf(readDocument(path)).flatMap((block) => {
    const step = stepOf(block);
    return step === undefined ? [] : [{ line: block.line, step }];
  });

const remarksAside = (step: Step): Step =>
  'script' in step ? { ...step, script: withoutRemarks(step.script) } : step;

for (const path of documents().filter((path) => path !== TRANSLATION.path)) {
  const steps = stepsOf(path);
  if (steps.length === 0) continue;
  t.test(`${path}: every command does what the page says`, async (t) => {
    const follower = await Follower.open(t);
    for (const { line, step } of steps) {
      if (isNotRun(step)) continue;
      const what = step.kind === 'typed' ? step.lines.join(', ') : step.script.split('\n')[0];
      const startMs = performance.now();
      await follower.follow(step);
      t.pass(`line ${line}: ${what} (${Math.round(performance.now() - startMs)} ms)`);
    }
    await follower.stopAll();
  });
}

t.test('what is said not to be run stands in a document', async (t) => {
  const scripts = documents().flatMap((path) =>
    stepsOf(path).map(({ step }) => ('script' in step ? withoutRemarks(step.script) : '')),
  );
  for (const [command, reason] of NOT_RUN) t.ok(scripts.includes(command), `${command}: ${reason}`);
});

t.test('the README has the same commands in both languages, in the same order', async (t) => {
  const [own, translated] = [TRANSLATION.of, TRANSLATION.path].map((path) =>
    stepsOf(path).map(({ step }) => remarksAside(step)),
  );
  t.same(translated, own);
});

t.test("the broker's access control in the README is that of the wire protocol", async (t) => {
  const linesIn = (path: string) => readDocument(path).match(/^pattern (?:read|write) .*$/gm);
  t.equal(linesIn('docs/wire-protocol.md')?.length, 4);
  t.same(linesIn('README.md'), linesIn('docs/wire-protocol.md'));
});

t.test('a page that promises what cannot be read is refused', async (t) => {
  t.throws(() => blocksOf('<!-- run: until `x` -->\n\n```sh\ny\n```'), /no block follows/);
  t.throws(() => blocksOf('```sh\ny'), /has no end/);
  const block = { language: 'sh', text: 'true', line: 1 };
  t.throws(() => stepOf({ ...block, directive: 'sometimes' }), /means nothing/);
  t.throws(() => stepOf({ ...block, language: 'json', directive: 'until `x`' }), /does not fit/);
});

t.test('a step that does not do what the page says is noticed', async (t) => {
  const follower = await Follower.open(t);
  const run = { kind: 'run', script: 'echo here', prints: [], repeated: false, stopsAll: false } as const;
  await follower.follow({ ...run, prints: ['here'] });
  await t.rejects(follower.follow({ ...run, script: 'false; true' }), /exit code 1/);
  await t.rejects(follower.follow({ ...run, prints: ['there'] }), /without there/);
  await t.rejects(
    follower.follow({ kind: 'background', script: 'echo no', ready: 'yes', left: false }),
    /ended: no/,
  );
});
