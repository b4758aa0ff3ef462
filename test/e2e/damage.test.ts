import t from 'tap';
import type { FrameDamage } from '../../drivers/simulated/samDamage.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

/** One beep that reading has begun, and two that ask for the card again. */
const BEEPS = 3;
/**
 * Kinds that leave no whole frame behind, and how often the buzzer goes on. `read-failed` is the module's own word
 * for it, and comes while the first beep still sounds.
 */
const SPOILED: readonly (readonly [Exclude<FrameDamage, 'false-header'> | 'read-failed', number])[] = [
  ['checksum', BEEPS],
  ['text', BEEPS],
  ['photo', BEEPS],
  ['truncate', BEEPS],
  ['insert', BEEPS],
  ['read-failed', BEEPS - 1],
];
/** So that a text is in, and believed, long before its frame turns out to be spoiled. */
const BAUD = 115_200;

const people = Array.from({ length: 8 }, (_, index) => elder(20 + index, { healthCode: 'green' }));
const person = (index: number) => people[index] ?? elder(20);
const site = await Site.open(t, { people });
const strict = await TestGate.open(site, { device: 'strict', baud: BAUD });
const lenient = await TestGate.open(site, { device: 'lenient', baud: BAUD, refind: 'always' });

for (const [index, [damage, beeps]] of SPOILED.entries()) {
  t.test(`a frame with damage "${damage}" is nobody, and the same card right after is read`, async (t) => {
    const from = strict.edges.count;
    const known = (await site.events(strict.device)).length;
    strict.reader.module.damage(damage);
    strict.put(person(index));
    await strict.edges.edge('buzzer', 1, from, beeps);
    strict.lift();
    t.same(strict.lamps(from), [], 'no lamp: it was a machine fault and nobody did wrong');
    t.same(strict.edges.since(from, 'gate'), []);

    const { tap, verdict } = await strict.visit(person(index), 'green');
    t.match(verdict, { outcome: 'pass', action: 'open' });
    const left = (await site.events(strict.device)).slice(known);
    t.same(
      left.filter(({ kind }) => kind === 'tap').map(({ seq }) => seq),
      [tap.seq],
      'one tap: the one that was read whole',
    );
    t.same(
      left.filter(({ kind }) => kind === 'verdict').map((line) => line.tap),
      [tap.seq],
      'and nothing was decided about any other',
    );
  });
}

t.test('a text that was believed before its frame failed is a void tap, and says why', async (t) => {
  const voided = (await site.events(strict.device)).filter(({ kind }) => kind === 'tap-void');
  t.ok(voided.length >= 3, `checksum, photo and truncate come after the text: ${voided.length}`);
  for (const line of voided) t.match(line, { kind: 'tap-void', reason: 'card.damaged' });
});

t.test('a false header that claims 65,535 bytes costs a good frame nothing', async (t) => {
  const from = strict.edges.count;
  strict.reader.module.damage('false-header');
  const { verdict } = await strict.visit(person(6), 'green');
  t.match(verdict, { outcome: 'pass', decidedBy: 'central' });
  t.equal(strict.edges.since(from, 'gate').filter(({ value }) => value === 1).length, 1);
});

t.test('a module that finds a card again reads it at the same gesture', async (t) => {
  const from = lenient.edges.count;
  lenient.reader.module.damage('photo');
  const { tap, verdict } = await lenient.visit(person(7), 'green');
  t.match(verdict, { outcome: 'pass' });
  t.same(lenient.lamps(from), ['green']);
  const kinds = (await site.events(lenient.device)).map(({ kind, seq }) => [kind, seq]);
  t.same(
    kinds.filter(([kind]) => kind === 'tap'),
    [['tap', tap.seq]],
  );
  t.equal(kinds.filter(([kind]) => kind === 'tap-void').length, 1, 'the first reading left a void tap');
});

t.test('a journal with void taps is whole', async (t) => {
  const { code, stdout } = await site.verify();
  t.equal(code, 0);
  t.match(stdout, /^strict ok: /m);
  t.match(stdout, /^lenient ok: /m);
});
