import fc from 'fast-check';
import t from 'tap';
import {
  type DecodedIdCard,
  decodeIdCard,
  documentValidity,
  encodeIdCard,
  type IdCard,
  LONG_TERM,
} from '../../../protocol/card/idCard.js';
import { encodeSamFrame, SamParser } from '../../../protocol/reader/samFrame.js';
import { blockOf, idCards } from './vectors.js';

type Kind = IdCard['kind'];

/** The block of a vector card with a text written over it at a byte offset. */
function written(kind: Kind, offset: number, text: string): Buffer {
  const block = blockOf(kind);
  block.write(text, offset, 'utf16le');
  return block;
}

function problemsOf(decoded: DecodedIdCard): string[] {
  if (decoded.ok) return [];
  return decoded.problems.map(
    ({ field, fault, with: other }) => `${field} ${fault}${other ? ` with ${other}` : ''}`,
  );
}

function cardOf(block: Uint8Array): IdCard | undefined {
  const decoded = decodeIdCard(block);
  return decoded.ok ? decoded.card.reveal() : undefined;
}

t.test('a card of each kind is read, and written the same again', async (t) => {
  for (const { title, block, card } of idCards.cards) {
    t.same(cardOf(Buffer.from(block, 'hex')), card, title);
    t.equal(encodeIdCard(card).toString('hex').toUpperCase(), block, title);
  }
});

t.test('the vector blocks give the published checksum on the wire', async (t) => {
  for (const { title, block, wireCheck } of idCards.cards) {
    const payload = Buffer.concat([
      Buffer.from('00009001000400', 'hex'),
      Buffer.from(block, 'hex'),
      Buffer.alloc(1024),
    ]);
    t.equal(encodeSamFrame(payload).at(-1), Number.parseInt(wireCheck, 16), title);
  }
});

t.test('a card hides what it says from logs', async (t) => {
  t.equal(JSON.stringify(decodeIdCard(blockOf('resident'))), '{"ok":true,"card":"[personal]"}');
});

t.test('problems name fields and never what stands in them', async (t) => {
  const decoded = decodeIdCard(written('resident', 122, '440524188001010014'));
  t.notOk(decoded.ok);
  t.notMatch(JSON.stringify(decoded), /[0-9]|测/);
});

t.test('a block is turned away where its fields contradict one another', async (t) => {
  const cases: readonly [Kind, number, string, readonly string[], string][] = [
    ['resident', 122, '110105194912310021', ['number check-digit'], 'check character'],
    [
      'resident',
      122,
      '440524188001010014',
      ['birth disagrees with number', 'sex disagrees with number'],
      'other number',
    ],
    ['resident', 36, '19491230', ['birth disagrees with number'], 'birth'],
    ['resident', 30, '1', ['sex disagrees with number'], 'sex'],
    ['resident', 30, '0', ['sex disagrees with number'], 'sex not known, though the number tells it'],
    ['resident', 122, '810000199408230021', ['number wrong-kind'], 'the number of a permit'],
    ['resident', 122, '110105491231002   ', ['number character'], 'a number of 15 digits, padded'],
    ['resident', 188, '19491230', ['validFrom disagrees with birth'], 'valid before birth'],
    ['resident', 204, '20191231', ['validTo disagrees with validFrom'], 'ends before it begins'],
    ['permit', 122, '11010519491231002X', ['number wrong-kind'], "a resident's number on a permit"],
    ['permit', 36, '19940824', ['birth disagrees with number'], 'birth on a permit'],
    ['foreigner-2017', 152, 'CAN', ['nationality disagrees with number'], 'nationality'],
    ['foreigner-2017', 220, '19800102', ['birth disagrees with number'], 'birth'],
    [
      'foreigner-2017',
      220,
      '18800101',
      ['validFrom disagrees with birth'],
      'a birth 138 years before the card',
    ],
    ['foreigner-2023', 242, 'CAN', ['nationality disagrees with number'], 'nationality'],
    ['foreigner-2023', 242, 'QQQ', ['nationality unknown-code'], 'a nationality that is none'],
    ['foreigner-2023', 30, '2', ['sex disagrees with number'], 'sex'],
  ];
  for (const [kind, offset, text, problems, title] of cases) {
    t.same(problemsOf(decodeIdCard(written(kind, offset, text))), problems, `${kind}: ${title}`);
  }
});

