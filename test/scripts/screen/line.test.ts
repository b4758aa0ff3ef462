import * as fc from 'fast-check';
import t from 'tap';
import { beside, fit, line, lineColumns, span, textOf } from '../../../scripts/screen/line.js';

t.test('a line is cut or filled to its columns, Chinese or not', async (t) => {
  t.equal(textOf(fit(line('abc'), 5)), 'abc  ');
  t.equal(textOf(fit(line('请通行'), 8)), '请通行  ');
  t.equal(textOf(fit(line('请通行'), 5)), '请通 ', 'half a character is a space');
  t.equal(textOf(fit([span('ab'), span('请', 'bold'), span('cd')], 3)), 'ab ', 'nothing jumps over a cut');
  t.same(fit([span('ab', 'red')], 2), [{ text: 'ab', ink: 'red' }]);
});

t.test('whatever is in it, a fitted line has exactly its columns', async () => {
  const spans = fc.array(
    fc.string({ unit: fc.constantFrom('a', '请', '\u0301', '𠀀') }).map((text) => span(text)),
  );
  fc.assert(fc.property(spans, fc.nat(60), (line, columns) => lineColumns(fit(line, columns)) === columns));
});

t.test('columns stand side by side, and what is shorter is empty below', async (t) => {
  const left = { lines: [line('请通行'), line('b')], columns: 8 };
  const right = { lines: [line('one')], columns: 4 };
  t.same(beside([left, right], 3, ' | ').map(textOf), [
    '请通行   | one ',
    'b        |     ',
    '         |     ',
  ]);
});
