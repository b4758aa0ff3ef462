import fc from 'fast-check';
import t from 'tap';
import { checkDigit, parseIdNumber, upgradeIdNumber } from '../../../protocol/card/idNumber.js';

t.test('published and computed numbers are read', async (t) => {
  const cases = [
    ['11010519491231002X', 'resident', '19491231', 'female'],
    ['440524188001010014', 'resident', '18800101', 'male'],
    ['440308199901101512', 'resident', '19990110', 'male'],
    ['810000199408230021', 'permit', '19940823', 'female'],
    ['830000199201300022', 'permit', '19920130', 'female'],
    ['911840198001010013', 'foreigner-2023', '19800101', 'male'],
    ['USA110080010111', 'foreigner-2017', '800101', undefined],
  ] as const;
  for (const [text, kind, birth, sex] of cases) {
    t.same(parseIdNumber(text), { ok: true, number: { kind, number: text, birth, sex } }, text);
  }
});

t.test('a text that is no number is refused with the reason', async (t) => {
  const cases = [
    ['110105194912310021', 'check-digit', 'wrong check character'],
    ['440524189001010014', 'check-digit', 'another year under the same check character'],
    ['820000198812310013', 'check-digit', 'wrong check character of a permit'],
    ['911840198001010014', 'check-digit', "wrong check character of a foreigner's number"],
    ['', 'length', 'nothing'],
    ['1101051949123100', 'length', 'too short'],
    ['11010519491231002X ', 'length', 'a space behind it'],
    [' 1010519491231002X', 'character', 'a space in front'],
    ['1101051949123100 X', 'character', 'a space inside'],
    ['１10105194912310021', 'character', 'a full-width digit'],
    ['１１０１０５１９４９１２３１００２Ｘ', 'character', 'all full-width'],
    ['11010519491231002×', 'character', 'a multiplication sign for X'],
    ['1101051949123100X2', 'character', 'X in front of the end'],
    ['11010519491231002\n', 'character', 'a line end'],
    ['11010519491231002\0', 'character', 'a NUL'],
    ['٣10105194912310021', 'character', 'an Arabic digit'],
    ['110105194913310025', 'birth', 'month 13'],
    ['110105194900310023', 'birth', 'month 0'],
    ['110105194904310025', 'birth', '31 April'],
    ['110105199902290015', 'birth', '29 February of a common year'],
    ['110105190002290018', 'birth', '29 February 1900'],
    ['110105000001010018', 'birth', 'the year 0'],
    ['990105194912310020', 'region', 'no such province'],
    ['160105194912310020', 'region', 'no such province'],
    ['981840198001010013', 'region', "no such province in a foreigner's number"],
    ['810000940823002', 'region', 'a permit of 15 digits, which never was'],
    ['USA990080010111', 'region', 'no such province'],
    ['USA110080023011', 'birth', '30 February'],
    ['US1110080010111', 'character', 'two letters'],
  ] as const;
  for (const [text, reason, title] of cases) t.same(parseIdNumber(text), { ok: false, reason }, title);
});

t.test('29 February of a leap year is a birthday', async (t) => {
  for (const first17 of ['11010520000229001', '11010519960229001']) {
    t.match(parseIdNumber(`${first17}${checkDigit(first17)}`), { ok: true }, first17);
  }
  t.match(parseIdNumber('USA110000022911'), { ok: true }, 'of 2000, where the century is not told');
});

t.test('lower case becomes upper case', async (t) => {
  t.match(parseIdNumber('11010519491231002x'), { number: { number: '11010519491231002X' } });
  t.match(parseIdNumber('usa110080010111'), { number: { number: 'USA110080010111' } });
});

t.test('a number of 15 digits becomes one of 18', async (t) => {
  t.equal(upgradeIdNumber('110105491231002'), '11010519491231002X');
  t.match(parseIdNumber('110105491231002'), {
    ok: true,
    number: { number: '11010519491231002X', kind: 'resident' },
  });
  t.match(parseIdNumber('610104620927690'), { ok: true, number: { birth: '19620927' } });
});

t.test('the sequences of centenarians in 15 digits mean the nineteenth century', async (t) => {
  for (const sequence of ['996', '997', '998', '999']) {
    t.match(parseIdNumber(`110105951231${sequence}`), { number: { birth: '18951231' } }, sequence);
  }
  t.match(parseIdNumber('110105951231995'), { number: { birth: '19951231' } });
});

t.test('only 15 ASCII digits are upgraded', async (t) => {
  for (const text of ['', '11010549123100', '1101054912310021', '11010549123100X', '１10105491231002']) {
    t.equal(upgradeIdNumber(text), undefined, text);
  }
});

t.test("the contested check digit of a foreigner's earlier number turns nobody away", async (t) => {
  for (const last of '0123456789') t.match(parseIdNumber(`USA11008001011${last}`), { ok: true }, last);
});

t.test('a check character is given for 17 digits only', async (t) => {
  t.equal(checkDigit('11010519491231002'), 'X');
  for (const text of ['1101051949123100', '110105194912310020', '1101051949123100X']) {
    t.equal(checkDigit(text), undefined, text);
  }
});

const digits = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length })
    .map((list) => list.join(''));
const day = fc
  .date({ min: new Date('1900-01-01'), max: new Date('2099-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10).replaceAll('-', ''));
const validNumber = fc
  .tuple(fc.constantFrom('110105', '440308', '810000', '911840', '710000'), day, digits(3))
  .map((parts) => parts.join(''))
  .map((first17) => `${first17}${checkDigit(first17)}`);

t.test('every number built by the rule is read', async () => {
  fc.assert(fc.property(validNumber, (number) => parseIdNumber(number).ok));
});

t.test('one wrong character or two neighbors swapped is always noticed', async () => {
  const slip = fc.tuple(fc.nat(17), fc.constantFrom(...'0123456789X'), fc.boolean());
  fc.assert(
    fc.property(validNumber, slip, (number, [place, other, swap]) => {
      const characters = [...number];
      const here = characters[place] ?? '';
      const next = characters[place + 1];
      if (swap && next !== undefined) [characters[place], characters[place + 1]] = [next, here];
      else characters[place] = other;
      const typed = characters.join('');
      return typed === number || !parseIdNumber(typed).ok;
    }),
  );
});

t.test('no text makes the parser throw', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 18, maxLength: 18 }));
  fc.assert(fc.property(text, (anything) => typeof parseIdNumber(anything).ok === 'boolean'));
});