t.test('a field that cannot be what it should be is named', async (t) => {
  const cases: readonly [number, string, readonly string[], string][] = [
    [0, '  ', ['name empty'], 'no name'],
    [0, ' 测', ['name padding'], 'a space before the name'],
    [4, '\0', ['name character'], 'a NUL behind the name'],
    [4, '\u3000', ['name padding'], 'an ideographic space as padding'],
    [4, '\u00a0', ['name padding'], 'a no-break space as padding'],
    [4, '!', ['name character'], 'a space with its lowest bit flipped'],
    [10, 'A', ['name padding'], 'a letter far behind the name'],
    [2, '\n', ['name character'], 'a line end in the name'],
    [2, '\u202e', ['name character'], 'a mark that turns the text around'],
    [2, '\ud842', ['name character'], 'half a character'],
    [2, '\uffff', ['name character'], 'erased memory'],
    [30, '3', ['sex unknown-code'], 'no such sex'],
    [32, '00', ['nation unknown-code'], 'no nation'],
    [32, '1 ', ['nation unknown-code'], 'half a nation'],
    [36, '19490231', ['birth not-a-date'], '31 February'],
    [36, '1949123 ', ['birth not-a-date'], 'a day of one digit'],
    [52, '\u0007', ['address character'], 'a bell in the address'],
    [158, '测\0', ['authority character'], 'a NUL in the authority'],
    [188, '        ', ['validFrom not-a-date'], 'no first day'],
    [204, '20230229', ['validTo not-a-date'], '29 February of a common year'],
    [204, '长期\0\0\0\0\0\0', ['validTo not-a-date'], '长期 with NUL behind it'],
    [204, '长期    .', ['validTo not-a-date'], '长期 and more'],
    [220, ' x', ['reserved padding'], 'something in the reserved place'],
    [250, '\0', ['reserved padding'], 'a NUL in the reserved place'],
    [248, 'K', ['kind unsupported'], 'a letter that no layout has'],
    [248, '\u2020', ['kind unsupported'], 'no letter at all'],
  ];
  for (const [offset, text, problems, title] of cases) {
    t.same(problemsOf(decodeIdCard(written('resident', offset, text))), problems, title);
  }
});

t.test('text is followed by blanks only, and reserved places are blank', async (t) => {
  const cases: readonly [Kind, number, string, readonly string[], string][] = [
    ['resident', 186, '\u2020', ['authority padding'], 'a dagger at the end of a blank tail'],
    ['resident', 120, '\u2020', ['address padding'], 'a dagger at the end of a blank tail'],
    ['resident', 74, '\u2020', ['address character'], 'a dagger right behind the text'],
    ['resident', 74, '\u3000', ['address padding'], 'a wide space as padding'],
    ['resident', 74, '\u00a0', ['address padding'], 'a no-break space as padding'],
    ['resident', 52, ' ', ['address padding'], 'a space before the address'],
    ['resident', 52, '广  ', ['address padding'], 'two spaces inside the address'],
    ['resident', 52, '广 \u3000', ['address padding'], 'two spaces, narrow and wide'],
    ['resident', 52, '广$', ['address character'], 'a mark that no address has'],
    ['resident', 52, '广Ġ', ['address character'], 'a letter that no address has'],
    ['resident', 158, '测 ', ['authority padding'], 'a space inside the authority'],
    ['resident', 158, '测`', ['authority character'], 'a mark that no authority has'],
    ['resident', 4, '\u2020', ['name character'], 'a dagger right behind the name'],
    ['permit', 32, '01', ['reserved padding'], 'a nation on a permit'],
    ['permit', 34, '\u2020', ['reserved padding'], 'a dagger in the place of the nation'],
    ['permit', 242, '0', ['reserved padding'], 'something behind the issue count'],
    ['permit', 246, '\0', ['reserved padding'], 'a NUL before the kind'],
    ['permit', 250, '!', ['reserved padding'], 'something behind the kind'],
    ['permit', 254, '\u4020', ['reserved padding'], 'something at the very end'],
    ['permit', 220, 'h', ['travelPermit character'], 'a small letter in the travel permit'],
    ['permit', 222, ' ', ['travelPermit character'], 'a space inside the travel permit'],
    ['permit', 238, ' 1', ['issueCount character'], 'a space before the issue count'],
    ['permit', 238, '0A', ['issueCount character'], 'a letter in the issue count'],
    ['foreigner-2017', 118, 'A', ['name padding'], 'a letter far behind the name'],
    ['foreigner-2017', 186, '测', ['chineseName padding'], 'a character far behind the Chinese name'],
    ['foreigner-2017', 250, '0', ['reserved padding'], 'something behind the kind'],
    ['foreigner-2017', 236, '0\0', ['cardVersion character'], 'a NUL in the version'],
    ['foreigner-2017', 240, '1  0', ['authorityCode padding'], 'spaces inside the code'],
    ['foreigner-2023', 236, 'A', ['name padding'], 'a letter far behind the name'],
    ['foreigner-2023', 240, 'A', ['name padding'], 'a letter in the last place of the name'],
    ['foreigner-2023', 32, '\0\0', ['renewalCount character'], 'NUL for the renewal count'],
    ['foreigner-2023', 32, ' 1', ['renewalCount padding'], 'a space before the renewal count'],
    ['foreigner-2023', 186, '测', ['reservedOrIssuer padding'], 'text at the end of a blank place'],
    ['foreigner-2023', 158, '\0', ['reservedOrIssuer character'], 'a NUL where others reserve'],
    ['foreigner-2023', 250, '\0\0\0', ['earlierNumberLink character'], 'NUL for the link'],
    ['foreigner-2023', 250, '  1', ['earlierNumberLink padding'], 'spaces before the link'],
  ];
  for (const [kind, offset, text, problems, title] of cases) {
    t.same(problemsOf(decodeIdCard(written(kind, offset, text))), problems, `${kind} ${offset}: ${title}`);
  }
});

