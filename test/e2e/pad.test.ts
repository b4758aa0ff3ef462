import t from 'tap';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

/** Several times what one visit takes. */
const READS_OF_A_RESTING_CARD = 6;

const resting = [elder(70, { healthCode: 'green' }), elder(71, { healthCode: 'green' })] as const;
const next = [elder(72, { healthCode: 'green' }), elder(73, { healthCode: 'green' })] as const;
const site = await Site.open(t, { people: [...resting, ...next] });

const countOf = async (gate: TestGate, kind: string) =>
  (await site.events(gate.device)).filter((line) => line.kind === kind).length;

/** Waits until a person's lamp has been shown for its 3 s: the time after which the same card counts again. */
async function outcomeShown(gate: TestGate, from: number): Promise<void> {
  await gate.edges.edge('green', 0, from);
}

t.test('a card left on the pad counts once, with a module that reads it again and again', async (t) => {
  const gate = await TestGate.open(site, { device: 'always', refind: 'always' });
  const from = gate.edges.count;
  gate.put(resting[0]);
  await gate.stored(0);
  await gate.read(gate.cardsRead + READS_OF_A_RESTING_CARD);
  await outcomeShown(gate, from);
  await gate.read(gate.cardsRead + READS_OF_A_RESTING_CARD);
  t.equal(gate.edges.since(from, 'gate').filter(({ value }) => value === 1).length, 1, 'one pulse');
  t.equal(await countOf(gate, 'tap'), 1, 'one tap, also after the lamp went dark');

  gate.lift();
  gate.put(resting[0]);
  await gate.read(gate.cardsRead + READS_OF_A_RESTING_CARD);
  t.equal(await countOf(gate, 'tap'), 1, 'nor does it count when it is lifted and put back at once');

  gate.lift();
  const second = gate.edges.count;
  await gate.visit(next[0], 'green');
  await outcomeShown(gate, second);
  const { tap } = await gate.visit(resting[0], 'green');
  t.equal(await countOf(gate, 'tap'), 3, '3 s after it was taken away it counts again');
  t.equal(await countOf(gate, 'verdict'), 3);
  t.ok(tap.seq > 0);
});

t.test('a card left on the pad counts once, with a module that finds it once', async (t) => {
  const gate = await TestGate.open(site, { device: 'once', refind: 'until-lifted' });
  const from = gate.edges.count;
  gate.put(resting[1]);
  await gate.stored(0);
  await outcomeShown(gate, from);
  t.equal(gate.cardsRead, 1, 'the module hides a card that it has read');
  t.equal(await countOf(gate, 'tap'), 1);
  gate.lift();
  await gate.visit(resting[1], 'green');
  t.equal(await countOf(gate, 'tap'), 2, 'it counts again once it was taken away, 3 s after it was seen');
});
