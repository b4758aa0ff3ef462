import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { Changes } from './support/changes.js';
import { cardpad, startCardpad } from './support/child.js';
import { elder } from './support/people.js';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const PREAMBLE = bytes('AA AA AA 96 69');
// Requests and short replies as the interface's sheets print them.
const STATUS = bytes('AA AA AA 96 69 00 03 11 FF ED');
const FIND = bytes('AA AA AA 96 69 00 03 20 01 22');
const SELECT = bytes('AA AA AA 96 69 00 03 20 02 21');
const READ = bytes('AA AA AA 96 69 00 03 30 01 32');
const WELL = bytes('AA AA AA 96 69 00 04 00 00 90 94');
const NO_CARD = bytes('AA AA AA 96 69 00 04 00 00 80 84');
const FOUND = bytes('AA AA AA 96 69 00 08 00 00 9F 00 00 00 00 97');
const CARD_BYTES = 1295;

const person = elder(120);

/** Somebody at the other end of a reader's cable. */
class Cable {
  #got = Buffer.alloc(0);
  readonly #changes = new Changes();

  constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.#got = Buffer.concat([this.#got, chunk]);
      this.#changes.happened();
    });
  }

  /** Sends a request; gives what came until that held a frame of so many bytes. */
  async ask(request: Buffer, frameBytes: number): Promise<Buffer> {
    this.#got = Buffer.alloc(0);
    this.socket.write(request);
    return this.#changes.until(
      () => {
        const start = this.#got.indexOf(PREAMBLE);
        return start >= 0 && this.#got.length >= start + frameBytes && this.#got;
      },
      () => `a frame of ${frameBytes} bytes in ${this.#got.toString('hex')}`,
    );
  }
}

t.test('simulate reader: a module on a socket, with cards put by standard input', async (t) => {
  const reader = startCardpad(t, ['simulate', 'reader', '--listen', 'tcp://127.0.0.1:0']);
  const listening = await reader.line(/listening on/);
  const port = Number(/:(\d+);/.exec(listening)?.[1]);
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const cable = new Cable(socket);
  const tell = async (line: string, answer: RegExp) => {
    const from = reader.written;
    reader.say(line);
    await reader.line(answer, from);
  };

  t.same(await cable.ask(STATUS, WELL.length), WELL);
  t.same(await cable.ask(FIND, NO_CARD.length), NO_CARD);

  await tell('put 11010519491231002', /not put/);
  t.notMatch(reader.stderr, '11010519491231002', 'also a wrong number is nobody else to know');
  await tell(`put ${person.idNumber}`, /card on the pad/);
  t.same(await cable.ask(FIND, FOUND.length), FOUND);
  const selected = await cable.ask(SELECT, 19);
  t.equal(selected[9], 0x90);
  const card = await cable.ask(READ, CARD_BYTES);
  t.equal(card.length, CARD_BYTES);
  t.same(
    card.subarray(5, 14),
    bytes('05 08 00 00 90 01 00 04 00'),
    'LEN, status, and the lengths of text and photo',
  );
  t.ok(card.includes(Buffer.from(person.idNumber, 'utf16le')), 'the number, as the card has it');
  let check = 0;
  for (const byte of card.subarray(5, -1)) check ^= byte;
  t.equal(card.at(-1), check);
  t.same(await cable.ask(FIND, NO_CARD.length), NO_CARD, 'once read, it is hidden until lifted');

  await tell('noise on', /noise on/);
  const noisy = await cable.ask(STATUS, WELL.length);
  t.ok(noisy.length > WELL.length && noisy.includes(WELL), 'garbage around the frame, never in it');
  await tell('noise off', /noise off/);

  await tell('lift', /card lifted/);
  t.same(await cable.ask(FIND, NO_CARD.length), NO_CARD);
  await tell('jump', /help/);
  reader.say('quit');
  t.same(await reader.exited, { code: 0, signal: null });
});

t.test('simulate reader on a port that is taken: exit code 3', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.teardown(() => holder.close());
  const address = holder.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { code, stderr } = await cardpad(t, ['simulate', 'reader', '--listen', `tcp://127.0.0.1:${port}`]);
  t.equal(code, 3);
  t.match(stderr, /port\.in-use/);
});
