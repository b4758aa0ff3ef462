import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Child, CLI, ROOT } from '../e2e/support/child.js';
import { blocksOf, codeSpans, documents, readDocument, withoutRemarks } from './support/markdown.js';

/** One mention of a command: its words and its options. */
interface Mention {
  readonly words: readonly string[];
  readonly options: readonly string[];
}

/** Scripts that take options but have no `--help` of their own. */
const SCRIPTS_WITH_HELP = new Set(['demo', 'bench', 'soak', 'chaos', 'test', 'package']);
const WORD = /^[a-z][a-z-]*$/;

/** Everything that looks like code in a document: what stands in the running text, and the lines of shell blocks. */
function codeIn(document: string): string[] {
  const text = readDocument(document);
  const lines = blocksOf(text)
    .filter(({ language }) => language === 'sh')
    .flatMap((block) =>
      withoutRemarks(block.text)
        .replaceAll('\\\n', ' ')
        .split(/\n|\| |; /),
    );
  return [...codeSpans(text), ...lines].map((code) => code.trim());
}

/** The words and options that follow `name` in a piece of code. */
function mentionsOf(name: RegExp, codes: readonly string[]): Mention[] {
  return codes.flatMap((code) => {
    const at = name.exec(code);
    if (at === null) return [];
    const rest = code
      .slice(at.index + at[0].length)
      .trim()
      .split(/\s+/);
    const first = rest.findIndex((word) => !WORD.test(word));
    const words = first === -1 ? rest : rest.slice(0, first);
    return [
      {
        words,
        options: rest.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split('=')[0] ?? ''),
      },
    ];
  });
}

const all = documents().map((document) => ({ document, codes: codeIn(document) }));

/** The help texts, by the command that tells them; each is asked for once. */
const helps = new Map<string, Promise<string>>();

async function askHelp(command: string, argv: readonly string[]): Promise<string> {
  const child = new Child(t, command, command, [...argv, '--help']);
  child.hush();
  const { code } = await child.exited;
  return code === 0 ? child.stdout : '';
}

function helpOf(command: string, argv: readonly string[] = []): Promise<string> {
  const key = [command, ...argv].join(' ');
  const help = helps.get(key) ?? askHelp(command, argv);
  helps.set(key, help);
  return help;
}

const cardpadHelp = (words: readonly string[]): Promise<string> => helpOf(process.execPath, [CLI, ...words]);

/** The words of a mention that are commands: the others are arguments. */
async function commandOf(
  words: readonly string[],
): Promise<{ readonly path: string[]; readonly help: string }> {
  const path: string[] = [];
  let help = await cardpadHelp(path);
  for (const word of words) {
    if (!new RegExp(`^  ${word} `, 'm').test(help) || !/ COMMAND --help says more/.test(help)) break;
    path.push(word);
    help = await cardpadHelp(path);
  }
  return { path, help };
}

for (const { document, codes } of all) {
  t.test(`${document}: every cardpad command and option that it names is known to the program`, async (t) => {
    const inFull = mentionsOf(/^(?:scripts\/)?cardpad(?= )/, codes);
    const short = mentionsOf(/^(?=(?:central|config|simulate) [a-z])/, codes);
    for (const { words, options } of [...inFull, ...short]) {
      const { path, help } = await commandOf(words);
      const isWhole = path.length > 0 && !/ COMMAND --help says more/.test(help);
      t.ok(isWhole, `cardpad ${words.join(' ')}`);
      for (const option of options) t.ok(help.includes(option), `cardpad ${path.join(' ')} ${option}`);
    }
  });

  t.test(`${document}: every script and its options are there`, async (t) => {
    for (const code of codes) {
      const [, name, rest = ''] = /^scripts\/([a-z-]+)(?= |$)(.*)/.exec(code) ?? [];
      if (name === undefined || name === 'cardpad') continue;
      t.ok(existsSync(join(ROOT, 'scripts', name)), code);
      const options = rest.match(/--[a-z][a-z-]*/g) ?? [];
      if (options.length === 0 || !t.ok(SCRIPTS_WITH_HELP.has(name), code)) continue;
      const help = await helpOf(join(ROOT, 'scripts', name));
      for (const option of options) t.ok(help.includes(option), code);
    }
  });

  t.test(`${document}: what it says of npm is in package.json`, async (t) => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    for (const code of codes) {
      const name = /^npm run ([a-z:-]+)/.exec(code)?.[1];
      if (name !== undefined) t.ok(Object.keys(scripts).includes(name), code);
    }
  });
}

t.test('a command that is not there would be noticed', async (t) => {
  const mention = async (code: string) => {
    const [found] = mentionsOf(/^cardpad(?= )/, [code]);
    return commandOf(found?.words ?? []);
  };
  t.same((await mention('cardpad doctor --config FILE')).path, []);
  t.same((await mention('cardpad central enroll --revoke DEVICE')).path, ['central', 'enroll']);
  t.notOk((await mention('cardpad central enrol FILE')).help.includes('--revoke'));
  t.notOk((await mention('cardpad run')).help.includes('--conf '));
});
