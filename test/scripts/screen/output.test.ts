import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PatientWriter } from '../../../scripts/screen/output.js';

/** More than a pipe holds (pipe(7): 65536 bytes). */
const LONG = '请通行 '.repeat(20_000);
const NON_BLOCKING = constants.O_NONBLOCK;

/** A pipe by name, full as soon as nobody reads: a terminal at the end of a slow line. */
function pipe(t: {
  testdir(content: Record<string, string>): string;
  teardown(call: () => unknown): unknown;
}) {
  const path = join(t.testdir({}), 'line');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | NON_BLOCKING);
  const writer = openSync(path, constants.O_WRONLY | NON_BLOCKING);
  t.teardown(() => closeSync(writer));
  const chunk = Buffer.alloc(256 * 1024);
  return { reader, writer, read: () => Buffer.from(chunk.subarray(0, readSync(reader, chunk))) };
}

t.test('what a slow line takes piece by piece arrives whole, and nobody is blocked meanwhile', async (t) => {
  const { writer, reader, read } = pipe(t);
  let isTaken = false;
  const taken = new Promise<void>((resolve) => {
    new PatientWriter(writer).write(LONG, () => {
      isTaken = true;
      resolve();
    });
  });
  await new Promise(setImmediate);
  t.notOk(isTaken, 'it returned, and waits');
  const pieces: Buffer[] = [];
  const got = () => pieces.reduce((bytes, { length }) => bytes + length, 0);
  while (got() < Buffer.byteLength(LONG)) {
    try {
      pieces.push(read());
    } catch {
      // Empty for the moment.
    }
    await new Promise(setImmediate);
  }
  await taken;
  t.equal(Buffer.concat(pieces).toString(), LONG);
  closeSync(reader);
});

t.test('what was dropped goes no further, and tells nobody', async (t) => {
  const { writer, reader, read } = pipe(t);
  const patient = new PatientWriter(writer);
  patient.write(LONG, () => t.fail('it was dropped'));
  patient.drop();
  const rest = LONG.length;
  t.ok(read().length < rest);
  await new Promise<void>((resolve) => patient.write('the next', resolve));
  t.equal(read().toString(), 'the next');
  closeSync(reader);
});

t.test('a terminal that is gone holds up nobody', async (t) => {
  const { writer, reader } = pipe(t);
  closeSync(reader);
  await new Promise<void>((resolve) => new PatientWriter(writer).write('into the void', resolve));
  t.pass('told');
});
