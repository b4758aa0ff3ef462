import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { columnsOf } from '../../../scripts/screen/columns.js';
import { fit, type Line, line, lineColumns, type Size, span } from '../../../scripts/screen/line.js';
import { Renderer } from '../../../scripts/screen/renderer.js';

const SIZE = { columns: 10, rows: 3 };
const shown = (text: string) => text.replaceAll('\u001b', '^');

const SGR: Readonly<Record<string, string>> = { green: '32', yellow: '33', red: '31', bold: '1', faint: '2' };

/** What a line should leave in each column: a character with its attribute; behind a wide one, nothing. */
const cells = (spans: Line): string[] =>
  spans.flatMap(({ text, ink }) =>
    [...text].flatMap((character) => [
      `${SGR[ink ?? ''] ?? '0'}:${character}`,
      ...(columnsOf(character) === 2 ? [''] : []),
    ]),
  );

/** As much of a terminal as the renderer uses. */
class Screen {
  rows: string[][] = [];
  #row = 0;
  #column = 0;
  #ink = '0';

  constructor(private readonly size: Size) {}

  take(bytes: string): void {
    for (const [, parameters = '', order = '', character = ''] of shown(bytes).matchAll(
      /\^\[([\d;]*)([A-Za-z])|(.)/gu,
    )) {
      if (character !== '') this.#put(character);
      else this.#obey(order, parameters);
    }
  }

  #put(character: string): void {
    const row = this.rows[this.#row] ?? [];
    row[this.#column++] = `${this.#ink}:${character}`;
    if (columnsOf(character) === 2) row[this.#column++] = '';
  }

  #obey(order: string, parameters: string): void {
    const blank = () => Array.from({ length: this.size.columns }, () => '0: ');
    const [first = 1, second = 1] = parameters.split(';').map(Number);
    if (order === 'J') this.rows = Array.from({ length: this.size.rows }, blank);
    if (order === 'm') this.#ink = parameters;
    if (order === 'H') [this.#row, this.#column] = [first - 1, second - 1];
    if (order === 'K') {
      const row = this.rows[this.#row] ?? [];
      row.splice(this.#column, this.size.columns, ...blank().slice(this.#column));
    }
  }
}

t.test('the first picture clears the screen and writes its lines', async (t) => {
  const renderer = new Renderer(false);
  const bytes = renderer.update([line('one'), line(''), line('three')], SIZE);
  t.equal(shown(bytes), '^[0m^[2J^[1;1Hone^[K^[3;1Hthree^[K', 'an empty line is there already');
});

t.test('afterwards only lines that changed are written, and the same picture costs nothing', async (t) => {
  const renderer = new Renderer(false);
  renderer.update([line('one'), line('two'), line('three')], SIZE);
  t.equal(renderer.update([line('one'), line('two'), line('three')], SIZE), '');
  t.equal(shown(renderer.update([line('one'), line('TWO'), line('three')], SIZE)), '^[2;1HTWO^[K');
  t.equal(shown(renderer.update([line('one')], SIZE)), '^[2;1H^[K^[3;1H^[K', 'what is gone is wiped');
});

t.test('of a line that changed only the pieces that changed are written, where they stand', async (t) => {
  const renderer = new Renderer(false);
  const row = (...texts: readonly string[]) => [texts.map((text) => span(text))];
  renderer.update(row('请通', ' | ', 'ab', 'c'), SIZE);
  t.equal(shown(renderer.update(row('请通', ' | ', 'AB', 'c'), SIZE)), '^[1;8HAB', 'in the middle');
  t.equal(shown(renderer.update(row('same', ' | ', 'AB', 'c'), SIZE)), '^[1;1Hsame', 'at the beginning');
  t.equal(shown(renderer.update(row('same', ' | ', 'AB', 'd'), SIZE)), '^[1;10Hd', 'at the end');
  t.equal(shown(renderer.update(row('same', ' | ', 'd'), SIZE)), '^[1;8Hd^[K', 'shorter than before');
  t.equal(shown(renderer.update(row('sa', ' | ', 'd'), SIZE)), '^[1;1Hsa | d^[K', 'all that moved');
});

t.test('whatever came before, the screen shows the last picture', async () => {
  const piece = fc.record({
    text: fc.constantFrom('', 'a', 'bb', '请', '请通', ' | ', '   '),
    ink: fc.constantFrom('green' as const, 'bold' as const, undefined),
  });
  const spans = fc.array(piece, { maxLength: 5 });
  // Filled up as the demo's lines are, and as short as those of other pictures; none is wider than the screen.
  const row = fc.tuple(spans, fc.boolean()).map(([pieces, isFilled]) => {
    return isFilled || lineColumns(pieces) > SIZE.columns ? fit(pieces, SIZE.columns) : pieces;
  });
  const pictures = fc.array(fc.array(row, { maxLength: 4 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(pictures, (all) => {
      const renderer = new Renderer(true);
      const screen = new Screen(SIZE);
      for (const lines of all) {
        screen.take(renderer.update(lines, SIZE));
        const expected = Array.from({ length: SIZE.rows }, (_, at) =>
          cells(fit(lines[at] ?? [], SIZE.columns)),
        );
        if (!isDeepStrictEqual(screen.rows, expected))
          throw new Error(JSON.stringify({ shown: screen.rows, expected }));
      }
    }),
  );
});

t.test('a line as wide as the screen is not erased behind its end', async (t) => {
  const renderer = new Renderer(false);
  t.equal(shown(renderer.update([line('请通行请通')], SIZE)), '^[0m^[2J^[1;1H请通行请通');
});

t.test('what is longer than the screen stays out', async (t) => {
  const renderer = new Renderer(false);
  const bytes = renderer.update(
    ['a', 'b', 'c', 'd'].map((text) => line(text)),
    SIZE,
  );
  t.notMatch(bytes, /d/);
});

t.test('ink is a color where there is color, and nothing where there is none', async (t) => {
  const green = [line('ok', 'green')];
  t.match(shown(new Renderer(true).update(green, SIZE)), '^[32mok^[0m');
  t.equal(shown(new Renderer(false).update(green, SIZE)), '^[0m^[2J^[1;1Hok^[K');
});

t.test('after a change of size the picture is written anew', async (t) => {
  const renderer = new Renderer(false);
  renderer.update([line('one')], SIZE);
  renderer.forget();
  t.equal(shown(renderer.update([line('one')], SIZE)), '^[0m^[2J^[1;1Hone^[K');
});
