import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { screenRuns, screenSvg } from '../../../scripts/picture/screenSvg.js';
import { Renderer } from '../../../scripts/screen/renderer.js';
import { ROOT } from '../../e2e/support/child.js';

const WORDS = { title: 'a lane', description: 'what <can> be seen & read' };
const SIZE = { columns: 20, rows: 3 };
/** As `tmux capture-pane -p -e` gives a screen. */
const SCREEN = [
  '\u001b[1mgate\u001b[0m   \u001b[1m|     |\u001b[0m OPEN',
  '\u001b[32m((✓)) LIT\u001b[39m \u001b[2mwho <1>\u001b[0m',
  '请通行 a & b',
  'below the screen',
].join('\n');

const where = (screen: string) =>
  screenRuns(screen).map(({ text, row, column, columns }) => [text, row, column, columns]);

/** Every element is closed in its order, and every text is escaped. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  const rest = svg.replaceAll(
    /<(\/?)(\w+)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, ends, name, __, alone) => {
      if (ends === '/' && open.pop() !== name) open.push('!');
      if (ends === '' && alone === '') open.push(name);
      return '';
    },
  );
  return open.length === 0 && !/[<>]|&(?!amp;|lt;|gt;)/.test(rest);
}

t.test('each word stands at its own cell', async (t) => {
  t.same(where('gate   |     | OPEN'), [
    ['gate', 0, 0, 4],
    ['|', 0, 7, 1],
    ['| OPEN', 0, 13, 6],
  ]);
});

t.test('Chinese characters take two cells, and what follows them stands behind', async (t) => {
  t.same(where('请通行 a | 王b'), [
    ['请通行', 0, 0, 6],
    ['a |', 0, 7, 3],
    ['王', 0, 11, 2],
    ['b', 0, 13, 1],
  ]);
});

t.test('the look comes from the escape sequences, and goes on until it is changed', async (t) => {
  const looks = (screen: string) =>
    screenRuns(screen).map(({ text, color, bold }) => ({ text, color, bold }));
  const [plain] = looks('x');
  const [green, still, after] = looks('\u001b[1;32mon\non\u001b[0m off');
  t.match(green, { text: 'on', bold: true });
  t.not(green?.color, plain?.color);
  t.same(still, green, 'a line end changes nothing');
  t.same(after, { ...plain, text: 'off' });
  const [faint] = looks('\u001b[2mx\u001b[22m');
  t.not(faint?.color, plain?.color);
  t.same(
    looks('\u001b[0;38;5;9;48mx\u001b(B\u001b[K\u001b[?25l')[0]?.text,
    'x',
    'what is not known is left out',
  );
});

t.test('what the renderer of the screen writes is understood', async (t) => {
  const bytes = new Renderer(true).update([[{ text: 'red', ink: 'red' }, { text: ' plain' }]], {
    columns: 20,
    rows: 1,
  });
  const [red, plain] = screenRuns(bytes);
  t.match(
    [red, plain],
    [
      { text: 'red', column: 0 },
      { text: 'plain', column: 4 },
    ],
  );
  t.not(red?.color, plain?.color);
});

t.test('the picture is well-formed, has all that is on the screen, and nothing else', async (t) => {
  const svg = screenSvg(SCREEN, SIZE, WORDS);
  t.ok(isWellFormed(svg), svg);
  t.notOk(isWellFormed(svg.replace('</svg>', '')), 'a picture that is not would be noticed');
  t.match(svg, /<title id="title">a lane<\/title>/);
  t.match(svg, /what &lt;can&gt; be seen &amp; read/);
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)</g)].map(([, text]) => text);
  t.same(texts, ['gate', '|', '|', 'OPEN', '((✓)) LIT', 'who &lt;1&gt;', '请通行', 'a &amp; b']);
  t.notOk(svg.includes('\u001b'));
});

t.test('the length of each text is that of its cells, whatever the font', async (t) => {
  const svg = screenSvg('ab\n王王', SIZE, WORDS);
  const [narrow, wide] = [...svg.matchAll(/textLength="([\d.]+)"/g)].map(([, length]) => Number(length));
  t.equal(wide, 2 * (narrow ?? 0));
});

t.test('the picture in the README is there, and is one of the lane (npm run picture)', async (t) => {
  const path = join(ROOT, 'docs', 'demo.svg');
  if (!t.ok(existsSync(path))) return;
  const svg = readFileSync(path, 'utf8');
  t.ok(isWellFormed(svg));
  for (const word of ['the elder sees', 'central knows', 'the broker sees', '请通行'])
    t.ok(svg.includes(`>${word}<`), word);
});
