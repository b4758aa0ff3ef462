import t from 'tap';
import { type SamDamage, SamModule, type SamModuleOptions } from '../../../drivers/simulated/samModule.js';
import { ManualClock } from '../../../platform/clock.js';
import { decodeIdCard } from '../../../protocol/card/idCard.js';
import {
  decodeSamReply,
  formatSamNumber,
  readTextFromPartial,
  type SamCommandName,
  samRequest,
} from '../../../protocol/reader/samCommands.js';
import { type SamParsed, SamParser } from '../../../protocol/reader/samFrame.js';
import { blockOf } from '../../protocol/card/vectors.js';

/** A module and the host on the other end of its line. */
class Bench {
  readonly clock = new ManualClock();
  readonly module: SamModule;
  readonly #parser = new SamParser();
  chunks: Buffer[] = [];

  constructor(options: Partial<SamModuleOptions> = {}) {
    const send = (bytes: Uint8Array) => this.chunks.push(Buffer.from(bytes));
    this.module = new SamModule({ send, clock: this.clock, refind: 'always', ...options });
  }

  /** What the module has sent since the last call. */
  sent(): Buffer {
    const bytes = Buffer.concat(this.chunks);
    this.chunks = [];
    return bytes;
  }

  parsed(): SamParsed[] {
    return [...this.#parser.push(this.sent()), ...this.#parser.giveUp()];
  }

  frames(): Buffer[] {
    return this.parsed().flatMap((item) => (item.type === 'frame' ? [item.payload] : []));
  }

  /** SW3 of each reply to a command, in hex. */
  ask(name: SamCommandName): string {
    this.module.receive(samRequest(name));
    return this.frames()
      .map((payload) => payload.toString('hex', 2, 3))
      .join();
  }

  askAll(...names: readonly SamCommandName[]): string[] {
    return names.map((name) => this.ask(name));
  }

  /** Finds, selects and asks to read; the reply is left to be looked at. */
  read(name: SamCommandName = 'read'): void {
    this.askAll('find', 'select');
    this.module.receive(samRequest(name));
  }
}

t.test('a card is found, selected and read as real modules do it, byte by byte', async (t) => {
  const bench = new Bench();
  bench.module.put(blockOf('resident'));
  bench.module.receive(samRequest('find'));
  t.equal(bench.sent().toString('hex'), 'aaaaaa9669000800009f0000000097');
  bench.module.receive(samRequest('select'));
  t.equal(bench.sent().toString('hex'), 'aaaaaa9669000c00009000000000000000009c');
  bench.module.receive(samRequest('read'));
  const reply = bench.sent();
  t.equal(reply.length, 1295);
  t.equal(reply.toString('hex', 0, 14), 'aaaaaa96690508000090' + '01000400');
  t.same(reply.subarray(14, 270), blockOf('resident'));
});

t.test('requests are read however the line cuts or joins them', async (t) => {
  const bench = new Bench();
  for (const byte of samRequest('find')) bench.module.receive(Uint8Array.of(byte));
  t.equal(bench.frames().length, 1);
  bench.module.receive(Buffer.concat([samRequest('status'), samRequest('find')]));
  t.equal(bench.frames().length, 2);
});

t.test('a step without the one before it is refused', async (t) => {
  const bench = new Bench();
  t.same(bench.askAll('find', 'select', 'read'), ['80', '81', '41'], 'without a card');
  bench.module.put(blockOf('resident'));
  t.same(bench.askAll('select', 'read', 'read-address', 'read-management'), ['81', '41', '41', '41']);
  t.same(bench.askAll('find', 'read'), ['9f', '41'], 'read without select');
  t.same(bench.askAll('select', 'read', 'read'), ['90', '90', '41'], 'a second read without find');
  t.same(bench.askAll('read-address', 'read-management'), ['91', '90'], 'smaller items need no second find');
  t.same(bench.askAll('find', 'select', 'reset', 'read'), ['9f', '90', '90', '41'], 'after a reset');
});

t.test('a module that keeps the card selected reads it again', async (t) => {
  const bench = new Bench({ reread: 'allowed' });
  bench.module.put(blockOf('resident'));
  t.same(bench.askAll('read', 'find', 'select', 'read', 'read'), ['41', '9f', '90', '90', '90']);
});

t.test('a card lifted between two steps cannot be read', async (t) => {
  const bench = new Bench();
  bench.module.put(blockOf('resident'));
  bench.ask('find');
  bench.module.lift();
  t.equal(bench.ask('select'), '81');
  bench.module.put(blockOf('resident'));
  bench.askAll('find', 'select');
  bench.module.lift();
  t.equal(bench.ask('read'), '41');
});

t.test('a card that takes the place of another must be found anew', async (t) => {
  const bench = new Bench();
  bench.module.put(blockOf('resident'));
  bench.askAll('find', 'select');
  bench.module.put(blockOf('permit'));
  t.equal(bench.ask('read'), '41');
  bench.read();
  t.same(readTextFromPartial(bench.frames()[0] ?? Buffer.alloc(0)), new Uint8Array(blockOf('permit')));
});

t.test('one kind of module finds a card that was read only once it was lifted', async (t) => {
  const bench = new Bench({ refind: 'until-lifted' });
  bench.module.put(blockOf('resident'));
  t.same(bench.askAll('find', 'find', 'select', 'read', 'find'), ['9f', '9f', '90', '90', '80']);
  bench.module.lift();
  bench.module.put(blockOf('resident'));
  t.equal(bench.ask('find'), '9f');
});

t.test('the other kind finds it each time', async (t) => {
  const bench = new Bench({ refind: 'always' });
  bench.module.put(blockOf('resident'));
  t.same(bench.askAll('find', 'select', 'read', 'find'), ['9f', '90', '90', '9f']);
});

t.test('bad requests are answered as the sheets say', async (t) => {
  const cases = [
    ['aaaaaa9669000320012' + '1', '10', 'wrong checksum'],
    ['aaaaaa9669ffff2001', '11', 'a LEN that no request has'],
    ['aaaaaa966900042001ffda', '11', 'a byte too many'],
    ['aaaaaa966900032009' + '2a', '21', 'no such command'],
    ['aaaaaa9669000330102' + '3', '21', 'fingerprints, which it does not know'],
  ] as const;
  for (const [request, status, title] of cases) {
    const bench = new Bench();
    bench.module.receive(Buffer.from(request, 'hex'));
    t.same(
      bench.frames().map((payload) => payload.toString('hex')),
      [`0000${status}`],
      title,
    );
  }
});

t.test('a request that breaks off is forgotten after a pause', async (t) => {
  const bench = new Bench();
  bench.module.receive(Buffer.from('aaaaaa96690100', 'hex'));
  bench.module.receive(samRequest('status'));
  t.same(bench.frames(), []);
  bench.clock.advance(100);
  t.equal(bench.frames().length, 1, 'and the good one behind it is answered');
  t.equal(bench.ask('status'), '90');
});

t.test('every command that only sets or asks is answered', async (t) => {
  const bench = new Bench();
  t.same(bench.askAll('reset', 'status', 'baud-57600', 'rf-80', 'rf-88'), ['90', '90', '90', '90', '90']);
  bench.module.receive(samRequest('sam-number'));
  const reply = decodeSamReply('sam-number', bench.frames()[0] ?? Buffer.alloc(0));
  t.equal(reply.ok && formatSamNumber(reply.data), '05.03-20120629-0000202551-1234567890');
});

t.test('a module with fingerprints adds them', async (t) => {
  const bench = new Bench({ fingerprintBytes: 1024 });
  bench.module.put(blockOf('resident'));
  bench.read('read-with-fingerprint');
  const [payload = Buffer.alloc(0)] = bench.frames();
  t.equal(payload.length + 8, 2321);
  t.match(decodeSamReply('read-with-fingerprint', payload), { ok: true });
  t.same(readTextFromPartial(payload), new Uint8Array(blockOf('resident')));
});

t.test('a number alone makes a card, and nonsense is refused', async (t) => {
  const bench = new Bench();
  bench.module.put('11010519491231002X');
  bench.read();
  const decoded = decodeIdCard(readTextFromPartial(bench.frames()[0] ?? Buffer.alloc(0)) ?? Buffer.alloc(0));
  t.equal(decoded.ok && decoded.card.reveal().number, '11010519491231002X');
  t.throws(() => bench.module.put('nobody'), { code: 'simulated-card.number' });
});

t.test('the same seed gives the same photo and the same noise', async (t) => {
  const bytesWith = (seed: number) => {
    const bench = new Bench({ seed });
    bench.module.noise(true);
    bench.module.put(blockOf('resident'));
    bench.read();
    return bench.sent().toString('hex');
  };
  t.equal(bytesWith(7), bytesWith(7));
  t.not(bytesWith(7), bytesWith(8));
});

t.test('noise stands around frames and never in one', async (t) => {
  const bench = new Bench();
  bench.module.noise(true);
  bench.module.put(blockOf('resident'));
  for (let turn = 0; turn < 200; turn++) {
    bench.module.receive(samRequest('find'));
    const parsed = bench.parsed();
    t.equal(parsed.filter(({ type }) => type === 'frame').length, 1);
    t.ok(parsed.length > 1, 'there is noise');
  }
  bench.module.noise(false);
  bench.module.receive(samRequest('find'));
  t.equal(bench.parsed().length, 1);
});

/** What is left of one damaged read: the frames, and whether the card in the first is accepted. */
function damagedRead(damage: SamDamage): {
  bench: Bench;
  sentBytes: number;
  frames: Buffer[];
  accepted: boolean;
} {
  const bench = new Bench();
  bench.module.put(blockOf('resident'));
  bench.module.damage(damage);
  bench.read();
  const bytes = bench.sent();
  bench.chunks = [bytes];
  const frames = bench.frames();
  const text = readTextFromPartial(frames[0] ?? Buffer.alloc(0));
  return { bench, sentBytes: bytes.length, frames, accepted: text !== undefined && decodeIdCard(text).ok };
}

t.test('each damage spoils one read in its own way, and the next read is whole', async (t) => {
  const cases: readonly [SamDamage, number, number, boolean][] = [
    ['checksum', 1295, 0, false],
    ['text', 1295, 1, false],
    ['photo', 1295, 0, false],
    ['truncate', 782, 0, false],
    ['insert', 1296, 0, false],
    ['false-header', 1302, 1, true],
    ['mute', 0, 0, false],
    ['read-failed', 11, 1, false],
  ];
  for (const [damage, bytes, frameCount, accepts] of cases) {
    const { bench, sentBytes, frames, accepted } = damagedRead(damage);
    t.same([sentBytes, frames.length, accepted], [bytes, frameCount, accepts], damage);
    bench.read();
    t.equal(bench.sent().length, 1295, `${damage}: the next one`);
  }
});

t.test('damage of the photo comes behind a good text', async (t) => {
  const bench = new Bench();
  bench.module.put(blockOf('resident'));
  bench.module.damage('photo');
  bench.read();
  t.same(bench.sent().subarray(14, 270), blockOf('resident'));
});

t.test('damage of the text is seen by the cross-checks for every kind of card', async (t) => {
  for (const kind of ['resident', 'permit', 'foreigner-2017', 'foreigner-2023'] as const) {
    const bench = new Bench();
    bench.module.put(blockOf(kind));
    bench.module.damage('text');
    bench.read();
    const [payload = Buffer.alloc(0)] = bench.frames();
    t.match(decodeIdCard(readTextFromPartial(payload) ?? Buffer.alloc(0)), { ok: false }, kind);
  }
});

t.test('a muted module hears and says nothing', async (t) => {
  const bench = new Bench();
  bench.module.put(blockOf('resident'));
  bench.module.mute(true);
  t.same(bench.askAll('find', 'select'), ['', '']);
  bench.module.mute(false);
  t.equal(bench.ask('read'), '90', 'it did what it was asked');
});

t.test('with a rate, replies take the time that the line takes', async (t) => {
  const bench = new Bench({ baud: 115_200 });
  bench.module.put(blockOf('resident'));
  for (const name of ['find', 'select'] as const) {
    bench.module.receive(samRequest(name));
    t.equal(bench.chunks.length, 0, 'nothing comes at once');
    bench.clock.advance(10);
    t.equal(bench.frames().length, 1);
  }
  bench.module.receive(samRequest('read'));
  bench.clock.advance(112);
  t.ok(bench.chunks.every((chunk) => chunk.length <= 16));
  const early = bench.sent();
  t.ok(early.length >= 1270 && early.length < 1295, '1,295 bytes take 112.4 ms');
  bench.clock.advance(1);
  t.equal(early.length + bench.sent().length, 1295);
});

t.test('replies to requests that come too fast wait for the line', async (t) => {
  const bench = new Bench({ baud: 9_600 });
  bench.module.receive(Buffer.concat([samRequest('status'), samRequest('status')]));
  bench.clock.advance(12);
  t.equal(bench.sent().length, 11);
  bench.clock.advance(12);
  t.equal(bench.sent().length, 11);
});

t.test('a change of the rate is confirmed at the old one', async (t) => {
  const bench = new Bench({ baud: 9_600 });
  bench.module.receive(samRequest('baud-115200'));
  bench.clock.advance(11);
  t.equal(bench.sent().length, 0);
  bench.clock.advance(1);
  t.equal(bench.sent().length, 11);
  bench.module.receive(samRequest('status'));
  bench.clock.advance(1);
  t.equal(bench.sent().length, 11);
});
