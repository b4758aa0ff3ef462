import fc from 'fast-check';
import t from 'tap';
import { nearest } from '../../platform/suggest.js';

const KNOWN = ['device', 'site', 'lane', 'broker', 'readers', 'deadlineMs', 'dwellMs'];

for (const [word, meant] of [
  ['device', 'device'],
  ['DEVICE', 'device'],
  ['devise', 'device'],
  ['devic', 'device'],
  ['deviice', 'device'],
  ['reader', 'readers'],
  ['dwelMs', 'dwellMs'],
  ['sit', 'site'],
  ['xyz', undefined],
  ['', undefined],
  ['s', undefined],
  ['completelyother', undefined],
] as const) {
  t.test(`"${word}" ${meant === undefined ? 'is near nothing' : `was meant to be ${meant}`}`, async (t) => {
    t.equal(nearest(word, KNOWN), meant);
  });
}

t.test('with nothing known there is nothing to suggest', async (t) => t.equal(nearest('a', []), undefined));

t.test('of two the nearer one is meant, whichever comes first', async (t) => {
  t.equal(nearest('deadlinesMs', ['headlineMs', 'deadlineMs']), 'deadlineMs');
  t.equal(nearest('deadlinesMs', ['deadlineMs', 'headlineMs']), 'deadlineMs');
});

t.test('a known word is its own nearest, and one edit in a word is forgiven', async () => {
  fc.assert(
    fc.property(fc.constantFrom(...KNOWN), fc.nat(), fc.constantFrom('q', ''), (word, at, edit) => {
      const place = at % word.length;
      return (
        nearest(word, KNOWN) === word &&
        nearest(word.slice(0, place) + edit + word.slice(place + 1), KNOWN) === word
      );
    }),
  );
});

t.test('a word of megabytes is answered in no time', async (t) => {
  const before = process.cpuUsage();
  t.equal(nearest('x'.repeat(5_000_000), KNOWN), undefined);
  t.ok(process.cpuUsage(before).user < 500_000);
});
