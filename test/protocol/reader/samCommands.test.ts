import fc from 'fast-check';
import t from 'tap';
import {
  decodeSamReply,
  formatSamNumber,
  readTextFromPartial,
  SAM_COMMANDS,
  type SamCommandName,
  samRequest,
} from '../../../protocol/reader/samCommands.js';
import { SAM_STATUSES } from '../../../protocol/reader/samStatus.js';
import { hex, samFrames } from './vectors.js';

const NAMES = Object.keys(SAM_COMMANDS) as SamCommandName[];
const TEXT = Buffer.from(
  Array.from({ length: 256 }, (_, index) => (index % 2 === 0 ? 0x41 + (index % 16) : 0)),
);
const PHOTO = Buffer.alloc(1024, 0x77);

const reply = (status: number, ...data: readonly Uint8Array[]) =>
  Buffer.concat([Uint8Array.of(0, 0, status), ...data]);
const READ = reply(0x90, hex('01000400'), TEXT, PHOTO);
const withFingerprint = (bytes: number) =>
  reply(0x90, hex('01000400'), Uint8Array.of(bytes >> 8, 0), TEXT, PHOTO, Buffer.alloc(bytes));

t.test('every command is written as the published frame', async (t) => {
  for (const { command, frame } of samFrames.requests) {
    t.equal(samRequest(command).toString('hex').toUpperCase(), frame, command);
  }
  t.same(
    samFrames.requests.map(({ command }) => command).sort(),
    [...NAMES].sort(),
    'and none is without a vector',
  );
});

t.test('every published reply answers its command', async (t) => {
  for (const { command, title, frame, ok, data, status, handling } of samFrames.replies) {
    const decoded = decodeSamReply(command, hex(frame).subarray(7, -1));
    if (ok) t.equal(decoded.ok && Buffer.from(decoded.data).toString('hex').toUpperCase(), data, title);
    else t.match(decoded, { ok: false, status: { name: status, handling } }, title);
  }
});

t.test('no SW3 is listed twice', async (t) => {
  t.equal(new Set(SAM_STATUSES.map(({ code }) => code)).size, SAM_STATUSES.length);
  t.equal(new Set(SAM_STATUSES.map(({ name }) => name)).size, SAM_STATUSES.length);
});

t.test('find and select go by SW3, with data or without', async (t) => {
  for (const bytes of [0, 4, 8]) {
    t.match(decodeSamReply('find', reply(0x9f, Buffer.alloc(bytes))), { ok: true }, `find, ${bytes} bytes`);
    t.match(
      decodeSamReply('select', reply(0x90, Buffer.alloc(bytes))),
      { ok: true },
      `select, ${bytes} bytes`,
    );
    t.match(
      decodeSamReply('find', reply(0x80, Buffer.alloc(bytes))),
      { ok: false },
      `no card, ${bytes} bytes`,
    );
  }
});

t.test('what the card itself answered, in SW1 and SW2, is not taken for a failure', async (t) => {
  t.match(decodeSamReply('find', hex('90009f')), { ok: true });
});

t.test('a reply to another question is not taken for an answer', async (t) => {
  const cases: readonly [SamCommandName, Buffer, string][] = [
    ['select', reply(0x9f, Buffer.alloc(4)), 'a late "found" to select'],
    ['read', reply(0x9f, Buffer.alloc(4)), 'a late "found" to read'],
    ['find', reply(0x90, Buffer.alloc(8)), 'a late "selected" to find'],
    ['find', READ, 'a late text to find'],
    ['select', READ, 'a late text to select'],
    ['select', reply(0x90, Buffer.alloc(16)), 'a late SAM number to select'],
    ['select', reply(0x80), 'a late "no card" to select'],
    ['read', reply(0x81), 'a late "not selected" to read'],
    ['read', reply(0x90, Buffer.alloc(8)), 'a late "selected" to read'],
    ['read', reply(0x90), 'a late "done" to read'],
    ['read', withFingerprint(0), 'a reply with fingerprint length to plain read'],
    ['read-with-fingerprint', READ, 'a plain text to read with fingerprint'],
    ['read', reply(0x90, hex('01000300'), TEXT, PHOTO), 'a photo length that no module sends'],
    ['read', reply(0x41, TEXT, PHOTO), 'a failure that carries a whole card'],
    ['find', reply(0x91), '"none on card" to find'],
    ['sam-number', reply(0x90, Buffer.alloc(8)), 'a short SAM number'],
    ['status', Buffer.of(0, 0x90), 'no SW3 at all'],
    ['status', Buffer.alloc(0), 'nothing at all'],
  ];
  for (const [command, payload, title] of cases) {
    t.same(decodeSamReply(command, payload), { mismatched: true }, title);
  }
});

t.test('a status that no sheet lists is begun again', async (t) => {
  t.match(decodeSamReply('read', reply(0x77)), { ok: false, status: { code: 0x77, handling: 'retry' } });
});

t.test('every length of fingerprint that cards have is accepted', async (t) => {
  for (const bytes of [0, 512, 1024]) {
    t.match(decodeSamReply('read-with-fingerprint', withFingerprint(bytes)), { ok: true }, `${bytes} bytes`);
    t.same(readTextFromPartial(withFingerprint(bytes)), new Uint8Array(TEXT), `${bytes} bytes`);
  }
  t.match(decodeSamReply('read-with-fingerprint', withFingerprint(256)), { mismatched: true });
});

t.test('the text is there as soon as its last byte is, and not before', async (t) => {
  for (const [whole, end] of [
    [READ, 3 + 4 + 256],
    [withFingerprint(1024), 3 + 6 + 256],
  ] as const) {
    t.equal(readTextFromPartial(whole.subarray(0, end - 1)), undefined);
    t.same(readTextFromPartial(whole.subarray(0, end)), new Uint8Array(TEXT));
  }
});

t.test('no text is taken from a failed reply or from one with other lengths', async (t) => {
  t.equal(readTextFromPartial(reply(0x41, hex('01000400'), TEXT, PHOTO)), undefined);
  t.equal(readTextFromPartial(reply(0x90, hex('01000300'), TEXT, PHOTO)), undefined);
  t.equal(readTextFromPartial(reply(0x90, hex('00010004'), TEXT, PHOTO)), undefined);
});

t.test('a text taken early stays what it was when the line goes on', async (t) => {
  const arriving = Buffer.from(READ);
  const text = readTextFromPartial(arriving);
  arriving.fill(0);
  t.same(text, new Uint8Array(TEXT));
});

t.test('the SAM number is written as on its label', async (t) => {
  for (const { bytes, text } of samFrames.samNumbers) t.equal(formatSamNumber(hex(bytes)), text);
  t.equal(formatSamNumber(Buffer.alloc(16, 0xff)), '65535.65535-4294967295-4294967295-4294967295');
  t.equal(formatSamNumber(Buffer.alloc(15)), undefined);
});

t.test('no payload makes the decoder throw, and none is both answer and mismatch', async () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.uint8Array({ minLength: 1200, maxLength: 2400 }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), payload, (name, bytes) => {
      const decoded = decodeSamReply(name, bytes);
      return (decoded.ok === undefined) === (decoded.mismatched === true);
    }),
  );
});