t.test('a block of another length is no card', async (t) => {
  for (const bytes of [0, 255, 257]) {
    t.same(problemsOf(decodeIdCard(Buffer.alloc(bytes, 0x20))), ['block length'], `${bytes} bytes`);
  }
});

t.test('nobody is turned away for what is rare but true', async (t) => {
  const cases: readonly [Kind, number, string, string][] = [
    ['resident', 0, '阿卜杜拉·买买提', 'a name with a middle dot'],
    ['resident', 0, '测\u{20bb7}', 'a character beyond the basic plane'],
    ['resident', 0, '测\ue863', 'a character of the private-use area'],
    ['resident', 0, '赵C', 'a Latin letter'],
    ['resident', 0, '一二三四五六七八九十一二三四五', 'a name that fills its field'],
    ['resident', 32, '56', 'the last nation of the standard'],
    ['resident', 32, '97', 'any other nation'],
    ['resident', 32, '98', 'foreign descent'],
    ['resident', 32, '58', 'a code beyond the standard'],
    ['resident', 0, '买买提 阿不都', 'a blank instead of the dot in a name'],
    ['resident', 52, '广东省 广州市\u3000测试路1', 'an address with single spaces, narrow and wide'],
    ['resident', 52, 'Ａ座（2）－3—4·5.6、7，8,9#10＃11/12号', 'the marks of addresses'],
    ['resident', 52, '㐀〇\ue863\u{20bb7}\u{323b0}村“测”Ⅱ区(b)-1', 'rare characters in an address'],
    ['resident', 52, '测'.repeat(35), 'an address that fills its field'],
    ['resident', 158, '测试市公安局（测试）分局', 'an authority with brackets'],
    ['permit', 0, "José D'Ávila", 'a name in letters with accents'],
    ['permit', 220, '12345678 ', 'a travel permit of eight digits'],
    ['permit', 220, ' '.repeat(9), 'no travel permit'],
    ['permit', 238, '1 ', 'an issue count of one digit'],
    ['permit', 238, '  ', 'no issue count'],
    ['foreigner-2017', 158, '     ', 'no Chinese name'],
    ['foreigner-2017', 0, 'A'.repeat(60), 'a name that fills its field'],
    ['foreigner-2017', 120, '9', 'sex not stated'],
    ['foreigner-2023', 0, '     ', 'no Chinese name'],
    ['foreigner-2023', 30, '9', 'sex not stated'],
    ['foreigner-2023', 32, '1 ', 'a renewal count of one digit'],
    ['foreigner-2023', 32, '  ', 'no renewal count'],
    ['foreigner-2023', 158, '测试市公安局', 'an issuer where others reserve'],
    ['foreigner-2023', 238, '01', 'a count behind the name'],
    ['foreigner-2023', 238, '1 ', 'a count of one digit behind the name'],
    ['foreigner-2023', 242, 'XXA', 'a stateless person'],
    ['foreigner-2023', 250, '   ', 'no link to an earlier number'],
  ];
  for (const [kind, offset, text, title] of cases) {
    t.same(problemsOf(decodeIdCard(written(kind, offset, text))), [], `${kind}: ${title}`);
  }
});

