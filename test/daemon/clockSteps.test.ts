import t from 'tap';
import { CARD, OTHER_CARD, SteppedStreet } from './steppedStreet.js';

const YEARS_MS = 10 * 365.25 * 24 * 3600 * 1000;

/** The points of the story at which the wall clock may be moved. */
const POINTS = [
  'before the card',
  'after its text',
  'after the question',
  'before the verdict',
  'in mid-pulse',
  'in the dwell',
  'before the flush',
  'while central says nothing',
  'while an upload backs off',
  'while a hello backs off',
  'between hello and welcome',
] as const;
type Point = (typeof POINTS)[number];

/** One story, from the first card to a session lost and found; the same each time but for the wall clock. */
async function told(stepAt: Point | undefined, byMs = 0): Promise<readonly string[]> {
  const street = await SteppedStreet.open(stepAt, byMs);
  const { central, reader, disk, broker } = street;
  central.lifetimeMs = 20_000;
  central.answersQuestions = false;
  central.connect();
  const gate = await street.start();
  await street.run(500);

  street.reach('before the card');
  reader.put(CARD);
  await street.run(500);
  street.reach('before the verdict');
  street.answer();
  await street.run(100);
  street.reach('in mid-pulse');
  await street.run(1_000);
  street.reach('in the dwell');
  await street.run(3_000);

  disk.holdSyncs();
  reader.put(OTHER_CARD);
  await street.run(500);
  street.answer();
  street.reach('before the flush');
  await street.run(100);
  disk.releaseSyncs();
  await street.run(4_000);

  central.answersHello = false;
  central.acknowledges = false;
  reader.put(CARD);
  await street.run(1_000);
  street.reach('while central says nothing');
  await street.run(1_000);

  broker.reachable = false;
  await street.run(500);
  broker.reachable = true;
  // The batch goes again at once. An acknowledgement is waited for 5 s, and 0.5 s later it goes once more.
  await street.run(5_200);
  street.reach('while an upload backs off');
  // The question without an answer made the gate doubt its session after 12.7 s; the hello for a new one waits 5 s for
  // its welcome, and goes again 0.5 s later.
  await street.run(600);
  street.reach('while a hello backs off');
  await street.run(500);
  street.reach('between hello and welcome');
  await street.run(50);
  const hello = central.hellos.at(-1);
  if (hello === undefined) throw new Error('no hello');
  central.send('welcome', await central.welcome(hello.body));
  central.acknowledges = true;
  await street.run(8_000);
  await gate.stop();
  if (central.problems.length > 0) throw central.problems[0];
  if (street.clock.stepMs !== byMs) throw new Error(`the story has no point ${stepAt}`);
  return street.noted;
}

/** Both ways, at each point: the same as without. */
function stepsMoveNothing<P extends string>(
  tell: (stepAt: P | undefined, byMs?: number) => Promise<readonly string[]>,
  points: readonly P[],
  asItShouldBe: readonly string[],
): void {
  for (const point of points) {
    for (const [direction, byMs] of [
      ['forward', YEARS_MS],
      ['back', -YEARS_MS],
    ] as const) {
      t.test(`the wall clock goes ten years ${direction} ${point}: nothing else moves`, async (t) => {
        t.same(await tell(point, byMs), asItShouldBe);
      });
    }
  }
}

const timesOf = (noted: readonly string[], pattern: RegExp) =>
  noted.filter((line) => pattern.test(line)).map((line) => Number(line.split(' ')[0]));

const asItShouldBe = await told(undefined);

t.test('the story has what a step could spoil', async (t) => {
  const count = (pattern: RegExp) => asItShouldBe.filter((line) => pattern.test(line)).length;
  t.equal(count(/ gate=1$/), 3, 'three pulses');
  t.equal(count(/ green=0$/), 3, 'three dwells');
  t.equal(count(/ tap tap=.* by=central/), 2);
  t.equal(count(/ tap tap=.*sys\.timeout.* by=local/), 1);
  const times = (pattern: RegExp) => timesOf(asItShouldBe, pattern);
  t.same(
    times(/ up\/hello$/).slice(-2),
    [12_700, 18_200],
    'a new session, and its second try after a back-off',
  );
  t.ok(times(/ up\/events$/).includes(12_225), 'an upload whose answer was lost sent again at once');
  t.ok(times(/ up\/events$/).includes(17_725), 'and again after a back-off');
  t.ok(
    times(/ up\/events$/).some((atMs) => atMs > 18_200),
    'and at once when the session is there again',
  );
});

stepsMoveNothing(told, POINTS, asItShouldBe);

/** What a session's lifetime decides: when it is renewed, and until when it serves. */
const LIFETIME_POINTS = [
  'before a renewal',
  'after a renewal',
  "before a session's end",
  "after a session's end",
] as const;
const LIFETIME_MS = 8_000;

async function toldOfLifetimes(
  stepAt: (typeof LIFETIME_POINTS)[number] | undefined,
  byMs = 0,
): Promise<readonly string[]> {
  const street = await SteppedStreet.open(stepAt, byMs);
  const { central, reader } = street;
  central.lifetimeMs = LIFETIME_MS;
  central.connect();
  const gate = await street.start();
  await street.run(5_000);
  street.reach('before a renewal');
  await street.run(2_000);
  street.reach('after a renewal');
  // The first session is over, and the renewed one serves.
  await street.run(2_000);
  reader.put(CARD);
  await street.run(2_500);
  central.answersHello = false;
  await street.run(2_000);
  street.reach("before a session's end");
  reader.put(OTHER_CARD);
  await street.run(1_000);
  street.reach("after a session's end");
  await street.run(500);
  reader.put(CARD);
  await street.run(5_000);
  await gate.stop();
  if (central.problems.length > 0) throw central.problems[0];
  if (street.clock.stepMs !== byMs) throw new Error(`the story has no point ${stepAt}`);
  return street.noted;
}

const lifetimes = await toldOfLifetimes(undefined);

t.test(
  'the story of lifetimes has a renewal, a session that ends, and a tap on either side of it',
  async (t) => {
    t.same(timesOf(lifetimes, / up\/hello$/), [25, 6_125, 12_225, 17_725]);
    t.same(timesOf(lifetimes, / tap tap=.* by=central/), [9_350, 13_725]);
    const endMs = 6_125 + LIFETIME_MS;
    t.ok(9_350 > 25 + LIFETIME_MS && 13_725 < endMs);
    t.same(timesOf(lifetimes, / tap tap=.* by=local/), [16_900], 'the session ended, and nobody renewed it');
  },
);

stepsMoveNothing(toldOfLifetimes, LIFETIME_POINTS, lifetimes);
