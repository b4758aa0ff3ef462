import { readFileSync } from 'node:fs';
import t from 'tap';
import { encodeFrame, scanFrames } from '../../../protocol/journal/frame.js';
import {
  encodeRecord,
  epochBase,
  linkOf,
  nextHead,
  parseRecord,
  startFacts,
} from '../../../protocol/journal/record.js';
import {
  openContent,
  parseAlarmContent,
  parseTapContent,
  parseVerdictContent,
  RecordKey,
  sealContent,
} from '../../../protocol/journal/seal.js';

import type { Parsed } from '../../../protocol/wire/json.js';

interface JournalVectors {
  readonly device: string;
  readonly epoch: number;
  readonly base: string;
  readonly recordKey: string;
  readonly keysOfStep: readonly { readonly cipherKey: string; readonly macKey: string }[];
  readonly contents: readonly {
    readonly seq: number;
    readonly kind: string;
    readonly step: number;
    readonly iv: string;
    readonly plaintext: string;
    readonly paddedTo: number;
  }[];
  readonly records: readonly {
    readonly body: string;
    readonly digest: string;
    readonly head: string;
    readonly frame: string;
  }[];
}

// The compiled tests lie in build/test/protocol; the vectors stay where they are.
const FILE = new URL('../../../../test/vectors/journal.json', import.meta.url);

// Written down once, and checked by a second implementation in another language. Journals of this form lie on the
// disks of gates and of central: what was written must stay readable.
const VECTORS: JournalVectors = JSON.parse(readFileSync(FILE, 'utf8'));
const { device, epoch, records, contents } = VECTORS;
const PARSERS: Readonly<Record<string, (bytes: Buffer) => Parsed<Parameters<typeof sealContent>[4]>>> = {
  tap: parseTapContent,
  verdict: parseVerdictContent,
  alarm: parseAlarmContent,
};
const hex = (digits: string) => Buffer.from(digits, 'hex');

const READ = records.map(({ body }) => {
  const parsed = parseRecord(Buffer.from(body));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
});

t.test('records are written as they always were', async (t) => {
  for (const [index, record] of READ.entries()) {
    t.equal(encodeRecord(record).toString(), records[index]?.body);
  }
});

t.test('the chain runs as it always did, from the base of the epoch to the last head', async (t) => {
  const start = READ[0] === undefined ? undefined : startFacts(READ[0]);
  if (start === undefined) throw new Error('the first record is a start');
  let head = epochBase(epoch, start);
  t.equal(head.toString('hex'), VECTORS.base);
  for (const [index, record] of READ.entries()) {
    const vector = records[index];
    const body = Buffer.from(vector?.body ?? '');
    t.equal(encodeFrame(head, body).toString('hex'), vector?.frame);
    const link = linkOf(record, body);
    t.equal(Buffer.from(link.digest).toString('hex'), vector?.digest);
    head = nextHead(head, link);
    t.equal(head.toString('hex'), vector?.head);
  }
});

t.test('a file of old is read whole', async (t) => {
  const scan = scanFrames(hex(records.map(({ frame }) => frame).join('')));
  t.same(
    scan.frames.map(({ body }) => body.toString('utf8')),
    records.map(({ body }) => body),
  );
  t.same(scan.damaged, []);
});

t.test('the record key moves as it always did', async (t) => {
  const key = new RecordKey(hex(VECTORS.recordKey));
  for (const { cipherKey, macKey } of VECTORS.keysOfStep) {
    t.same(key.current(), { cipherKey: hex(cipherKey), macKey: hex(macKey) });
    key.moveOn();
  }
});

t.test('contents are sealed as they always were, and open', async (t) => {
  const key = new RecordKey(hex(VECTORS.recordKey));
  for (const { seq, kind, step, iv, plaintext, paddedTo } of contents) {
    const address = { device, epoch, seq, kind };
    const keys = key.current();
    const padded = Buffer.from(plaintext.padEnd(paddedTo));
    const parsed = PARSERS[kind]?.(padded) ?? { ok: false, reason: `no parser of ${kind}` };
    if (!parsed.ok) throw new Error(parsed.reason);
    const sealed = sealContent(key, 2, address, hex(iv), parsed.value);
    t.equal(sealed.step, step);
    t.same(READ.find((record) => record.seq === seq)?.sealed, sealed);
    t.same(openContent(keys, address, sealed.box), padded);
  }
});
