import type { OpenPort } from '../drivers/ports/port.js';
import { IdCardReader } from '../drivers/readers/idCardReader.js';
import type { ReaderCounters } from '../drivers/readers/readerCounters.js';
import type { ReaderEvent } from '../drivers/readers/readerEvents.js';
import type { Clock } from '../platform/clock.js';
import { LineLimit } from '../platform/lineLimit.js';
import type { Log, LogFields } from '../platform/log.js';
import { sm3 } from '../protocol/sm/sm3.js';
import { CardInputs, saysExpired } from './cardInputs.js';
import type { Config } from './config/config.js';
import type { LaneInput } from './lane/state.js';
import type { TimeKeeper } from './time.js';

export interface ReaderParts {
  readonly clock: Clock;
  /** In [0, 1): for jitter. */
  readonly random: () => number;
  readonly openPort: (url: string) => OpenPort;
  readonly time: TimeKeeper;
  readonly randomBytes: (length: number) => Buffer;
  readonly dispatch: (input: LaneInput) => void;
  /** How many readers cannot read cards now. */
  readonly onUnfit: (count: number) => void;
  readonly log: Log;
}

const sum = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** The counters as one line: numbers only, so that nothing that a card or a cable says gets into the log. */
function counterFields({ discarded, readsFailed, ...counters }: Readonly<ReaderCounters>): LogFields {
  return { ...counters, discarded: sum(discarded), readsFailed: sum(readsFailed) };
}

/** Tells one module from another in a log without its number, by which its owner could be looked up. */
const shortHash = (samNumber: string) => sm3(Buffer.from(samNumber, 'utf8')).toString('hex', 0, 4);

/** A loose plug comes and goes for days. */
const MOST_LINES_A_MINUTE = 20;

/** Logs how a reader fares. */
class ReaderDiary {
  #samTold: string | undefined;
  readonly #limit: LineLimit;

  constructor(
    private readonly port: string,
    clock: Clock,
    private readonly log: Log,
  ) {
    this.#limit = new LineLimit(clock, MOST_LINES_A_MINUTE, MOST_LINES_A_MINUTE);
  }

  onEvent(event: ReaderEvent, { samNumber, counters }: IdCardReader): void {
    if (event.type !== 'state' || !this.#limit.take(this.port)) return;
    const { state, reason } = event;
    const isNews = state === 'ready' && samNumber !== this.#samTold;
    if (isNews) this.#samTold = samNumber;
    const sam = isNews && samNumber !== undefined ? shortHash(samNumber) : undefined;
    this.log.info(state, { port: this.port, reason, sam });
    if (state === 'lost') this.count(counters);
  }

  count(counters: Readonly<ReaderCounters>): void {
    this.log.info('counters', counterFields(counters));
  }
}

/**
 * Starts the readers of the configuration.
 * @returns how to stop each
 */
export function startReaders(
  readers: Config['readers'],
  { clock, random, openPort, time, randomBytes, dispatch, onUnfit, log }: ReaderParts,
): (() => Promise<void>)[] {
  const identitySecret = randomBytes(32);
  const unfit = new Set<number>();
  const note = (source: number, event: ReaderEvent) => {
    if (event.type !== 'state' || event.state === 'opening') return;
    if (event.state === 'ready') unfit.delete(source);
    else unfit.add(source);
    onUnfit(unfit.size);
  };
  return readers.map(({ port, pollMs }, source) => {
    const diary = new ReaderDiary(port, clock, log.named('reader'));
    const inputs = new CardInputs({ source, clock, today: () => time.today(), identitySecret, dispatch });
    const reader: IdCardReader = new IdCardReader({
      open: openPort(port),
      clock,
      random,
      pollMs,
      secondRead: (card) => saysExpired(card, time.today()),
      onEvent: (event) => {
        diary.onEvent(event, reader);
        note(source, event);
        inputs.onEvent(event);
      },
    });
    reader.start();
    return async () => {
      await reader.stop();
      diary.count(reader.counters);
    };
  });
}
