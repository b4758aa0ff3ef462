import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import t from 'tap';
import {
  keyPath,
  makeTicketKey,
  type RandomBytes,
  readTicketKeys,
  writeTicketKeys,
} from '../../../central/keys.js';
import { rotated, Tickets } from '../../../central/session/tickets.js';
import { ManualClock } from '../../../platform/clock.js';
import { silentLog } from '../../../platform/log.js';
import type { TicketContent } from '../../../protocol/wire/session.js';
import { until } from '../../support/waiting.js';
import { makeFolder, type TestScope } from '../harness.js';

const DAY_MS = 86_400_000;
const LIFETIME_MS = 12 * 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);

const seal = () => ({ cipherKey: randomBytes(16), macKey: randomBytes(32) });
const content = (): TicketContent => ({
  device: 'gz-bus-a1',
  deviceKey: '00112233aabbccdd',
  issuedMs: START_MS,
  expiresMs: START_MS + LIFETIME_MS,
  keys: { up: seal(), down: seal() },
});

async function open(
  t: TestScope,
  folder: string,
  clock = new ManualClock(START_MS),
  random: RandomBytes = randomBytes,
) {
  const tickets = await Tickets.open({
    folder,
    clock,
    random,
    log: silentLog,
    lifetimeMs: LIFETIME_MS,
  });
  t.teardown(() => tickets.close());
  return { tickets, clock };
}

t.test('a ticket opens to the session it was made of, until it expires', async (t) => {
  const { tickets, clock } = await open(t, await makeFolder(t));
  const made = content();
  const ticket = tickets.issue(made);
  const opened = await tickets.open(ticket);
  t.same(opened.ok && opened.value.content, made);
  clock.advance(LIFETIME_MS - 1);
  t.equal((await tickets.open(ticket)).ok, true);
  clock.advance(1);
  t.same(await tickets.open(ticket), { ok: false, reason: 'ticket-expired' }, 'from the cache too');
});

t.test('a forged, a cut and an invented ticket are unknown', async (t) => {
  const { tickets } = await open(t, await makeFolder(t));
  const ticket = tickets.issue(content());
  for (const at of [0, 8, 20, 60, ticket.length - 1]) {
    const forged = Buffer.from(ticket);
    forged[at] = (forged[at] ?? 0) ^ 1;
    t.same(await tickets.open(forged), { ok: false, reason: 'ticket-unknown' }, `byte ${at}`);
  }
  t.same(await tickets.open(ticket.subarray(0, 20)), { ok: false, reason: 'ticket-unknown' });
  t.same(await tickets.open(Buffer.alloc(0)), { ok: false, reason: 'ticket-unknown' });
});

t.test('another worker on the same folder opens it, also under a key made a moment ago', async (t) => {
  const folder = await makeFolder(t);
  const one = await open(t, folder, new ManualClock(START_MS + 2 * DAY_MS));
  const two = await open(t, folder);
  await one.tickets.rotate();
  const made = { ...content(), expiresMs: START_MS + 9 * DAY_MS };
  t.equal((await two.tickets.open(one.tickets.issue(made))).ok, true);
});

t.test('keys rotate daily and are destroyed when no session can need them', async (t) => {
  const key = (createdMs: number) => makeTicketKey(randomBytes, createdMs);
  const make = () => key(START_MS);
  const fresh = [key(START_MS - DAY_MS + 1)];
  t.equal(rotated(fresh, START_MS, LIFETIME_MS, make), fresh, 'nothing is due');
  const [day = key(0)] = [key(START_MS - DAY_MS)];
  t.same(
    rotated([day], START_MS, LIFETIME_MS, make).map(({ createdMs }) => createdMs),
    [START_MS, day.createdMs],
    'a new one in front, the old one serves on',
  );
  const old = key(START_MS - DAY_MS - LIFETIME_MS - 1);
  t.same(
    rotated([...fresh, old], START_MS, LIFETIME_MS, make).map(({ createdMs }) => createdMs),
    fresh.map(({ createdMs }) => createdMs),
    'too old',
  );
  t.equal(
    rotated([old], START_MS, LIFETIME_MS, make).length,
    1,
    'after a long sleep only the new one is left',
  );
});

t.test(
  'a key that a wrong clock has dated into the future is destroyed when the clock is right',
  async (t) => {
    const key = (createdMs: number) => makeTicketKey(randomBytes, createdMs);
    const make = () => key(START_MS);
    const [soon, years] = [key(START_MS + 60_000), key(START_MS + 3_650 * DAY_MS)];
    t.same(
      rotated([soon], START_MS, LIFETIME_MS, make),
      [soon],
      'another worker’s clock may be a little ahead',
    );
    t.same(
      rotated([years], START_MS, LIFETIME_MS, make).map(({ createdMs }) => createdMs),
      [START_MS],
    );
    const today = key(START_MS - 1);
    t.same(rotated([years, today], START_MS, LIFETIME_MS, make), [today], 'what is good stays');
  },
);

t.test('a ticket from the future is over: it would live until that future is', async (t) => {
  const { tickets } = await open(t, await makeFolder(t));
  const issued = (aheadMs: number) => ({
    ...content(),
    issuedMs: START_MS + aheadMs,
    expiresMs: START_MS + aheadMs + LIFETIME_MS,
  });
  t.equal((await tickets.open(tickets.issue(issued(60_000)))).ok, true, 'a minute is another worker’s clock');
  t.same(await tickets.open(tickets.issue(issued(3_650 * DAY_MS))), { ok: false, reason: 'ticket-expired' });
});

/** A clock that somebody sets while the program runs. */
class SteppedClock extends ManualClock {
  stepMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.stepMs;
  }
}

