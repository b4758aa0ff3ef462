import { inspect } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { instantMs } from '../../../central/rules/instant.js';
import { type PeopleWarning, parsePeople } from '../../../central/rules/people.js';
import { messageOf } from '../../../protocol/errors.js';
import { ID_NUMBER, OTHER_NUMBER } from '../device.js';

const parse = (entries: unknown, warn?: (warning: PeopleWarning) => void) =>
  parsePeople(Buffer.from(JSON.stringify(entries)), warn);

t.test('a person is found by number, typed or read, and by card', async (t) => {
  const cards = [{ medium: 'senior', token: 'S0001' }];
  const people = parse([{ idNumber: ID_NUMBER, name: '王小明', healthCode: 'green', cards }]);
  t.equal(people.size, 1);
  const person = people.find('id-card', ID_NUMBER);
  t.equal(person?.name?.reveal(), '王小明');
  t.equal(people.find('typed', ID_NUMBER.toLowerCase()), person, 'a small x is an X');
  t.equal(people.find('senior', 'S0001'), person);
  t.equal(people.find('citizen', 'S0001'), undefined, 'another medium with the same token');
  t.equal(people.find('senior', ID_NUMBER), undefined, 'a card whose token looks like a number');
  t.equal(people.find('id-card', OTHER_NUMBER), undefined);
});

t.test('a number of 15 digits is the same person as its 18', async (t) => {
  const people = parse([{ idNumber: '110105491231002' }]);
  t.ok(people.find('id-card', ID_NUMBER));
  t.ok(people.find('typed', '110105491231002'));
});

t.test('what is wrong is named by entry and field, and never shown', async (t) => {
  const bad = (field: object) => [{ idNumber: OTHER_NUMBER }, { idNumber: ID_NUMBER, ...field }];
  const cases: [unknown, string][] = [
    [{}, 'it must be a list'],
    [[7], '[0] must be'],
    [[{ name: 'secret-name' }], '[0].idNumber'],
    [bad({ idNumber: '1101051949123100' }), '[1].idNumber'],
    [bad({ idNumber: 110105491231002 }), '[1].idNumber'],
    [bad({ name: 7 }), '[1].name'],
    [bad({ name: '' }), '[1].name'],
    [bad({ healthCode: 'secret-color' }), '[1].healthCode'],
    [bad({ healthCode: 'absent' }), '[1].healthCode'],
    [bad({ validUntil: 'tomorrow' }), '[1].validUntil'],
    [bad({ cards: {} }), '[1].cards'],
    [bad({ cards: [{ medium: 'library', token: 'S0001' }] }), '[1].cards[0].medium'],
    [bad({ cards: [{ medium: 'senior', token: 'a b' }] }), '[1].cards[0].token'],
    [bad({ visits: [{ site: 'gz', from: '2026-02-30', to: '2026-03-01' }] }), '[1].visits[0].from'],
    [bad({ visits: [{ site: 'gz', from: '2026-03-02', to: '2026-03-01' }] }), '[1].visits[0].to'],
    [bad({ visits: [{ site: 'G Z', from: '2026-03-01', to: '2026-03-01' }] }), '[1].visits[0].site'],
    [bad({ itinerary: 'Wuhan' }), '[1].itinerary'],
    [bad({ idNumber: OTHER_NUMBER }), '[1].idNumber'],
  ];
  for (const [entries, path] of cases) {
    t.throws(() => parse(entries), { code: 'people.bad' }, path);
    try {
      parse(entries);
    } catch (thrown) {
      const said = messageOf(thrown);
      t.ok(said.includes(path), `${said} names ${path}`);
      t.notMatch(said, /secret|\d{15}|Wuhan/, 'without its content');
    }
  }
});

t.test('one card cannot be two persons', async (t) => {
  const cards = [{ medium: 'senior', token: 'S0001' }];
  const entries = [
    { idNumber: ID_NUMBER, cards },
    { idNumber: OTHER_NUMBER, cards },
  ];
  t.throws(() => parse(entries), { message: /\[1\]\.cards\[0\]/ });
});

t.test('a key that nobody reads is a warning', async (t) => {
  const warnings: PeopleWarning[] = [];
  parse([{ idNumber: ID_NUMBER, helthCode: 'green' }], (warning) => warnings.push(warning));
  t.same(warnings, [{ entry: 0, key: 'helthCode' }]);
});

t.test('a person cannot be printed by accident', async (t) => {
  const person = parse([{ idNumber: ID_NUMBER, name: '王小明' }]).find('id-card', ID_NUMBER);
  const printed = `${JSON.stringify(person)} ${inspect(person, { depth: 9 })}`;
  t.notMatch(printed, ID_NUMBER);
  t.notMatch(printed, /王/);
});

t.test('no bytes make it throw anything but people.bad', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          parsePeople(bytes);
          return true;
        } catch (thrown) {
          return (thrown as { code?: string }).code === 'people.bad';
        }
      },
    ),
  );
});

t.test("times: with a zone, without one (then China's), and whole days", async (t) => {
  const cases: [string, 'first' | 'last', number | undefined][] = [
    ['2026-01-31T08:00:00+08:00', 'first', Date.UTC(2026, 0, 31)],
    ['2026-01-31T00:00:00Z', 'last', Date.UTC(2026, 0, 31)],
    ['2026-01-31T08:00', 'last', Date.UTC(2026, 0, 31)],
    ['2026-01-31', 'first', Date.UTC(2026, 0, 30, 16)],
    ['2026-01-31', 'last', Date.UTC(2026, 0, 31, 16) - 1],
    ['2026-06-31', 'first', undefined],
    ['2026-13-01', 'first', undefined],
    ['20260131', 'first', undefined],
    ['2026-01-31T25:00:00Z', 'first', undefined],
  ];
  for (const [text, end, expected] of cases) t.equal(instantMs(text, end), expected, `${text} ${end}`);
});
