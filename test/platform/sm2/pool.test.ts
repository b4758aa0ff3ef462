import { execFile } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import t from 'tap';
import { createLog } from '../../../platform/log.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import { exactly, type Sm2Service } from '../../../platform/sm2/service.js';
import { sm2Verify } from '../../../protocol/sm/sm2.js';
import { vectors } from '../../protocol/sm/vectors.js';

const mortal = { workerFile: new URL('./mortalWorker.js', import.meta.url) };

/** Gives the thread of `mortalWorker` an order. */
const order = (pool: Sm2Service, what: string): Promise<boolean> => pool.verify(Buffer.from(what), '', '');
const died = { name: 'CardpadError', code: 'sm2.worker', disposition: 'retry' };

t.test('one thread answers in the order of asking', async (t) => {
  const pool = createSm2Pool({ size: 1, ...mortal });
  t.teardown(() => pool.close());
  const answered: number[] = [];
  await Promise.all([0, 1, 2, 3, 4, 5].map((i) => order(pool, 'answer').then(() => answered.push(i))));
  t.same(answered, [0, 1, 2, 3, 4, 5]);
});

t.test('with a second thread, one that is held up holds nobody else up', async (t) => {
  const pool = createSm2Pool({ size: 2, ...mortal });
  const held = order(pool, 'wait');
  t.equal(await order(pool, 'answer'), true);
  t.equal(await order(pool, 'answer'), true);
  await Promise.all([t.rejects(held, { code: 'sm2.closed' }), pool.close()]);
});

for (const end of ['exit', 'throw']) {
  t.test(`a thread that dies (${end}) costs one call; a new one takes the calls that wait`, async (t) => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line));
    const pool = createSm2Pool({ size: 1, log, ...mortal });
    t.teardown(() => pool.close());
    t.equal(await order(pool, 'answer'), true);
    const dying = order(pool, end);
    const waiting = [order(pool, 'answer'), order(pool, 'answer')];
    await t.rejects(dying, died);
    t.same(await Promise.all(waiting), [true, true]);
    t.equal(lines.length, 1);
    t.match(lines[0], end === 'exit' ? /thread died cause="exit code 7"/ : /thread died cause="told to"/);
  });
}

t.test('a thread that cannot start fails each call by name and never spins', async (t) => {
  const lines: string[] = [];
  const workerFile = new URL('./absent.js', import.meta.url);
  const pool = createSm2Pool({
    size: 2,
    eager: true,
    log: createLog((line) => lines.push(line)),
    workerFile,
  });
  t.teardown(() => pool.close());
  const failing = [order(pool, ''), order(pool, ''), order(pool, '')].map((call) => t.rejects(call, died));
  await Promise.all(failing);
  t.ok(lines.length <= 5, `${lines.length} starts for three calls and two eager threads`);
});

t.test('past its bound the queue refuses, and takes again when it has room', async (t) => {
  const pool = createSm2Pool({ size: 1, maxQueued: 2, ...mortal });
  t.teardown(() => pool.close());
  const accepted = [order(pool, 'exit'), order(pool, 'answer'), order(pool, 'answer')];
  await t.rejects(order(pool, 'answer'), { code: 'sm2.busy', disposition: 'retry' });
  const settled = await Promise.allSettled(accepted);
  t.same(
    settled.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
  t.equal(await order(pool, 'answer'), true);
});

t.test('closing rejects the call under way and those that wait', async (t) => {
  const pool = createSm2Pool({ size: 1, ...mortal });
  const pending = [order(pool, 'wait'), order(pool, 'answer'), order(pool, 'answer')];
  const checks = pending.map((call) => t.rejects(call, { code: 'sm2.closed', disposition: 'reject' }));
  await pool.close();
  await Promise.all(checks);
  await t.rejects(order(pool, 'answer'), { code: 'sm2.closed' });
});

t.test('a copy for another thread brings no neighbour of its bytes along', async (t) => {
  const pooled = Buffer.from('secret of somebody else').subarray(0, 6);
  t.ok(pooled.buffer.byteLength > 6, 'a small Buffer is a window on shared memory');
  t.equal(exactly(pooled).buffer.byteLength, 6);
});

t.test('the event loop turns freely while the pool computes', async (t) => {
  const [known] = vectors.sm2_sign;
  // So long that its digest takes milliseconds, whoever computes SM2.
  const message = Buffer.alloc(2 * 1024 * 1024);
  const signature = `${known?.r}${known?.s}`;
  const publicKey = `04${known?.pub.x}${known?.pub.y}`;

  sm2Verify(message, signature, publicKey);
  const start = process.hrtime.bigint();
  sm2Verify(message, signature, publicKey);
  const inlineNs = Number(process.hrtime.bigint() - start);

  const pool = createSm2Pool({ size: 1, eager: true });
  t.teardown(() => pool.close());
  await pool.verify(message, signature, publicKey);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let count = 0; count < 10; count++) t.notOk(await pool.verify(message, signature, publicKey));
  delay.disable();
  // Computed here, the typical turn would take as long as one verification; the median bears a busy machine.
  t.ok(delay.percentile(50) < inlineNs / 2, `median ${delay.percentile(50)} ns, inline ${inlineNs} ns`);
});

t.test('a pool that has nothing to do does not keep the process alive', async (t) => {
  const pool = new URL('../../../platform/sm2/pool.js', import.meta.url);
  const program = `
    import { createSm2Pool } from ${JSON.stringify(pool.href)};
    const pool = createSm2Pool({ size: 2, eager: true });
    console.log((await pool.generate()).publicKey.length);`;
  const run = promisify(execFile);
  const options = { timeout: 20_000 };
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], options);
  t.equal(stdout, '130\n', 'and a call that is under way does');
});

t.test('the pool itself loads no SM2: only its threads pay for sm-crypto', async (t) => {
  const pool = new URL('../../../platform/sm2/pool.js', import.meta.url);
  const program = `
    import { createRequire } from 'node:module';
    import ${JSON.stringify(pool.href)};
    const { cache } = createRequire(${JSON.stringify(pool.href)});
    console.log(Object.keys(cache).filter((file) => file.includes('sm-crypto')).length);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  t.equal(stdout, '0\n');
});