t.test("a foreigner's long name is put together from its two places", async (t) => {
  const name = 'ABCDEFGHIJ KLMNOPQRS TUVWXYZABCDEFGHIJ KLMNOPQ';
  t.equal(name.length, 46);
  const card = { ...vectorCard('foreigner-2023'), name };
  t.equal(cardOf(encodeIdCard(card))?.name, name);
});

t.test('a count in the last two places of that name is no part of it', async (t) => {
  t.equal(cardOf(written('foreigner-2023', 238, '01'))?.name, 'TEST, SAMPLE');
});

t.test('a text too long for its field is refused by the name of the field', async (t) => {
  t.throws(() => encodeIdCard({ ...vectorCard('resident'), name: '测'.repeat(16) }), {
    code: 'id-card.field-too-long',
    message: /"name"/,
  });
  t.throws(() => encodeIdCard({ ...vectorCard('foreigner-2023'), name: 'A'.repeat(47) }), {
    message: /"name"/,
  });
});

t.test('the last day still counts', async (t) => {
  const card = { validFrom: '20200101', validTo: '20400101' };
  t.equal(documentValidity(card, '20191231'), 'not-yet');
  t.equal(documentValidity(card, '20200101'), 'valid');
  t.equal(documentValidity(card, '20400101'), 'valid');
  t.equal(documentValidity(card, '20400102'), 'expired');
  t.equal(documentValidity({ ...card, validTo: LONG_TERM }, '20991231'), 'valid');
});

function vectorCard(kind: Kind): IdCard {
  const found = idCards.cards.find(({ card }) => card.kind === kind);
  if (found === undefined) throw new Error(`no vector of kind ${kind}`);
  return found.card;
}

/** What decides who somebody is and whether the document is good. */
const DECIDING = ['number', 'birth', 'sex', 'validFrom', 'validTo'] as const;
type Misread = Record<(typeof DECIDING)[number], number>;

/** How many of the blocks decode as somebody else, by field. */
function misread(card: IdCard, blocks: Iterable<Buffer>): Misread {
  const counts: Misread = { number: 0, birth: 0, sex: 0, validFrom: 0, validTo: 0 };
  for (const block of blocks) {
    const read = cardOf(block);
    for (const field of DECIDING) if (read !== undefined && read[field] !== card[field]) counts[field]++;
  }
  return counts;
}

