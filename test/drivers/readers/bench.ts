import type { Port } from '../../../drivers/ports/port.js';
import { IdCardReader, type IdCardReaderOptions } from '../../../drivers/readers/idCardReader.js';
import type { ReaderEvent } from '../../../drivers/readers/readerEvents.js';
import { portPair } from '../../../drivers/simulated/portPair.js';
import { SamModule, type SamModuleOptions } from '../../../drivers/simulated/samModule.js';
import { type Cancel, ManualClock } from '../../../platform/clock.js';
import { CardpadError } from '../../../protocol/errors.js';
import { encodeSamFrame } from '../../../protocol/reader/samFrame.js';

/** Fictional: right check character, issued to nobody. */
export const CARD = '11010519491231002X';
export const OTHER_CARD = '110105194912310038';

/** A manual clock that knows how many calls are still to come. */
export class CountingClock extends ManualClock {
  readonly pending = new Set<symbol>();

  override schedule(delayMs: number, call: () => void): Cancel {
    const id = Symbol('call');
    this.pending.add(id);
    const cancel = super.schedule(delayMs, () => {
      this.pending.delete(id);
      call();
    });
    return () => {
      this.pending.delete(id);
      cancel();
    };
  }
}

/** A good reply frame with this SW3 and data. */
export const reply = (sw3: number, data: Uint8Array = new Uint8Array(0)): Buffer =>
  encodeSamFrame(Uint8Array.of(0, 0, sw3, ...data));

export interface BenchOptions extends Partial<IdCardReaderOptions> {
  readonly refind?: SamModuleOptions['refind'];
  readonly baud?: number;
  /** Changes what the module sends on its way to the reader. */
  readonly onReply?: (bytes: Uint8Array, send: (bytes: Uint8Array) => void) => void;
  /** Sees each request as `CMD PARA` in hex; true when it answered in the module's place. */
  readonly onRequest?: (command: string, send: (bytes: Uint8Array) => void) => boolean;
}

/** A reader on a simulated module, in a time that only `run` moves. */
export class Bench {
  readonly clock = new CountingClock();
  readonly events: ReaderEvent[] = [];
  /** `CMD PARA` in hex of every request, with its time. */
  readonly requests: { readonly command: string; readonly atMs: number }[] = [];
  readonly openedAtMs: number[] = [];
  readonly reader: IdCardReader;
  readonly module: SamModule;
  far: Port | undefined;
  near: Port | undefined;
  refuse = false;

  constructor(private readonly options: BenchOptions = {}) {
    const { refind = 'until-lifted', baud, onReply, onRequest, ...readerOptions } = options;
    const toReader = (bytes: Uint8Array) => {
      this.far?.write(bytes).catch(() => {});
    };
    this.module = new SamModule({
      clock: this.clock,
      refind,
      ...(baud === undefined ? {} : { baud }),
      send: (bytes) => (onReply === undefined ? toReader(bytes) : onReply(bytes, toReader)),
    });
    this.reader = new IdCardReader({
      open: () => this.#open(),
      clock: this.clock,
      random: () => 0.5,
      onEvent: (event) => this.events.push(event),
      ...readerOptions,
    });
  }

  async #open(): Promise<Port> {
    this.openedAtMs.push(this.clock.monotonicMs());
    if (this.refuse) throw new CardpadError('port.refused', 'reconnect', 'Nobody there.');
    const { near, far } = portPair();
    this.near = near;
    this.far = far;
    far.onData((bytes) => {
      const command = Buffer.from(bytes.subarray(7, 9)).toString('hex');
      this.requests.push({ command, atMs: this.clock.monotonicMs() });
      const send = (answer: Uint8Array) => {
        far.write(answer).catch(() => {});
      };
      if (!this.options.onRequest?.(command, send)) this.module.receive(bytes);
    });
    return near;
  }

  /** Moves time on, a millisecond at a time, letting all that is due happen in between. */
  async run(ms: number): Promise<void> {
    await turn();
    for (let passed = 0; passed < ms; passed++) {
      this.clock.advance(1);
      await turn();
    }
  }

  /** Starts the reader and waits until it looks for cards. */
  async start(): Promise<void> {
    this.reader.start();
    await this.run(50);
    this.events.length = 0;
  }

  /** The types of the events so far, `state` with its state, and forgets them. */
  take(): string[] {
    const taken = this.events.splice(0);
    return taken.map((event) => (event.type === 'state' ? event.state : event.type));
  }
}

/** Lets everything happen that needs no time. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The events of one type. */
export function of<T extends ReaderEvent['type']>(
  events: readonly ReaderEvent[],
  type: T,
): Extract<ReaderEvent, { type: T }>[] {
  return events.filter((event): event is Extract<ReaderEvent, { type: T }> => event.type === type);
}
