import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import * as v from 'valibot';
import { openDocument } from '../../platform/document.js';

const Schema = v.strictObject({ count: v.number(), names: v.array(v.string()) });
const NEW = { count: 0, names: [] };
const open = (path: string) => openDocument(path, Schema, structuredClone(NEW));

t.test('a document is what was written last', async (t) => {
  const path = join(t.testdir({}), 'doc.json');
  const first = await open(path);
  t.same(first.data, NEW);
  first.data.count = 1;
  await first.write();
  await first.update((data) => data.names.push('a'));
  t.same((await open(path)).data, { count: 1, names: ['a'] });
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(`${path}.bak`).mode & 0o777, 0o600);
});

const OLD = JSON.stringify({ count: 1, names: [] });
const CURRENT = JSON.stringify({ count: 2, names: [] });

t.test('a damaged document is had from its last good copy', async (t) => {
  for (const damaged of [
    '',
    '{',
    CURRENT.slice(0, -1),
    '\0'.repeat(40),
    '{"count":"2","names":[]}',
    'null',
  ]) {
    const path = join(t.testdir({ 'doc.json': damaged, 'doc.json.bak': OLD }), 'doc.json');
    t.same((await open(path)).data.count, 1, JSON.stringify(damaged));
  }
});

t.test('cut off at any byte the old or the new is there, never neither', async (t) => {
  const folder = t.testdir({});
  const path = join(folder, 'doc.json');
  writeFileSync(`${path}.bak`, OLD);
  for (let length = 0; length <= CURRENT.length; length++) {
    writeFileSync(path, CURRENT.slice(0, length));
    const { count } = (await open(path)).data;
    if (count !== (length === CURRENT.length ? 2 : 1)) t.fail(`${length} bytes`, { count });
  }
});

t.test('a lost document is had from its copy, and a lost copy does no harm', async (t) => {
  const onlyCopy = join(t.testdir({ 'doc.json.bak': OLD }), 'doc.json');
  t.equal((await open(onlyCopy)).data.count, 1);
  const onlyFile = join(t.testdir({ 'doc.json': CURRENT, 'doc.json.bak': 'x' }), 'doc.json');
  t.equal((await open(onlyFile)).data.count, 2);
});

t.test('a document that is damaged twice is never silently begun anew', async (t) => {
  for (const files of [{ 'doc.json': '{', 'doc.json.bak': '' }, { 'doc.json': '{' }]) {
    const path = join(t.testdir(files), 'doc.json');
    await t.rejects(open(path), { code: 'document.damaged', disposition: 'fatal', help: /backup/ });
  }
});

t.test('a damaged file never takes the place of the good copy', async (t) => {
  const path = join(t.testdir({ 'doc.json': '{', 'doc.json.bak': OLD }), 'doc.json');
  const document = await open(path);
  document.data.count = 3;
  await document.write();
  t.equal(JSON.parse(readFileSync(path, 'utf8')).count, 3);
  t.equal(JSON.parse(readFileSync(`${path}.bak`, 'utf8')).count, 1);
});

t.test('writes at once end in a whole document and a whole copy', async (t) => {
  const path = join(t.testdir({}), 'doc.json');
  const document = await open(path);
  await Promise.all(
    Array.from({ length: 10 }, () => document.update((data) => data.names.push('x'.repeat(5_000)))),
  );
  t.equal((await open(path)).data.names.length, 10);
  t.ok(Array.isArray(JSON.parse(readFileSync(`${path}.bak`, 'utf8')).names));
});

t.test('that a copy is used is told, and only then', async (t) => {
  const cases: [Record<string, string>, number][] = [
    [{}, 0],
    [{ 'doc.json': CURRENT, 'doc.json.bak': OLD }, 0],
    [{ 'doc.json': CURRENT, 'doc.json.bak': '{' }, 0],
    [{ 'doc.json': '{', 'doc.json.bak': OLD }, 1],
    [{ 'doc.json.bak': OLD }, 1],
  ];
  for (const [files, expected] of cases) {
    const path = join(t.testdir(files), 'doc.json');
    const told: string[] = [];
    await openDocument(path, Schema, structuredClone(NEW), 0o600, (file) => told.push(file));
    t.same(told, Array(expected).fill(path), Object.keys(files).join());
  }
});
