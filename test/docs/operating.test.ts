import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { CONDITIONS } from '../../daemon/conditions.js';
import { LANE_ALARMS } from '../../daemon/lane/alarms.js';
import { SAM_STATUSES } from '../../protocol/reader/samStatus.js';
import { SYSTEM_REASONS } from '../../protocol/verdict.js';
import { STATES } from '../../protocol/wire/messages.js';

/** The checkout, seen from `build/test/docs`. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}${path}`, 'utf8');

const operating = read('docs/operating.md');
const protocol = read('docs/wire-protocol.md');

/** The source of everything that writes a log. */
const SOURCES = ['daemon', 'drivers', 'platform', 'central', 'scripts/cli']
  .flatMap((room) => readdirSync(`${ROOT}${room}`, { recursive: true }).map((name) => `${room}/${name}`))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: read(path) }));

/** What a pattern finds in the source: its first group, each once. */
function inSource(pattern: RegExp, rooms = /./): string[] {
  const found = SOURCES.filter(({ path }) => rooms.test(path)).flatMap(({ text }) =>
    [...text.matchAll(pattern)].map(([, first = '']) => first),
  );
  return [...new Set(found)];
}

t.test('operating.md says what each state means', async (t) => {
  for (const state of STATES) t.match(operating, `| \`${state}\` |`, state);
  for (const condition of Object.keys(CONDITIONS)) t.match(operating, `| \`${condition}\` |`, condition);
});

t.test('operating.md says what each alarm means', async (t) => {
  const alarms = [...inSource(/alarm: '([a-z.-]+)'/g), ...LANE_ALARMS];
  t.ok(alarms.length >= 2, 'there are alarms');
  const [, section = ''] = operating.split('## Alarms');
  for (const alarm of alarms) {
    t.match(section, `| \`${alarm}\` |`, alarm);
    t.match(protocol, `| \`${alarm}\` |`, `${alarm} in wire-protocol.md`);
  }
});

t.test('operating.md says what each reason of the system means', async (t) => {
  for (const reason of Object.values(SYSTEM_REASONS)) {
    t.match(operating, `| \`${reason}\` |`, reason);
    t.match(protocol, `\`${reason}\``, `${reason} in wire-protocol.md`);
  }
});

t.test('operating.md says what ails a reader', async (t) => {
  const unwell = SAM_STATUSES.filter(({ handling }) => handling === 'alarm' || handling === 'reset');
  const ports = inSource(/'(port\.[a-z-]+)'/g, /^drivers\/ports\//).filter((code) => code !== 'port.bad-url');
  const modules = inSource(/'(sam\.[a-z-]+)'/g, /^drivers\/readers\//);
  t.ok(ports.length >= 5 && modules.length >= 3, 'there are reasons');
  for (const { name } of unwell) t.match(operating, `\`sam.${name}\``, name);
  for (const code of [...ports, ...modules]) t.match(operating, `\`${code}\``, code);
});

/** The words of every warning and error: what stands between a call and its fields. */
function wordsSaid(): string[] {
  const calls = inSource(/\b(?:warn|error)\(\s*([^;{]{0,300})/g);
  const links = inSource(/#(?:say|line)\(\s*([^;{]{0,100})/g, /^platform\/mqtt\//);
  const words = [...calls, ...links].flatMap((call) =>
    [...call.matchAll(/['`]([a-z][^'`$]*)/g)].map(([, text = '']) => text.trim()),
  );
  return [...new Set(words)].filter((text) => /^[a-z]+[ :][a-z]|^(?:alarm|stopping|dropped)$/.test(text));
}

t.test('operating.md says what to do at each warning and each error', async (t) => {
  const words = wordsSaid();
  t.ok(words.length >= 50, `${words.length} lines are found in the source`);
  // Of a sentence that explains itself the first part is enough.
  for (const line of words) t.ok(operating.includes(line.split(/[:?,] /)[0] ?? line), line);
});

t.test('operating.md says why a record cannot be opened', async (t) => {
  const reasons = inSource(/reason: '([a-z-]+)'/g, /^central\/ledger\/reading/);
  t.ok(reasons.length >= 3, 'there are reasons');
  for (const reason of reasons) t.match(operating, `\`${reason}\``, reason);
});

t.test('wire-protocol.md names each word by which a message is dropped', async (t) => {
  const words = [
    ...inSource(/reason: '([a-z-]+)'/g, /^central\/(?:session\/|ledger\/(?!reading))/),
    ...inSource(/drops\.count\('[a-z]+', [a-zA-Z.]+, '([a-z-]+)'/g, /^central\//),
    ...inSource(/(?:drop|onDropped)\('([a-z-]+)'\)/g, /^(?:daemon\/link|central)\//),
    ...inSource(/return '([a-z]+-[a-z-]+)';/g, /^central\/session\/sessions/),
  ];
  t.ok(words.length >= 30, `${words.length} words are found in the source`);
  const named = (word: string) =>
    protocol.includes(`\`${word}\``) ||
    protocol.includes(`\`${word.replace(/^(?:welcome|verdict|ack)-/, '')}\``);
  for (const word of words) t.ok(named(word), word);
});
