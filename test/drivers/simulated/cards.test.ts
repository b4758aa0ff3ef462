import fc from 'fast-check';
import t from 'tap';
import { makeCard, readCardsFile } from '../../../drivers/simulated/cards.js';
import { decodeIdCard, encodeIdCard, type IdCard, LONG_TERM } from '../../../protocol/card/idCard.js';
import { checkDigit } from '../../../protocol/card/idNumber.js';

const RESIDENT = '11010519491231002X';

function roundTrip(card: IdCard): IdCard | undefined {
  const decoded = decodeIdCard(encodeIdCard(card));
  return decoded.ok ? decoded.card.reveal() : undefined;
}

const errorsOf = (json: string) => {
  const file = readCardsFile(json);
  return file.ok ? [] : file.errors.map(({ index, field, message }) => `${index} ${field} ${message}`);
};

t.test('a number makes a card of its own kind that a reader accepts', async (t) => {
  const cases = [
    [RESIDENT, 'resident'],
    ['110105491231002', 'resident'],
    ['440524188001010014', 'resident'],
    ['810000199408230021', 'permit'],
    ['830000199201300022', 'permit'],
    ['911840198001010013', 'foreigner-2023'],
    ['USA110080010111', 'foreigner-2017'],
    ['USA110000022911', 'foreigner-2017'],
  ] as const;
  for (const [number, kind] of cases) {
    const card = makeCard(number);
    t.equal(card.kind, kind, number);
    t.same(roundTrip(card), card, number);
  }
});

t.test('the same number makes the same card, another number another', async (t) => {
  t.same(makeCard(RESIDENT), makeCard(RESIDENT));
  t.not(JSON.stringify(makeCard(RESIDENT)), JSON.stringify(makeCard('440308199901101512')));
});

t.test('details are taken over', async (t) => {
  const details = {
    name: '样本',
    nation: '回',
    address: '某路',
    authority: '某局',
    validFrom: '20100101',
    validTo: '20200101',
  };
  t.match(makeCard(RESIDENT, details), { ...details, nation: '03' });
  t.match(makeCard(RESIDENT, { validTo: '长期' }), { validTo: LONG_TERM });
});

t.test('what is no number makes no card, and is not repeated in the error', async (t) => {
  t.throws(() => makeCard('110105194912310021'), {
    code: 'simulated-card.number',
    message: /^(?!.*1101).*$/,
  });
});

t.test('a file of cards is read', async (t) => {
  const file = readCardsFile(`[{"idNumber":"${RESIDENT}","name":"样本"},{"idNumber":"USA110080010111"}]`);
  t.match(file, { ok: true, cards: [{ name: '样本', number: RESIDENT }, { kind: 'foreigner-2017' }] });
  t.same(readCardsFile('[]'), { ok: true, cards: [] });
});

t.test('a file of people serves as a file of cards', async (t) => {
  const person = {
    idNumber: RESIDENT,
    name: '样本',
    healthCode: 'green',
    validUntil: '2030-01-01',
    cards: [{ medium: 'senior', token: 'x' }],
    visits: [],
  };
  t.match(readCardsFile(JSON.stringify([person])), { ok: true, cards: [{ name: '样本' }] });
});

t.test('what is wrong in a file is told by place and field', async (t) => {
  t.same(errorsOf('{'), ['undefined  the file is not JSON']);
  t.same(errorsOf('{}'), ['undefined  the file is not a JSON array']);
  const cases: readonly [object | string, string][] = [
    [{}, '1 idNumber is missing'],
    [{ idNumber: '110105194912310021' }, '1 idNumber is no ID number: check-digit'],
    [{ idNumber: RESIDENT, name: 5 }, '1 name has the wrong type or is not one of the choices'],
    [{ idNumber: RESIDENT, kind: 'permit' }, '1 kind the number is of a resident card'],
    [{ idNumber: RESIDENT, name: '测'.repeat(16) }, '1 name does not fit on the card'],
    [{ idNumber: RESIDENT, validTo: '20230229' }, '1 validTo not-a-date'],
    [{ idNumber: RESIDENT, birth: '19491230' }, '1 birth disagrees with number'],
    ['text', '1  has the wrong type or is not one of the choices'],
  ];
  for (const [entry, error] of cases) {
    t.same(errorsOf(JSON.stringify([{ idNumber: RESIDENT }, entry])), [error], error);
  }
});

t.test('errors of a file hold nothing that stands in it', async (t) => {
  const json = JSON.stringify([
    { idNumber: '110105194912310021', name: 5 },
    { idNumber: RESIDENT, birth: '19491230' },
  ]);
  t.notMatch(errorsOf(json).join(), /1949|1101/);
});

t.test('whatever the number, its card comes through the text block unchanged', async () => {
  const day = fc
    .date({ min: new Date('1900-01-01'), max: new Date('2025-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10).replaceAll('-', ''));
  const sequence = fc.nat(999).map((value) => String(value).padStart(3, '0'));
  const region = fc.constantFrom(
    '110105',
    '650102',
    '810000',
    '820000',
    '830000',
    '911840',
    '944000',
    '931156',
  );
  const number = fc.tuple(region, day, sequence).map((parts) => parts.join(''));
  fc.assert(
    fc.property(number, (first17) => {
      const card = makeCard(`${first17}${checkDigit(first17)}`);
      return JSON.stringify(roundTrip(card), sortedKeys(card)) === JSON.stringify(card, sortedKeys(card));
    }),
  );
});

function sortedKeys(card: IdCard): string[] {
  return Object.keys(card).sort();
}
