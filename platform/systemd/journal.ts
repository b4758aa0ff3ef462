import type { Cancel, Clock } from '../clock.js';
import { type LogEvent, type LogSink, PRIORITY } from '../log.js';
import type { SendDatagram } from './datagram.js';

/** Where the journal takes datagrams (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
export const JOURNAL_SOCKET = '/run/systemd/journal/socket';

/** A value longer than this is cut: what others send may stand in a log line, and the kernel takes no datagram of any size. */
const LONGEST_VALUE = 4_096;
/** systemd takes no longer name of a field. */
const LONGEST_NAME = 64;
/** Lines that wait for a journal that takes none right now. */
const MOST_WAITING = 256;
const AGAIN_AFTER_MS = 250;

/** `networkMs` as a field of the journal: `CARDPAD_NETWORK_MS`. */
function fieldName(key: string): string {
  const words = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]/g, '_');
  return `CARDPAD_${words.toUpperCase()}`.slice(0, LONGEST_NAME);
}

/** `NAME=value`, or with the length in front (64 bits, little-endian) where the value has a line end. */
function encodeField(name: string, value: string): Buffer {
  const bytes = Buffer.from(value.slice(0, LONGEST_VALUE), 'utf8');
  if (!bytes.includes('\n')) return Buffer.concat([Buffer.from(`${name}=`), bytes, Buffer.from('\n')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
}

/** One datagram for one line: the whole line as MESSAGE, and each of its fields by itself. */
export function journalDatagram({ at, part, event, fields, words }: LogEvent, identifier: string): Buffer {
  return Buffer.concat([
    encodeField('MESSAGE', words),
    encodeField('PRIORITY', String(PRIORITY[at])),
    encodeField('SYSLOG_IDENTIFIER', identifier),
    encodeField('CARDPAD_EVENT', event),
    ...(part === '' ? [] : [encodeField('CARDPAD_PART', part)]),
    ...fields.map(([key, value]) => encodeField(fieldName(key), value)),
  ]);
}

/**
 * Writes log lines to the systemd journal, and never waits for it. What it does not take at once waits in order; when
 * too much waits, new lines are dropped and counted.
 */
export class JournalSink {
  readonly #waiting: Buffer[] = [];
  #dropped = 0;
  #cancel: Cancel | undefined;

  constructor(
    private readonly send: SendDatagram,
    private readonly clock: Clock,
    private readonly identifier = 'cardpad',
  ) {}

  readonly write: LogSink = (event) => {
    const bytes = journalDatagram(event, this.identifier);
    if (this.#waiting.length === 0 && this.send(bytes)) return;
    if (this.#waiting.length >= MOST_WAITING) this.#dropped += 1;
    else this.#waiting.push(bytes);
    this.#cancel ??= this.clock.schedule(AGAIN_AFTER_MS, () => this.flush());
  };

  /** Tries once more what waits. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.send(next)) {
        this.#cancel = this.clock.schedule(AGAIN_AFTER_MS, () => this.flush());
        return;
      }
      this.#waiting.shift();
    }
    if (this.#dropped > 0) this.#sayDropped();
  }

  #sayDropped(): void {
    const lines = this.#dropped;
    this.#dropped = 0;
    const event = 'log lines were dropped: the journal took none';
    const words = `${event} lines=${lines}`;
    this.write({
      at: 'warn',
      wallMs: this.clock.wallMs(),
      part: '',
      event,
      fields: [['lines', `${lines}`]],
      words,
    });
  }
}
