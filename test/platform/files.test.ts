import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { folderDisk } from '../../platform/disk.js';
import {
  makePrivateFolder,
  proveWritable,
  readFileIfThere,
  readSecretFile,
  refuseExposedFolder,
  sweepTemporaries,
  writeFileDurable,
} from '../../platform/files.js';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

t.test('a file is replaced whole, with the mode that it is to have', async (t) => {
  const path = join(t.testdir({ file: 'old' }), 'file');
  await writeFileDurable(path, 'new', 0o600);
  t.equal(readFileSync(path, 'utf8'), 'new');
  t.equal(modeOf(path), '600');
  await writeFileDurable(path, Buffer.from([0, 255]));
  t.same(readFileSync(path), Buffer.from([0, 255]));
});

t.test(
  'a secret is never in a file that others may read, whatever an interrupted write left behind',
  async (t) => {
    const folder = t.testdir({});
    const path = join(folder, 'key');
    // What a write by an earlier process of the same number left: the first service of a boot often has it again.
    const left = join(folder, `.key.${process.pid}.tmp`);
    writeFileSync(left, 'half');
    chmodSync(left, 0o644);
    await writeFileDurable(path, 'secret', 0o600);
    t.equal(modeOf(path), '600');
    t.equal(readFileSync(path, 'utf8'), 'secret');
  },
);

t.test('writes of one file at once end in one whole content, and none fails', async (t) => {
  const folder = t.testdir({});
  const path = join(folder, 'file');
  const contents = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(50_000));
  await Promise.all(contents.map((content) => writeFileDurable(path, content)));
  t.ok(contents.includes(readFileSync(path, 'utf8')));
  t.same(readdirSync(folder), ['file']);
});

t.test('a write that fails leaves the old content and nothing beside it', async (t) => {
  const folder = t.testdir({ file: { inside: 'a folder cannot be replaced by a file' } });
  await t.rejects(writeFileDurable(join(folder, 'file'), 'new'));
  t.same(readdirSync(folder), ['file']);
  t.equal(readFileSync(join(folder, 'file', 'inside'), 'utf8').length > 0, true);
  await t.rejects(writeFileDurable(join(folder, 'absent', 'file'), 'new'), { code: 'ENOENT' });
});

t.test('a private folder is its owner’s alone, made with all above it', async (t) => {
  const path = join(t.testdir({}), 'a', 'b', 'c');
  await makePrivateFolder(path);
  t.equal(modeOf(path), '700');
  await makePrivateFolder(path);
  const file = join(t.testdir({ file: '' }), 'file', 'below');
  await t.rejects(
    makePrivateFolder('/proc/no/such'),
    { code: 'files.folder' },
    'it tells, and does not try for ever',
  );
  await t.rejects(makePrivateFolder(file), { code: 'files.folder', disposition: 'fatal', help: /may write/ });
});

t.test('a file that is not there is told from one that cannot be read', async (t) => {
  const folder = t.testdir({ file: 'text' });
  t.equal(await readFileIfThere(join(folder, 'absent')), undefined);
  t.same(await readFileIfThere(join(folder, 'file')), Buffer.from('text'));
  await t.rejects(readFileIfThere(folder), { code: 'files.read', disposition: 'fatal' });
});

t.test('a secret file must be there and be its owner’s alone', async (t) => {
  const path = join(t.testdir({ key: 'secret' }), 'key');
  await t.rejects(readSecretFile(`${path}2`, 'Make one.'), { code: 'files.missing', help: 'Make one.' });
  for (const mode of [0o644, 0o640, 0o604, 0o620]) {
    chmodSync(path, mode);
    await t.rejects(readSecretFile(path, ''), { code: 'files.exposed', help: /chmod 600/ }, mode.toString(8));
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode);
    t.same(await readSecretFile(path, ''), Buffer.from('secret'));
  }
});

