import { serveSamModule } from '../../../drivers/simulated/samServer.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { runBareNode } from '../parts/processes.js';
import { onSite, openStreet } from '../parts/street.js';
import { median, medianRatio, spreadPercent, timed } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const DEVICE = 'bench-gate';
const STARTS = { full: 15, quick: 2 } as const;

/** From the start of the process, in ms. */
interface Start {
  /** The reader module has answered: a card can be read, and decided on by local rule. */
  readonly cardsMs: number;
  /** Central can be asked. */
  readonly sessionMs: number;
}

async function oneStart(site: StagedSite, brokerUrl: string, readerPort: number): Promise<Start> {
  const startMs = performance.now();
  const seen = { cardsMs: 0, sessionMs: 0 };
  const onLine = (line: string) => {
    if (line.includes('reader: ready')) seen.cardsMs ||= performance.now() - startMs;
    else if (line.includes('session open')) seen.sessionMs ||= performance.now() - startMs;
  };
  const { service } = await site.startGate({ device: DEVICE, brokerUrl, readerPort, service: { onLine } });
  await service.stop();
  return seen;
}

async function play(site: StagedSite, say: (line: string) => void, effort: Effort): Promise<RowResult> {
  const { url } = await openStreet(site, { people: stagedPeople(1), devices: [DEVICE], say });
  const reader = await serveSamModule({ host: '127.0.0.1', tcpPort: 0, refind: 'until-lifted' });
  site.onClose(() => reader.close());
  await oneStart(site, url, reader.tcpPort);
  const cards: [number, number][] = [];
  const sessions: [number, number][] = [];
  for (let start = 0; start < STARTS[effort]; start++) {
    const bareMs = await timed(runBareNode);
    const { cardsMs, sessionMs } = await oneStart(site, url, reader.tcpPort);
    cards.push([cardsMs, bareMs]);
    sessions.push([sessionMs, bareMs]);
  }
  return {
    figures: { ratio: medianRatio(cards), sessionRatio: medianRatio(sessions) },
    beside: {
      starts: cards.length,
      spreadPercent: spreadPercent(cards.map(([ours, bare]) => ours / bare)),
      bareMs: median(cards.map(([, bare]) => bare)),
      cardsMs: median(cards.map(([ours]) => ours)),
      sessionMs: median(sessions.map(([ours]) => ours)),
    },
  };
}

export const start: Row = {
  name: 'start',
  about: 'from the start of the process until it takes cards, over a whole `node -e 0`',
  figures: {
    ratio: 'until a card can be read and decided on, a gate takes so many times a bare `node -e 0`.',
    sessionRatio: 'until central can be asked as well, it takes so many times that.',
  },
  measure: (say, effort) => onSite((site) => play(site, say, effort)),
};
