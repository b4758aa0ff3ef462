import * as fc from 'fast-check';
import t from 'tap';
import { columnsOf, cutTo, printable } from '../../../scripts/screen/columns.js';

const WIDTHS: readonly (readonly [text: string, columns: number, why: string])[] = [
  ['', 0, 'nothing'],
  ['gate', 4, 'ASCII'],
  ['请通行', 6, 'Chinese takes two columns a character'],
  ['已登记请通行', 12, 'and so does a longer phrase'],
  ['，。', 4, 'Chinese punctuation'],
  ['ＡＢ', 4, 'fullwidth Latin'],
  ['ｱｲ', 2, 'halfwidth Katakana'],
  ['한국', 4, 'Hangul syllables'],
  ['𠀀', 2, 'an ideograph beyond the basic plane'],
  ['✓✗', 2, 'the shapes on the lamps are narrow'],
  ['é', 1, 'a letter with its accent'],
  ['e\u0301', 1, 'an accent on its own adds nothing'],
  ['a\u200bb', 2, 'a zero-width space adds nothing'],
  ['ñü', 2, 'Latin-1'],
];

for (const [text, columns, why] of WIDTHS) {
  t.test(`columns: ${why}`, async (t) => t.equal(columnsOf(text), columns, text));
}

t.test('a cut never halves a wide character', async (t) => {
  t.equal(cutTo('请通行', 6), '请通行');
  t.equal(cutTo('请通行', 5), '请通');
  t.equal(cutTo('请通行', 1), '');
  t.equal(cutTo('a请b', 3), 'a请');
  t.equal(cutTo('e\u0301x', 1), 'e\u0301', 'a mark stays with its letter');
});

t.test('whatever the text, a cut fits, and is its beginning', async () => {
  const mixed = fc.string({ unit: fc.constantFrom('a', ' ', '请', '\u0301', '𠀀', '✓') });
  fc.assert(
    fc.property(mixed, fc.nat(40), (text, columns) => {
      const cut = cutTo(text, columns);
      return columnsOf(cut) <= columns && text.startsWith(cut) && columnsOf(text) >= columnsOf(cut);
    }),
  );
});

t.test('text cannot drive the terminal', async (t) => {
  t.equal(printable('a\u001b[2Jb\rc\u202ed\u009be'), 'a?[2Jb?c?d?e');
});