t.test('a folder as a disk: files only grow, are private, and never take the place of another', async (t) => {
  const folder = join(t.testdir({}), 'new', 'journal');
  const disk = folderDisk(folder);
  t.same(await disk.list(), []);
  const file = await disk.create('one');
  await file.append(Buffer.from('abc'));
  await file.append(Buffer.from('def'));
  await file.sync();
  t.equal((await disk.read('one')).toString(), 'abcdef');
  await file.truncate(4);
  await file.append(Buffer.from('X'));
  await file.close();
  t.equal((await disk.read('one')).toString(), 'abcdX');
  t.equal(modeOf(join(folder, 'one')), '600');
  await t.rejects(disk.create('one'), { code: 'EEXIST' });
  t.equal((await disk.read('one')).toString(), 'abcdX');
  t.same(await disk.list(), ['one']);
  await disk.remove('one');
  t.notOk(existsSync(join(folder, 'one')));
  await t.rejects(disk.remove('one'), { code: 'ENOENT' });
});

t.test(
  'a file on such a disk is replaced whole, and what a killed replacing left goes at the next start',
  async (t) => {
    const folder = t.testdir({ '.one.0011223344ff.tmp': 'half', '.hidden': 'not ours' });
    const disk = folderDisk(folder);
    await (await disk.create('one')).append(Buffer.from('old and long'));
    await disk.replace('one', Buffer.from('new'));
    t.equal((await disk.read('one')).toString(), 'new');
    t.equal(modeOf(join(folder, 'one')), '600');
    t.same((await disk.list()).toSorted(), ['.hidden', 'one']);
    t.same(readdirSync(folder).sort(), ['.hidden', 'one']);
  },
);

t.test('what killed writes left is swept; what is on its way, or not ours, stays', async (t) => {
  const folder = t.testdir({});
  const old = ['.key.0011223344ff.tmp', '.a.json.bak.0011223344ff.tmp', '.key.1.tmp', 'key.json', '.hidden'];
  for (const name of old) {
    writeFileSync(join(folder, name), '');
    utimesSync(join(folder, name), 1, 1);
  }
  writeFileSync(join(folder, '.young.0011223344ff.tmp'), '');
  mkdirSync(join(folder, '.folder.0011223344ff.tmp'));
  utimesSync(join(folder, '.folder.0011223344ff.tmp'), 1, 1);
  await sweepTemporaries(folder);
  const kept = ['.folder.0011223344ff.tmp', '.hidden', '.key.1.tmp', '.young.0011223344ff.tmp', 'key.json'];
  t.same(readdirSync(folder).sort(), kept);
  await sweepTemporaries(join(folder, 'absent'));
});

t.test('a folder that others may write to is refused, with the command that mends it', async (t) => {
  const folder = join(t.testdir({}), 'data');
  mkdirSync(folder);
  for (const mode of [0o777, 0o770, 0o720, 0o702, 0o1777, 0o2775]) {
    chmodSync(folder, mode);
    const help = new RegExp(`chmod 700 ${folder}$`);
    const refused = { code: 'files.exposed', disposition: 'fatal', message: new RegExp(folder), help };
    await t.rejects(refuseExposedFolder(folder), refused, mode.toString(8));
  }
  for (const mode of [0o700, 0o755, 0o750, 0o500]) {
    chmodSync(folder, mode);
    await t.resolves(refuseExposedFolder(folder), mode.toString(8));
  }
  await t.resolves(refuseExposedFolder(join(folder, 'absent')), 'who needs it will say so');
});

const isRoot = process.geteuid?.() === 0;

t.test(
  'a folder of another user is refused: an owner can give himself every right',
  { skip: !isRoot },
  async (t) => {
    const folder = join(t.testdir({}), 'data');
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, 65_534, 65_534);
    await t.rejects(refuseExposedFolder(folder), { code: 'files.exposed', help: /chown/ });
  },
);

t.test('a folder is proved writable, and nothing is left in it', async (t) => {
  const folder = t.testdir({ file: '' });
  await proveWritable(folder);
  t.same(readdirSync(folder), ['file']);
  for (const [place, message] of [
    [join(folder, 'absent'), /cannot be written \(ENOENT\)/],
    [join(folder, 'file'), /cannot be written \(ENOTDIR\)/],
  ] as const) {
    await t.rejects(proveWritable(place), { code: 'files.unwritable', disposition: 'fatal', message });
  }
});
