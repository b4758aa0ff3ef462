import { setTimeout as pause } from 'node:timers/promises';
import { serveSamModule } from '../../drivers/simulated/samServer.js';
import { downTopic, upTopic } from '../../protocol/wire/topics.js';
import { startBroker } from '../staging/broker.js';
import { CardWatch } from '../staging/cardWatch.js';
import { percentileOfRounds } from '../staging/figures.js';
import { stagedPeople } from '../staging/people.js';
import { StagedSite } from '../staging/site.js';
import { Trace } from '../staging/trace.js';
import { Echo, sizeOf } from './echo.js';
import type { Row, RowResult } from './row.js';

const DEVICE = 'bench-gate';
const QUESTION_RATE = 50;
const TAPS = 120;
/** Each figure is the middle one of so many. */
const COUNTED_ROUNDS = 3;
const WARM_UP = 10;
/** A lamp rises at most once in 400 ms (WCAG 2.3.1), and people do not follow one another faster. */
const NEXT_PERSON_MS = 450;
const LIGHT_WITHIN_MS = 6_000;

interface Ends {
  /** One person: card, lamp, card taken away. Gives the time from the card's last byte to the lamp, in ms. */
  readonly visit: () => Promise<number>;
  readonly raw: Echo;
}

async function open(site: StagedSite, taps: number, say: (line: string) => void): Promise<Ends> {
  const people = stagedPeople(2 * (taps + WARM_UP) + 10).filter(({ healthCode }) => healthCode === 'green');
  const broker = await startBroker();
  site.onClose(() => broker.close());
  say(`broker: ${broker.name}`);
  const watch = new CardWatch();
  // No line speed: at 115,200 baud the question hides behind the photo, and the figure would be smaller.
  const reader = await serveSamModule({
    host: '127.0.0.1',
    tcpPort: 0,
    refind: 'until-lifted',
    onSend: watch.onSend,
  });
  site.onClose(() => reader.close());
  await site.initCentral(people);
  await site.enroll(DEVICE);
  await site.startCentral(broker.url, QUESTION_RATE);
  const { gpio } = await site.startGate({
    device: DEVICE,
    brokerUrl: broker.url,
    readerPort: reader.tcpPort,
  });
  const trace = new Trace(gpio);
  site.onClose(() => trace.close());

  const crowd = people.values();
  const visit = async () => {
    watch.forget();
    reader.module.put(crowd.next().value?.idNumber ?? '');
    const lightNs = await trace.outcomeAfter(watch.cardReadNs, LIGHT_WITHIN_MS);
    const readNs = watch.cardReadNs();
    reader.module.lift();
    if (lightNs === undefined || readNs === undefined) throw new Error('a card was put and no lamp was lit');
    return Number(lightNs - readNs) / 1e6;
  };
  const sizes = {
    up: await sizeOf(broker.url, upTopic(DEVICE, 'verify'), visit),
    down: await sizeOf(broker.url, downTopic(DEVICE, 'verdict'), () => pause(NEXT_PERSON_MS).then(visit)),
  };
  const raw = await Echo.open(broker.url, 'raw', sizes);
  site.onClose(() => raw.close());
  return { visit, raw };
}

async function play({ visit, raw }: Ends, taps: number): Promise<RowResult> {
  const lights: number[] = [];
  const plain: number[] = [];
  for (let tap = -WARM_UP; tap < taps; tap++) {
    const nextComes = pause(NEXT_PERSON_MS);
    const lightMs = await visit();
    // As seldom as taps are, since a machine that has slept is slower than one that runs hot.
    await nextComes;
    const plainMs = await raw.ask();
    if (tap < 0) continue;
    lights.push(lightMs);
    plain.push(plainMs);
  }
  const of = (values: readonly number[], part: number) => percentileOfRounds(values, part, COUNTED_ROUNDS);
  const over = (part: number) => Math.round((of(lights, part) - of(plain, part)) * 1000) / 1000;
  return {
    figures: { overheadP50Ms: over(0.5), overheadP99Ms: over(0.99) },
    beside: {
      taps: lights.length,
      p50Ms: of(lights, 0.5),
      p99Ms: of(lights, 0.99),
      rawP50Ms: of(plain, 0.5),
      rawP99Ms: of(plain, 0.99),
    },
  };
}

export const tapToLight: Row = {
  name: 'tapToLight',
  about:
    "last byte of a card's frame -> green lamp in the daemon, over a plain mqtt.js round trip of the same sizes at " +
    'QoS 0 (raw)',
  async measure(say, taps = TAPS) {
    const site = await StagedSite.make('bench');
    try {
      return await play(await open(site, taps, say), taps);
    } finally {
      await site.close();
    }
  },
};
