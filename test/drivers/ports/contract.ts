import type { Test } from 'tap';
import type { Port } from '../../../drivers/ports/port.js';

/** Two ends of one line: `near` is the port under test. */
export interface Line {
  readonly near: Port;
  readonly far: Port;
  /** Ends the line from the far side, in the way that such a line ends. */
  readonly cut: () => void;
}

const WAIT_MS = 5000;

/** Resolves once `isTrue`; looks at every turn of the event loop, so it takes no longer than it must. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + WAIT_MS;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function collect(port: Port): number[] {
  const bytes: number[] = [];
  port.onData((chunk) => {
    for (const byte of chunk) bytes.push(byte);
  });
  return bytes;
}

function closings(port: Port): (Error | undefined)[] {
  const causes: (Error | undefined)[] = [];
  port.onClose((cause) => causes.push(cause));
  return causes;
}

/** What every port must do. `openLine` opens a fresh line for each test. */
export async function portContract(t: Test, openLine: (t: Test) => Promise<Line>): Promise<void> {
  const all = Uint8Array.from({ length: 256 }, (_, value) => value);

  await t.test('every byte value arrives, both ways, in order', async (t) => {
    const { near, far } = await openLine(t);
    const atFar = collect(far);
    const atNear = collect(near);
    await near.write(all);
    await far.write(all);
    await until(() => atFar.length >= 256 && atNear.length >= 256, '256 bytes each way');
    t.same(atFar, [...all]);
    t.same(atNear, [...all]);
    await near.close();
  });

  await t.test('writes that do not wait for one another keep their order', async (t) => {
    const { near, far } = await openLine(t);
    const atFar = collect(far);
    const chunks = Array.from({ length: 40 }, (_, index) => new Uint8Array(50).fill(index));
    await Promise.all(chunks.map((chunk) => near.write(chunk)));
    await until(() => atFar.length >= 2000, '2,000 bytes');
    t.same(
      atFar,
      chunks.flatMap((chunk) => [...chunk]),
    );
    await near.close();
  });

  await t.test('a buffer may be used again once its write has resolved', async (t) => {
    const { near, far } = await openLine(t);
    // Kept as they came, not copied: what was delivered must not change either.
    const chunks: Uint8Array[] = [];
    far.onData((chunk) => chunks.push(chunk));
    const buffer = Uint8Array.of(1, 2, 3);
    await near.write(buffer);
    buffer.fill(9);
    const bytes = () => chunks.flatMap((chunk) => [...chunk]);
    await until(() => bytes().length >= 3, '3 bytes');
    t.same(bytes(), [1, 2, 3]);
    await near.close();
  });

  await t.test('bytes that came before anybody listened are dropped', async (t) => {
    const { near, far } = await openLine(t);
    const atFar = collect(far);
    await far.write(Uint8Array.of(1));
    for (let rounds = 1; rounds <= 3; rounds++) {
      await near.write(Uint8Array.of(rounds));
      await until(() => atFar.length >= rounds, 'a byte to show that time has passed');
    }
    const atNear = collect(near);
    await far.write(Uint8Array.of(2));
    await until(() => atNear.length >= 1, 'the second byte');
    t.same(atNear, [2]);
    await near.close();
  });

  await t.test('closed from here, it says so once and gives no cause', async (t) => {
    const { near } = await openLine(t);
    const causes = closings(near);
    await Promise.all([near.close(), near.close()]);
    await near.close();
    t.same(causes, [undefined]);
  });

  await t.test('closed from there, it says so once and gives a cause', async (t) => {
    const { near, cut } = await openLine(t);
    const causes = closings(near);
    cut();
    await until(() => causes.length > 0, 'the news of the end');
    await near.close();
    t.equal(causes.length, 1);
    t.type(causes[0], Error);
  });

  await t.test('whoever listens only after the end hears of it too', async (t) => {
    const { near } = await openLine(t);
    await near.close();
    const causes = closings(near);
    await until(() => causes.length > 0, 'the news of the end');
    t.same(causes, [undefined]);
  });

  await t.test('a write to a closed port is refused as port.closed', async (t) => {
    const { near } = await openLine(t);
    await near.close();
    await t.rejects(near.write(Uint8Array.of(1)), { code: 'port.closed', disposition: 'reconnect' });
  });

  await t.test('no write hangs when the port is closed in the middle of it', async (t) => {
    const { near } = await openLine(t);
    const writes = Array.from({ length: 4 }, () => near.write(new Uint8Array(400_000)));
    await near.close();
    const settled = await Promise.allSettled(writes);
    t.equal(settled.length, 4);
    for (const write of settled)
      if (write.status === 'rejected') t.match(write.reason, { code: 'port.closed' });
  });

  await t.test('nothing is delivered after the close has resolved', async (t) => {
    const { near, far } = await openLine(t);
    const atNear = collect(near);
    await near.close();
    await far.write(Uint8Array.of(1)).catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    t.same(atNear, []);
  });
}
