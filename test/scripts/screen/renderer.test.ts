import t from 'tap';
import { line } from '../../../scripts/screen/line.js';
import { Renderer } from '../../../scripts/screen/renderer.js';

const SIZE = { columns: 10, rows: 3 };
const shown = (text: string) => text.replaceAll('\u001b', '^');

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
