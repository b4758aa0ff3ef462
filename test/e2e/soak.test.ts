import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Child, ROOT } from './support/child.js';

const TAPS = 400;
const BASELINE = 200;
/** A machine on which others build is late for reasons of its own: that bound is for a soak that has it to itself. */
const OTHERS_FAULT = /^event loop/;

interface Result {
  readonly taps: number;
  readonly memory: { readonly baselineMb: number; readonly highestMb: number };
  readonly broken: readonly string[];
  readonly looks: readonly { readonly gate: Record<string, unknown>; readonly central: unknown }[];
}

t.test(
  'scripts/soak, the short form: memory, files, handles and listeners stay, nothing is lost',
  async (t) => {
    const json = join(t.testdir({}), 'soak.json');
    const argv = ['--taps', String(TAPS), '--baseline', String(BASELINE), '--looks', '3', '--json', json];
    const soak = new Child(t, 'scripts/soak', join(ROOT, 'scripts', 'soak'), argv);
    soak.hush();
    await soak.exited;
    const { taps, memory, broken, looks } = JSON.parse(readFileSync(json, 'utf8')) as Result;
    t.same(
      broken.filter((words) => !OTHERS_FAULT.test(words)),
      [],
      soak.stderr,
    );
    t.equal(taps, TAPS);
    t.equal(looks.length, 4);
    t.ok(memory.baselineMb > 5 && memory.baselineMb < 60, `${memory.baselineMb} MB`);
    for (const { gate } of looks) t.ok((gate.files as number) > 10 && (gate.listeners as number) > 5);
  },
);

t.test('scripts/soak refuses what it does not understand', async (t) => {
  const soak = new Child(t, 'scripts/soak', join(ROOT, 'scripts', 'soak'), ['--taps', '10']);
  t.equal((await soak.exited).code, 2);
  t.match(soak.stderr, /--baseline must come before the last tap/);
});
