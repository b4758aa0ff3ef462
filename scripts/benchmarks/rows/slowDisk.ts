import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceOptions } from '../../staging/children.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import type { Flushed } from '../parts/slowFlush.js';
import { onSite, openStreet } from '../parts/street.js';
import { type Visit, Visitors } from '../parts/visitors.js';
import { median, rounded } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const SLOW = new URL('../parts/slowFlush.js', import.meta.url).href;
const SLOW_DEVICE = 'bench-slow';
const QUICK_DEVICE = 'bench-quick';
const PEOPLE = 600;
const WARM_UP = 10;
const TAPS = { full: 100, quick: 6 } as const;
/** A lamp rises at most once in 400 ms (WCAG 2.3.1): people cannot be told anything any faster. */
const NEXT_PERSON_MS = 450;

/** Of a gate's visits one after another, the longest flush of each: its tap's, as the disk itself measured it. */
class Flushes {
  #longestMs = 0;

  /** For the start of the process. */
  readonly options: ServiceOptions = {
    nodeFlags: ['--import', SLOW],
    onMessage: (message) => {
      this.#longestMs = Math.max(this.#longestMs, (message as Flushed).flushMs);
    },
  };

  /** The longest since the last call, in ms. */
  take(): number {
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }
}

/** How much later than both the lamp and the flush the relay is on, in ms. */
function overMs({ lightMs, gateMs }: Visit, flushMs: number): number {
  if (gateMs === undefined) throw new Error('a lamp was lit and the gate stayed shut');
  return gateMs - Math.max(lightMs, flushMs);
}

/** Two gates of one central, one on a slow disk; people go to them in turn. */
async function play(site: StagedSite, say: (line: string) => void, effort: Effort): Promise<RowResult> {
  const people = stagedPeople(PEOPLE).filter(({ healthCode }) => healthCode === 'green');
  const { url } = await openStreet(site, { people, devices: [SLOW_DEVICE, QUICK_DEVICE], say });
  const at = { brokerUrl: url, people };
  const flushes = new Flushes();
  const slow = await Visitors.open(site, { ...at, device: SLOW_DEVICE, service: flushes.options });
  const quick = await Visitors.open(site, { ...at, device: QUICK_DEVICE });
  const visits: { readonly slow: Visit; readonly quick: Visit; readonly flushMs: number }[] = [];
  for (let tap = -WARM_UP; tap < TAPS[effort]; tap++) {
    const nextComes = pause(NEXT_PERSON_MS);
    flushes.take();
    const visit = { slow: await slow.visitToGate(), quick: await quick.visitToGate() };
    await nextComes;
    // The word of a flush may come behind the relay that waited for it.
    const flushMs = flushes.take();
    if (tap >= 0) visits.push({ ...visit, flushMs });
  }
  const middle = (of: (visit: (typeof visits)[number]) => number) => rounded(median(visits.map(of)));
  return {
    figures: {
      lightRatio: rounded(middle((visit) => visit.slow.lightMs) / middle((visit) => visit.quick.lightMs)),
      gateOverMs: middle((visit) => overMs(visit.slow, visit.flushMs)),
    },
    beside: {
      taps: visits.length,
      flushP50Ms: middle((visit) => visit.flushMs),
      slowLightP50Ms: middle((visit) => visit.slow.lightMs),
      slowGateP50Ms: middle((visit) => visit.slow.gateMs ?? 0),
      quickLightP50Ms: middle((visit) => visit.quick.lightMs),
      quickGateP50Ms: middle((visit) => visit.quick.gateMs ?? 0),
      quickGateOverMs: middle((visit) => overMs(visit.quick, 0)),
    },
  };
}

export const slowDisk: Row = {
  name: 'slowDisk',
  about: 'a gate whose disk takes 10 ms longer for each flush, beside one whose disk does not',
  figures: {
    lightRatio:
      'card to lamp takes so many times as long as with a quick disk: the lamp does not wait for it.',
    gateOverMs: 'card to relay takes so many ms more than the longer of lamp and flush.',
  },
  measure: (say, effort) => onSite((site) => play(site, say, effort)),
};
