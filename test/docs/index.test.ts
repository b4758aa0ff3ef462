import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from '../e2e/support/child.js';
import { codeSpans, documents, readDocument } from './support/markdown.js';

interface Place {
  readonly question: string;
  readonly path: string;
  readonly symbols: readonly string[];
}

const HEADING = '## Where is X decided?';
const QUESTIONS = 10;
/** Of the file's own level, exported or not. */
const definitionOf = (symbol: string): RegExp =>
  new RegExp(`^(?:export )?(?:async )?(?:function|const|class|interface|type) ${symbol}\\b`, 'm');
/** A path from the checkout's own level; shorter ones stand beside a longer one. */
const PATH = /^(?:protocol|platform|drivers|daemon|central|scripts|test|docs)\/[\w./-]*$/;
const SYMBOL = /^[A-Za-z_]\w*$/;

/** The first table below the heading; a row without a question goes on with the one above it. */
function indexIn(page: string): Place[] {
  const section = page.slice(page.indexOf(`${HEADING}\n`)).split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  let question = '';
  return rows.slice(1).map((row) => {
    const [asked = '', path = '', by = ''] = row.split('|').slice(1, -1);
    if (asked.trim() !== '') question = asked.trim();
    const symbols = codeSpans(by).filter((code) => SYMBOL.test(code));
    return { question, path: codeSpans(path)[0] ?? '', symbols };
  });
}

const places = indexIn(readDocument('docs/architecture.md'));
/** Words of the wire that look like names of code. */
const OUTCOME_WORDS = new Set(['undetermined', 'attend', 'local']);

t.test('the index answers ten questions', async (t) => {
  const questions = new Set(places.map(({ question }) => question));
  t.equal(questions.size, QUESTIONS, [...questions].join('\n'));
});

for (const { question, path, symbols } of places) {
  t.test(`${question} ${path}`, async (t) => {
    if (!t.ok(existsSync(join(ROOT, path)), 'the file is there')) return;
    const source = readFileSync(join(ROOT, path), 'utf8');
    const named = symbols.filter((symbol) => !OUTCOME_WORDS.has(symbol));
    t.ok(named.length > 0, 'and something in it is named');
    for (const symbol of named) t.match(source, definitionOf(symbol), symbol);
  });
}

t.test('every path that a document names is there', async (t) => {
  for (const document of documents()) {
    const paths = codeSpans(readDocument(document)).filter((code) => PATH.test(code));
    const missing = paths.filter((path) => !existsSync(join(ROOT, path)));
    t.same(missing, [], `${document} names ${paths.length}`);
  }
});

t.test('every link between documents leads to a file, and to a heading where it names one', async (t) => {
  for (const document of documents()) {
    const text = readDocument(document);
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    for (const target of targets.filter((link) => !/^[a-z]+:/.test(link))) {
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? document : join(document, '..', file);
      if (!t.ok(existsSync(join(ROOT, path)), `${document}: ${target}`) || anchor === undefined) continue;
      t.ok(anchorsIn(readDocument(path)).includes(anchor), `${document}: ${target}`);
    }
  }
});

/** As GitHub makes them from headings. */
function anchorsIn(page: string): string[] {
  const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}