t.test('a clock that is set by years is noticed in seconds, both ways', async (t) => {
  const folder = await makeFolder(t);
  await writeTicketKeys(folder, [makeTicketKey(randomBytes, START_MS)]);
  const clock = new SteppedClock(START_MS);
  let lost = 0;
  const onLost = () => {
    lost += 1;
  };
  const log = silentLog;
  const tickets = await Tickets.open({
    folder,
    clock,
    random: randomBytes,
    log,
    lifetimeMs: LIFETIME_MS,
    onLost,
  });
  t.teardown(() => tickets.close());
  await tickets.keepRotating();
  clock.advance(60_000);
  for (const [at, stepMs] of [3_650 * DAY_MS, 0, -3_650 * DAY_MS, 0].entries()) {
    clock.stepMs = stepMs;
    clock.advance(5_000);
    await until(() => lost === at + 1, `the ${at + 1}. step told`);
    const keys = await readTicketKeys(folder);
    t.same(
      keys.map(({ createdMs }) => createdMs),
      [clock.wallMs()],
      'one key, of now',
    );
    const made = { ...content(), issuedMs: clock.wallMs(), expiresMs: clock.wallMs() + LIFETIME_MS };
    const ticket = tickets.issue(made);
    t.equal((await tickets.open(ticket)).ok, true);
  }
  clock.advance(DAY_MS / 24);
  clock.stepMs = 10_000;
  clock.advance(60_000);
  t.equal(lost, 4, 'a clock that is put right by seconds ends nothing');
});

t.test('a key file that was replaced while central runs is told, and a rotation is not', async (t) => {
  const folder = await makeFolder(t);
  await writeTicketKeys(folder, [makeTicketKey(randomBytes, START_MS)]);
  const clock = new ManualClock(START_MS);
  let lost = 0;
  const tickets = await Tickets.open({
    folder,
    clock,
    random: randomBytes,
    log: silentLog,
    lifetimeMs: LIFETIME_MS,
    onLost: () => {
      lost += 1;
    },
  });
  t.teardown(() => tickets.close());
  for (let days = 0; days < 4; days++) {
    clock.advance(DAY_MS);
    await tickets.rotate();
  }
  t.equal(lost, 0);
  await writeTicketKeys(folder, [makeTicketKey(randomBytes, clock.wallMs())]);
  while (lost === 0) {
    clock.advance(250);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(lost, 1);
});

t.test('a destroyed key is gone from the disk, and its tickets with it', async (t) => {
  const folder = await makeFolder(t);
  const [first] = await readTicketKeys(folder);
  const { tickets, clock } = await open(t, folder, new ManualClock(START_MS));
  const ticket = tickets.issue({ ...content(), expiresMs: START_MS + 99 * DAY_MS });
  clock.advance(3 * DAY_MS);
  await tickets.rotate();
  const text = await readFile(keyPath(folder, 'tickets'), 'utf8');
  t.notMatch(text, first?.macKey ?? 'none');
  t.equal((await stat(keyPath(folder, 'tickets'))).mode & 0o777, 0o600);
  const later = await open(t, folder, clock);
  t.same(await later.tickets.open(ticket), { ok: false, reason: 'ticket-unknown' });
});

t.test('rotation is looked at every hour', async (t) => {
  const folder = await makeFolder(t);
  await writeTicketKeys(folder, [makeTicketKey(randomBytes, START_MS)]);
  const { tickets, clock } = await open(t, folder);
  await tickets.keepRotating();
  let hours = 0;
  for (; (await readTicketKeys(folder)).length < 2; hours++) {
    clock.advance(DAY_MS / 24);
  }
  t.ok(hours >= 24, 'not before a day');
});

t.test('a session that is over is not kept in memory', async (t) => {
  const { tickets, clock } = await open(t, await makeFolder(t));
  const [asked, silent] = [tickets.issue(content()), tickets.issue(content())];
  const longer = tickets.issue({ ...content(), expiresMs: START_MS + 2 * LIFETIME_MS });
  for (const ticket of [asked, silent, longer]) await tickets.open(ticket);
  t.equal(tickets.remembered, 3);
  clock.advance(LIFETIME_MS);
  await tickets.open(asked);
  t.equal(tickets.remembered, 2, 'who asks learns that it is over, and it is forgotten');
  await tickets.rotate();
  t.equal(tickets.remembered, 1, 'who never asks again is found by the hourly look');
});

t.test('two workers that rotate at once make one key', async (t) => {
  const folder = await makeFolder(t);
  const KEY_BYTES = 16 + 32 + 8;
  let drawn = 0;
  const random = (bytes: number) => {
    drawn += bytes;
    return randomBytes(bytes);
  };
  const clock = new ManualClock(START_MS + DAY_MS);
  const workers = await Promise.all([open(t, folder, clock, random), open(t, folder, clock, random)]);
  await Promise.all(workers.map(({ tickets }) => tickets.rotate()));
  t.equal(drawn, KEY_BYTES);
  t.equal((await readTicketKeys(folder)).length, 2);
});

t.test('closed while it rotates, it does not look again', async (t) => {
  const { tickets, clock } = await open(t, await makeFolder(t));
  const HOUR_MS = 3_600_000;
  const delaysMs: number[] = [];
  clock.schedule = (delayMs) => {
    delaysMs.push(delayMs);
    return () => {};
  };
  await tickets.keepRotating();
  t.ok(delaysMs.includes(HOUR_MS));
  delaysMs.length = 0;
  const rotating = tickets.keepRotating();
  let done = false;
  void rotating.then(() => {
    done = true;
  });
  await tickets.close();
  t.ok(done, 'a rotation that is under way is waited for');
  t.notOk(delaysMs.includes(HOUR_MS));
});
