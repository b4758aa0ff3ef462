import type { SignalName } from '../../../daemon/lane/signals.js';
import { sealedBytes } from './brokerView.js';
import type { Counts, Happening, KnownEvent, Visit } from './happenings.js';

/** A tap as central knows it. */
export interface KnownTap {
  /** `epoch/seq`. */
  readonly place: string;
  /** The pseudonym. */
  readonly subject: string;
  /** Undefined until its verdict is there too. */
  readonly outcome: string | undefined;
  readonly reasons: readonly string[];
  readonly by: string;
}

/** A message as the owner of the broker sees it. */
export interface SeenMessage {
  /** The end of its topic, `up/verify`. */
  readonly kind: string;
  readonly bytes: number;
  readonly hex: string;
}

/** Everything that the screen shows. */
export interface LaneModel {
  readonly device: string;
  readonly levels: ReadonlyMap<string, boolean>;
  readonly signal: SignalName;
  /** Oldest first, as are the next two. */
  readonly known: readonly KnownTap[];
  readonly seen: readonly SeenMessage[];
  readonly visits: readonly Visit[];
  readonly counts: Counts;
  readonly networkUp: boolean;
  readonly daemon: 'runs' | 'killed' | 'starts';
  readonly note: string;
}

/** More than any terminal shows. */
const KEPT = 100;
const HEX_BYTES = 32;

export const newModel = (device: string): LaneModel => ({
  device,
  levels: new Map(),
  signal: 'idle',
  known: [],
  seen: [],
  visits: [],
  counts: { came: 0, atCentral: 0, waiting: 0, lost: 0 },
  networkUp: true,
  daemon: 'runs',
  note: 'Put a card on the pad: press g.',
});

const lately = <T>(list: readonly T[], next: T): readonly T[] => [...list, next].slice(-KEPT);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);

function knowing(known: readonly KnownTap[], event: KnownEvent): readonly KnownTap[] {
  const { kind, epoch, seq } = event;
  const change = (place: string, facts: Partial<KnownTap>) =>
    known.map((tap) => (tap.place === place ? { ...tap, ...facts } : tap));
  switch (kind) {
    case 'tap':
      return lately(known, {
        place: `${epoch}/${seq}`,
        subject: text(event.subject),
        outcome: undefined,
        reasons: [],
        by: '',
      });
    case 'verdict': {
      const tapEpoch = typeof event.tapEpoch === 'number' ? event.tapEpoch : epoch;
      const facts = {
        outcome: text(event.outcome),
        reasons: texts(event.reasons),
        by: text(event.decidedBy),
      };
      return change(`${tapEpoch}/${String(event.tap)}`, facts);
    }
    case 'tap-void': {
      const place = `${epoch}/${seq}`;
      const facts = { outcome: 'void', reasons: [text(event.reason)], by: 'local' };
      if (known.some((tap) => tap.place === place)) return change(place, facts);
      return lately(known, { place, subject: text(event.subject), ...facts });
    }
    default:
      return known;
  }
}

function seeing(topic: string, payload: Buffer): SeenMessage {
  return {
    kind: topic.split('/').slice(-2).join('/'),
    bytes: payload.length,
    hex: sealedBytes(payload).subarray(0, HEX_BYTES).toString('hex'),
  };
}

/** The picture after something has happened. */
export function after(model: LaneModel, happening: Happening): LaneModel {
  switch (happening.type) {
    case 'level':
      return { ...model, levels: new Map([...model.levels, [happening.line, happening.value === 1]]) };
    case 'signal':
      return { ...model, signal: happening.signal };
    case 'event':
      return { ...model, known: knowing(model.known, happening.event) };
    case 'message':
      return { ...model, seen: lately(model.seen, seeing(happening.topic, happening.payload)) };
    case 'visit':
      return { ...model, visits: lately(model.visits, happening.visit) };
    case 'counts':
      return { ...model, counts: happening.counts };
    case 'network':
      return { ...model, networkUp: happening.up };
    case 'daemon':
      // A killed daemon's last word stands until the next one has a reader that is ready.
      return {
        ...model,
        daemon: happening.state,
        signal: happening.state === 'runs' ? 'idle' : model.signal,
      };
    case 'note':
      return { ...model, note: happening.text };
    case 'decided':
      return model;
  }
}
