import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Random, randomBytes, seededRandom } from '../../drivers/simulated/random.js';
import { SamModule } from '../../drivers/simulated/samModule.js';
import { systemClock } from '../../platform/clock.js';
import { PHOTO_BYTES, TEXT_BYTES } from '../../protocol/reader/samCommands.js';
import { encodeSamFrame } from '../../protocol/reader/samFrame.js';
import { Pacer, type Pacing } from './pacer.js';
import { testSeed } from './seed.js';

/**
 * What befalls the module, or the line from it to the gate.
 *
 * - `noise`: random bytes before and behind every reply, and while nothing is asked.
 * - `bytes`: every byte comes alone.
 * - `pieces`: pieces of any size at any time, a reply and a second copy of it run together.
 * - `checksum`: the last byte of every reply is wrong.
 * - `oversize`: a header that announces 65,535 bytes comes in place of every reply.
 * - `false-header`: such a header comes before every reply, which is good.
 * - `unasked`: behind every "no card" comes somebody's whole card, which nobody has asked for.
 * - `mute`: nothing comes.
 * - `yes-man`: whatever is asked, the answer is that it went well; the card is blank.
 * - `lifted`: the card is taken away in the middle of its frame, of which no more comes.
 * - `close`: the connection is closed in the middle of every frame that carries a card.
 */
export const READER_FAULTS = [
  'noise',
  'bytes',
  'pieces',
  'checksum',
  'oversize',
  'false-header',
  'unasked',
  'mute',
  'yes-man',
  'lifted',
  'close',
] as const;
export type ReaderFault = (typeof READER_FAULTS)[number];

/** A byte-true reader module on a TCP port, with faults as they are told. */
export interface FaultyReader {
  readonly module: SamModule;
  readonly tcpPort: number;
  readonly seed: number;
  /** How many replies a fault has befallen so far. */
  readonly befallen: number;
  /** From here on; undefined: none. */
  fault: ReaderFault | undefined;
  close(): Promise<void>;
}

interface TestScope {
  teardown(call: () => unknown): unknown;
}

/** A reply that carries a card; every other one is shorter. */
const CARD_FRAME_BYTES = 1024;
const NOISE_EVERY_MS = 30;
const OVERSIZE = Uint8Array.of(0xaa, 0xaa, 0xaa, 0x96, 0x69, 0xff, 0xff);
/** Behind preamble and LEN; the third of the status bytes says what became of the question. */
const STATUS_AT = 9;
const NO_CARD = 0x80;
const DONE = 0x90;
const FOUND = 0x9f;
const TEXT_AND_PHOTO = [1, 0, 4, 0];

const done = (data: Uint8Array, status = DONE) => encodeSamFrame(Uint8Array.of(0, 0, status, ...data));

const BLANK = Buffer.alloc(TEXT_BYTES, ' ', 'utf16le');

const cardReply = (text: Uint8Array) =>
  done(Uint8Array.of(...TEXT_AND_PHOTO, ...text, ...new Uint8Array(PHOTO_BYTES)));

/** What goes well where nothing can: a reply of the right form to each of the questions about a card. */
function yes(request: Uint8Array): Buffer {
  switch (Buffer.from(request).toString('hex', 7, 9)) {
    case '2001':
      return done(new Uint8Array(4), FOUND);
    case '2002':
      return done(new Uint8Array(8));
    case '3001':
      return cardReply(BLANK);
    case '12ff':
      return done(new Uint8Array(16));
    default:
      return done(new Uint8Array(0));
  }
}

class Line implements FaultyReader {
  readonly module: SamModule;
  fault: ReaderFault | undefined;
  befallen = 0;
  tcpPort = 0;
  readonly #random: Random;
  readonly #pacing: Pacing = { latencyMs: 0, jitterMs: 0, bytesPerSecond: 0, pieceBytes: 1 };
  readonly #pacer: Pacer;
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #noise: NodeJS.Timeout;
  #socket: Socket | undefined;

  constructor(
    readonly seed: number,
    /** The card of somebody who is not there. */
    private readonly stranger: Uint8Array,
  ) {
    this.#random = seededRandom(seed);
    this.#pacer = new Pacer(this.#pacing, this.#random, (piece) => this.#write(piece));
    this.module = new SamModule({
      clock: systemClock,
      seed,
      refind: 'until-lifted',
      send: (reply) => this.#reply(Buffer.from(reply)),
    });
    this.#noise = setInterval(() => {
      if (this.fault === 'noise') this.#write(this.#garbage());
    }, NOISE_EVERY_MS);
    this.#noise.unref();
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.tcpPort = address.port;
  }

  close(): Promise<void> {
    clearInterval(this.#noise);
    this.#socket?.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.#socket?.destroy();
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (this.fault !== 'yes-man') return this.module.receive(bytes);
      this.befallen += 1;
      this.#write(yes(bytes));
    });
  }

  #reply(reply: Buffer): void {
    const { fault } = this;
    if (fault === undefined) return this.#write(reply);
    const isCard = reply.length > CARD_FRAME_BYTES;
    if ((fault === 'lifted' || fault === 'close') && !isCard) return this.#write(reply);
    this.befallen += 1;
    const half = reply.subarray(0, reply.length >> 1);
    switch (fault) {
      case 'noise':
        return this.#write(Buffer.concat([this.#garbage(), reply, this.#garbage()]));
      case 'bytes':
        this.#pacing.jitterMs = 0;
        return this.#inPieces(reply, () => 1);
      case 'pieces':
        this.#pacing.jitterMs = 4;
        return this.#inPieces(Buffer.concat([reply, reply]), () => 1 + (this.#random() % 400));
      case 'checksum':
        reply[reply.length - 1] = (reply.at(-1) ?? 0) ^ 0x55;
        return this.#write(reply);
      case 'oversize':
        return this.#write(Buffer.concat([OVERSIZE, this.#garbage()]));
      case 'false-header':
        return this.#write(Buffer.concat([OVERSIZE, reply]));
      case 'unasked':
        return this.#write(
          reply[STATUS_AT] === NO_CARD ? Buffer.concat([reply, cardReply(this.stranger)]) : reply,
        );
      case 'lifted':
        this.module.lift();
        return this.#write(half);
      case 'close':
        this.#write(half);
        return void this.#socket?.end();
      case 'mute':
      case 'yes-man':
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.#socket?.writable === true) this.#socket.write(bytes);
  }

  #inPieces(bytes: Buffer, size: () => number): void {
    for (let at = 0; at < bytes.length; ) {
      this.#pacing.pieceBytes = size();
      const piece = bytes.subarray(at, at + this.#pacing.pieceBytes);
      this.#pacer.send(piece);
      at += piece.length;
    }
  }

  #garbage(): Buffer {
    return randomBytes(this.#random, 1 + (this.#random() % 40));
  }
}

/**
 * Listens on a free port; it ends with the test.
 * @param stranger the text of a card that is never on this pad
 * @param seed default: `CARDPAD_SEED`, or another each time; say it in the test's output
 */
export async function startFaultyReader(
  t: TestScope,
  stranger: Uint8Array,
  seed: number = testSeed(),
): Promise<FaultyReader> {
  const reader = new Line(seed, stranger);
  await reader.listen();
  t.teardown(() => reader.close());
  return reader;
}
