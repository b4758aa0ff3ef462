import { appendFile, cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cardpad } from './support/child.js';
import { LeftAlone } from './support/leftAlone.js';

const alone = await LeftAlone.open(t, 300);
const { site, gate } = alone;

const journal = (command: string, ...argv: readonly string[]) =>
  cardpad(t, ['journal', command, '--data', gate.data, ...argv]);

const status = async () => JSON.parse((await journal('status', '--json')).stdout);

/** Everything of a folder: names, lengths, times of change. */
async function picture(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

/** The newest file of the gate's journal. */
async function newestFile(): Promise<string> {
  const names = (await readdir(join(gate.data, 'journal'))).filter((name) => name.endsWith('.cpj')).sort();
  return join(gate.data, 'journal', names.at(-1) ?? '');
}

t.test('beside a running gate: what it holds, that it is whole, and nothing is changed', async (t) => {
  await alone.decidedByCentral(t);
  await alone.decidedByCentral(t);
  const before = await picture(gate.data);
  const found = await status();
  t.match(found, {
    device: 'gate-1',
    running: gate.process.pid,
    epochs: { first: 1, last: 1, count: 1 },
    kinds: { start: 1, tap: 2, verdict: 2 },
    oldest: { epoch: 1, seq: 1 },
    damagedBytes: 0,
  });
  t.ok(found.freeBytes > 0);
  const people = await journal('status');
  t.match(people.stdout, /^device {4}gate-1, a daemon runs/m);
  t.match(people.stdout, /^records {3}\d+: .*2 tap, 2 verdict/m);
  const verified = await journal('verify');
  t.match(verified, { code: 0, stdout: /^gate-1 ok: \d+ records in 1 files, epochs 1\.\.1, begins at 1\/1/ });
  const out = join(site.folder, 'running.cpj');
  t.match(await journal('export', '--out', out), { code: 0, stderr: /gate-1: \d+ records/ });
  // Unless the gate itself has written a record or a document meanwhile.
  const after = await picture(gate.data);
  t.same(
    after.filter((line) => !/journal|\.json/.test(line)),
    before.filter((line) => !/journal|\.json/.test(line)),
  );
});

t.test('a clean stop writes down what central has and what time it was', async (t) => {
  await site.record(
    'gate-1',
    (lines) => lines.filter(({ kind }) => kind === 'verdict').length >= 2,
    'verdicts',
  );
  t.same(await gate.process.end('SIGTERM'), { code: 0, signal: null });
  const found = await status();
  t.equal(found.running, null);
  t.match(found.acknowledged, { epoch: 1, at: /^20/, trusted: true });
  t.ok(found.waiting <= 2, `${found.waiting} wait`);
  const { floorMs } = JSON.parse(await readFile(join(gate.data, 'clock.json'), 'utf8'));
  t.ok(Math.abs(Date.now() - floorMs) < 120_000, `the floor is ${Date.now() - floorMs} ms ago`);
  const before = await picture(gate.data);
  for (const command of ['status', 'verify']) t.equal((await journal(command)).code, 0);
  t.same(await picture(gate.data), before, 'beside a gate that rests nothing at all is changed');
});

t.test('killed without central: all of it waits, is whole, and is brought in by hand', async (t) => {
  await site.service.end('SIGTERM');
  gate.startAgain();
  await gate.process.line(/reader: ready/);
  t.match(gate.process.stderr, /clock floor source=clock.json/);
  for (let people = 0; people < 3; people++) {
    const said = gate.process.written;
    gate.put(alone.somebody());
    t.match(await gate.process.line(/ tap tap=/, said), /by=local/);
    gate.lift();
  }
  await gate.process.end('SIGKILL');
  const found = await status();
  t.match(found, { running: null, epochs: { first: 1, last: 2 }, acknowledged: { epoch: 1 } });
  t.ok(found.waiting >= 7, `${found.waiting} wait`);
  t.match(await journal('verify'), { code: 0 });

  const out = join(site.folder, 'carried.cpj');
  t.match(await journal('export', '--out', out), { code: 0 });
  t.equal((await stat(out)).mode & 0o777, 0o600);
  const piped = await cardpad(t, ['journal', 'export', '--data', gate.data, '--out', '-']);
  t.match(piped, { code: 0, stderr: /records/ });
  t.equal(piped.stdout, (await readFile(out)).toString('utf8'));

  const carried = (...argv: readonly string[]) =>
    cardpad(t, ['central', 'import', '--data', site.central, ...argv, out]);
  const first = await carried('--json');
  t.equal(first.code, 0, first.stderr);
  t.match(JSON.parse(first.stdout), { device: 'gate-1', refusedRecords: 0, gaps: 0, forks: [] });
  t.equal(JSON.parse(first.stdout).records, found.records);
  const again = await carried();
  t.match(again, { code: 0, stdout: /: 0 new, \d+ known, 0 refused/ });
  const verified = await site.verify();
  t.equal(verified.code, 0, verified.stdout + verified.stderr);
  const events = await site.events('gate-1');
  t.equal(events.length, found.records, 'each record once');
  t.equal(events.filter(({ kind }) => kind === 'verdict').length, found.kinds.verdict);
});

t.test('the gate finds central again and goes on behind what was brought by hand', async (t) => {
  await site.startCentral();
  gate.startAgain();
  await gate.ready();
  await alone.decidedByCentral(t);
  const verified = await site.verify();
  t.equal(verified.code, 0, verified.stdout);
});

t.test('damage is found and named; a torn tail is no fault', async (t) => {
  await gate.process.end('SIGKILL');
  const copy = join(site.folder, 'broken');
  const broken = (...argv: readonly string[]) => cardpad(t, ['journal', 'verify', '--data', copy, ...argv]);
  const fresh = async () => {
    await rm(copy, { recursive: true, force: true });
    await cp(gate.data, copy, { recursive: true });
    const name = (await newestFile()).slice(gate.data.length);
    return join(copy, name);
  };

  const torn = await fresh();
  await appendFile(torn, Buffer.from('43504a310000010000', 'hex'));
  t.match(await broken(), { code: 0, stdout: /a torn tail of 9 bytes \(no fault\)/ });

  const flipped = await fresh();
  const bytes = await readFile(flipped);
  bytes.writeUInt8((bytes[100] ?? 0) ^ 4, 100);
  await writeFile(flipped, bytes);
  t.match(await broken(), { code: 1, stdout: /^gate-1 NOT WHOLE: altered at 3\/1 in 00000003-/ });
  t.match(JSON.parse((await broken('--json')).stdout), {
    whole: false,
    faults: [{ kind: 'altered', seq: 1 }],
  });

  await fresh();
  const middle = (await readdir(join(copy, 'journal'))).sort()[1] ?? '';
  await rm(join(copy, 'journal', middle));
  t.match(await broken(), { code: 1, stdout: /NOT WHOLE: gap at 3\/1 .*nothing of epoch 2 is here/ });

  const cut = await fresh();
  await truncate(cut, 0);
  t.match(await broken(), { code: 0 }, 'a start that was never acknowledged leaves no trace in the chain');
});

t.test('what is no journal is told in a sentence, with an exit code', async (t) => {
  const empty = t.testdir({ 'a file': '' });
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['journal', 'status'], 2, /--data is missing/],
    [['journal', 'stat', '--data', empty], 2, /did you mean status\?/],
    [['journal', 'status', '--data', empty], 1, /is not a gate's data folder: there is no device.json/],
    [['journal', 'verify', '--data', join(empty, 'nowhere')], 1, /is not a gate's data folder/],
    [['journal', 'status', '--data', join(empty, 'a file')], 3, /cannot read .* \(ENOTDIR\)/],
    [['journal', 'export', '--data', gate.data], 2, /--out is missing/],
    [['journal', 'export', '--data', gate.data, '--out', '-', '--json'], 2, /--json and --out -/],
    [['journal', 'export', '--data', gate.data, '--out', join(empty, 'a file')], 1, /is there already/],
    [['journal', 'export', '--data', gate.data, '--out', join(empty, 'no', 'where')], 1, /cannot write/],
    [['central', 'import', '--data', site.central], 2, /FILE is missing/],
    [['central', 'import', '--data', site.central, join(empty, 'a file')], 1, /does not say whose/],
    [['central', 'import', '--data', site.central, join(empty, 'none')], 1, /cannot read/],
    [
      ['central', 'import', '--data', site.central, '--device', 'other', join(site.folder, 'carried.cpj')],
      2,
      /holds the records of gate-1, not of other/,
    ],
  ];
  for (const [argv, code, words] of cases) {
    const done = await cardpad(t, argv);
    t.equal(done.code, code, `${argv.join(' ')}: ${done.stderr}`);
    t.match(done.stderr, words);
  }
  for (const command of ['status', 'verify', 'export'])
    t.match(await journal(command, '--help'), { code: 0, stdout: /^usage: [\s\S]*\nexample: / });
  t.same((await readdir(empty)).sort(), ['a file'], 'a failed export leaves nothing behind');
});

t.test('records of a gate that central does not know are refused', async (t) => {
  const other = join(site.folder, 'other-central');
  t.equal((await cardpad(t, ['central', 'init', '--data', other])).code, 0);
  const done = await cardpad(t, ['central', 'import', '--data', other, join(site.folder, 'carried.cpj')]);
  t.match(done, { code: 1, stderr: /gate-1 is not enrolled/ });
});