function flipped(block: Buffer, ...bits: readonly number[]): Buffer {
  const copy = Buffer.from(block);
  for (const bit of bits) copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

const PAIR_STRIDE = 5;
const BIT_PAIRS_UNSEEN_BY_CHECKSUM = (8 * 256 * 255) / 2;

/** Every fifth of the two-bit errors that the one-byte checksum cannot see: the same bit of two bytes. */
function* unseenPairs(block: Buffer): Generator<Buffer> {
  let turn = 0;
  for (let first = 0; first < 2048; first++) {
    for (let second = first + 8; second < 2048; second += 8) {
      if (turn++ % PAIR_STRIDE === 0) yield flipped(block, first, second);
    }
  }
}

t.test('a single flipped bit never leaves the line as a frame', async (t) => {
  const frame = encodeSamFrame(
    Buffer.concat([Buffer.from('00009001000400', 'hex'), blockOf('resident'), Buffer.alloc(1024)]),
  );
  const parser = new SamParser();
  let frames = 0;
  for (let bit = 0; bit < 256 * 8; bit++) {
    const parsed = [...parser.push(flipped(frame, 14 * 8 + bit)), ...parser.giveUp()];
    frames += parsed.filter(({ type }) => type === 'frame').length;
  }
  t.equal(frames, 0);
});

t.test('a single flipped bit in the text alone never makes another number, birth or sex', async (t) => {
  for (const kind of ['resident', 'permit', 'foreigner-2023'] as const) {
    const card = vectorCard(kind);
    const blocks = Array.from({ length: 2048 }, (_, bit) => flipped(blockOf(kind), bit));
    const counts = misread(card, blocks);
    t.equal(counts.number + counts.birth, 0, kind);
    // Two flips of a bit say "sex not stated", which a foreigner's card may.
    t.equal(counts.sex, kind === 'foreigner-2023' ? 2 : 0, kind);
    t.ok(counts.validFrom + counts.validTo < 2048 * 0.02, `${kind}: dates`);
  }
});

t.test('next to no flipped bit of a blank passes for text', async (t) => {
  for (const { card } of idCards.cards) {
    const block = blockOf(card.kind);
    const blanks = Array.from({ length: 128 }, (_, unit) => unit).filter(
      (unit) => unit !== 124 && block.readUInt16LE(unit * 2) === 0x20,
    );
    const bits = blanks.flatMap((unit) => Array.from({ length: 16 }, (_, bit) => unit * 16 + bit));
    const accepted = bits.filter((bit) => decodeIdCard(flipped(block, bit)).ok).length;
    t.ok(bits.length >= 900, `${card.kind}: ${bits.length} bits looked at`);
    const bound = card.kind === 'resident' || card.kind === 'permit' ? 0.025 : 0.05;
    t.ok(accepted <= bits.length * bound, `${card.kind}: ${accepted} of ${bits.length} accepted`);
  }
});

t.test('of two-bit errors that pass the checksum, few leave a card', async (t) => {
  const bounds: Readonly<Record<Kind, number>> = {
    resident: 0.025,
    permit: 0.025,
    'foreigner-2023': 0.03,
    'foreigner-2017': 0.035,
  };
  const pairs = BIT_PAIRS_UNSEEN_BY_CHECKSUM / PAIR_STRIDE;
  for (const { card } of idCards.cards) {
    let accepted = 0;
    for (const block of unseenPairs(blockOf(card.kind))) if (decodeIdCard(block).ok) accepted++;
    t.ok(accepted / pairs <= bounds[card.kind], `${card.kind}: ${((accepted / pairs) * 100).toFixed(2)} %`);
  }
});

t.test('of two-bit errors that pass the checksum, next to none makes another person', async (t) => {
  // The earlier foreigner's number has no check digit that sources agree on: its bounds are wider.
  const bounds: Readonly<Record<Kind, Misread>> = {
    resident: { number: 1e-4, birth: 0, sex: 0, validFrom: 0.01, validTo: 0 },
    permit: { number: 1e-4, birth: 0, sex: 0, validFrom: 0.01, validTo: 0.01 },
    'foreigner-2023': { number: 1e-4, birth: 0, sex: 2e-3, validFrom: 0.01, validTo: 0.01 },
    'foreigner-2017': { number: 0.01, birth: 2e-4, sex: 2e-3, validFrom: 0.01, validTo: 0.01 },
  };
  const pairs = BIT_PAIRS_UNSEEN_BY_CHECKSUM / PAIR_STRIDE;
  for (const { card } of idCards.cards) {
    const counts = misread(card, unseenPairs(blockOf(card.kind)));
    for (const field of DECIDING) {
      const rate = counts[field] / pairs;
      t.ok(rate <= bounds[card.kind][field], `${card.kind}: ${field}, ${(rate * 100).toFixed(4)} %`);
    }
  }
});

t.test('no 256 bytes make the decoder throw', async () => {
  const anyBlock = fc.uint8Array({ minLength: 256, maxLength: 256 });
  const scratched = fc
    .tuple(fc.constantFrom(...idCards.cards), fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { maxLength: 6 }))
    .map(([{ block }, scratches]) => {
      const bytes = Buffer.from(block, 'hex');
      for (const [place, value] of scratches) bytes[place] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(anyBlock, scratched), (block) => {
      const decoded = decodeIdCard(block);
      return decoded.ok || decoded.problems.length > 0;
    }),
  );
});
