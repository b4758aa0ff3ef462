import t from 'tap';
import { Admissions } from '../../../central/judging/admissions.js';
import type { ChainedRecord } from '../../../central/ledger/batch.js';
import { unwrapWith } from '../../../central/ledger/reading.js';
import { DEFAULT_RULES } from '../../../central/rules/defaultRules.js';
import { parsePeople } from '../../../central/rules/people.js';
import { parseRules } from '../../../central/rules/rules.js';
import { ManualClock } from '../../../platform/clock.js';
import { createLog } from '../../../platform/log.js';
import { parseRecord } from '../../../protocol/journal/record.js';
import type { TapContent, VerdictContent } from '../../../protocol/journal/seal.js';
import { generateSm2KeyPair, sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { ID_NUMBER, TestJournal } from '../device.js';

const DEVICE = 'gz-bus-a1';
const { publicKey, privateKey } = generateSm2KeyPair();
const LEDGER_KEY = { id: keyId(publicKey), publicKey, privateKey };

function open(healthCode: string, trusted = true) {
  const people = parsePeople(Buffer.from(JSON.stringify([{ idNumber: ID_NUMBER, healthCode }])));
  const rules = parseRules(Buffer.from(JSON.stringify(DEFAULT_RULES)), 'rules.json');
  const lines: string[] = [];
  const journal = new TestJournal(DEVICE, 1, null, LEDGER_KEY, trusted);
  const stored = (): ChainedRecord[] =>
    journal.bodies.map((body, at) => {
      const parsed = parseRecord(body);
      if (!parsed.ok) throw new Error(parsed.reason);
      return { record: parsed.value, body, previous: journal.headAt(at), head: journal.headAt(at + 1) };
    });
  const admissions = new Admissions({
    unwrap: unwrapWith(LEDGER_KEY, async (ciphertext, key) => sm2Decrypt(ciphertext, key)),
    recordAt: async (_device, epoch, seq) =>
      stored().find(({ record }) => record.epoch === epoch && record.seq === seq)?.record,
    rules: () => rules,
    people: () => people,
    clock: new ManualClock(),
    log: createLog((line) => lines.push(line)),
  });
  return { admissions, journal, stored, lines };
}

const LOCAL: Partial<VerdictContent> = {
  outcome: 'undetermined',
  reasons: ['sys.timeout'],
  decidedBy: 'local',
};

t.test('who was admitted wrongly without a verdict, and who was not', async (t) => {
  const cases: [string, string, Partial<TapContent>, Partial<VerdictContent>, number][] = [
    ['a red code let in by the gate alone', 'red', {}, LOCAL, 1],
    ['a green code would have passed', 'green', {}, LOCAL, 0],
    ['central itself let somebody in', 'red', {}, {}, 0],
    ['an exit always opens', 'red', { direction: 'exit' }, LOCAL, 0],
    ['held, not admitted', 'red', {}, { ...LOCAL, action: 'hold+call-staff' }, 0],
    ['a newer card ended the wait', 'red', {}, { ...LOCAL, action: 'none' }, 0],
  ];
  for (const [name, healthCode, tap, verdict, expected] of cases) {
    const { admissions, journal, stored, lines } = open(healthCode);
    journal.verdict(journal.tap(tap), verdict);
    await admissions.stored(DEVICE, stored(), 0);
    t.equal(admissions.reported, expected, name);
    t.equal(lines.length, expected, name);
    t.notMatch(lines.join(), ID_NUMBER);
  }
});

t.test('the tap and its verdict may come in different batches, the key in an earlier life', async (t) => {
  const { admissions, journal, stored } = open('red');
  journal.verdict(journal.tap(), LOCAL);
  const [, , tap, verdict] = stored();
  if (tap === undefined || verdict === undefined) throw new Error('too few records');
  await admissions.stored(DEVICE, [tap], 0);
  await admissions.stored(DEVICE, [verdict], 0);
  t.equal(admissions.reported, 1);
  await admissions.stored(DEVICE, [verdict], 0);
  t.equal(admissions.reported, 1, 'a tap is judged once');
});

t.test('a second history of a device is judged by its own keys', async (t) => {
  const { admissions, journal, stored } = open('red');
  const other = open('red');
  for (const each of [journal, other.journal]) each.verdict(each.tap(), LOCAL);
  await admissions.stored(DEVICE, stored(), 0);
  await admissions.stored(DEVICE, other.stored(), 1);
  t.equal(admissions.reported, 2, 'a disk that was rolled back or cloned hides nobody');
  journal.verdict(journal.tap(), LOCAL);
  await admissions.stored(DEVICE, stored().slice(-2), 0);
  t.equal(admissions.reported, 3, 'and the first one goes on');
});

t.test(
  'who was admitted when the gate did not know the time is judged when it says what time it was',
  async (t) => {
    const { admissions, journal, stored } = open('red', false);
    journal.verdict(journal.tap(), LOCAL);
    await admissions.stored(DEVICE, stored(), 0);
    t.equal(admissions.reported, 0);
    journal.clock(90_000, Date.UTC(2026, 5, 1));
    await admissions.stored(DEVICE, stored().slice(-1), 0);
    t.equal(admissions.reported, 1);
    await admissions.stored(DEVICE, stored().slice(-1), 0);
    t.equal(admissions.reported, 1, 'once');
  },
);

t.test('a boot that never learned the time is judged by now when the next one has', async (t) => {
  const { admissions, journal, stored } = open('red', false);
  journal.verdict(journal.tap(), LOCAL);
  journal.clock(90_000, Date.UTC(2026, 5, 1), 'ffeeddccbbaa0099');
  await admissions.stored(DEVICE, stored(), 0);
  t.equal(admissions.reported, 1);
});
