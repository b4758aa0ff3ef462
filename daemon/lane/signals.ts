import type { Beat } from '../../drivers/buzzer.js';
import type { LampPattern } from '../../drivers/lamps.js';
import type { Outcome } from '../../protocol/verdict.js';
import type { RowAction } from './policy.js';

/**
 * How one thing is told: lamp, shape, tone and words say the same, so that no sense is needed twice (MIIT elder-app
 * specification 1.4, EN 301 549 ch. 8: colour is never the only carrier).
 */
export interface Signal {
  /** Lamps to light; undefined leaves them as they are. */
  readonly lamps?: readonly LampPattern[];
  /** The shape on or beside the lamp. */
  readonly shape?: 'tick' | 'exclamation' | 'cross' | 'person' | 'arrow';
  /** Undefined leaves the buzzer as it is. All times are multiples of 100 ms, the unit of an OSDP reader's buzzer. */
  readonly tone?: readonly Beat[];
  /** What the voice says and the screen shows, word for word the same; at most 10 characters, and it names a next step. */
  readonly words?: string;
}

export const SIGNAL_NAMES = [
  'idle',
  'reading',
  'checking',
  'read-again',
  'pass',
  'registered',
  'attend',
  'refuse',
  'undetermined',
  'closed',
  'help',
  'fire',
  'door-open',
] as const;
export type SignalName = (typeof SIGNAL_NAMES)[number];

const beep = (onMs: number, gapMs = 0) => ({ onMs, gapMs });

/**
 * The patterns. Lamps flash at most at 2 Hz (WCAG 2.3.1 allows three flashes a second); red is steady, since saturated
 * red flashes are the most dangerous. Each outcome has a rhythm of its own, not a pitch.
 */
export const SIGNALS: Readonly<Record<SignalName, Signal>> = {
  idle: { lamps: [] },
  reading: { tone: [beep(100)], words: '请勿移动证件' },
  /** A new person's card is in: what was shown to the one before goes dark, whatever its dwell. */
  checking: { lamps: [], words: '正在核验' },
  'read-again': { lamps: [], tone: [beep(100, 200), beep(100)], words: '请重新放置证件' },
  pass: { lamps: [{ lamp: 'green', light: 'steady' }], shape: 'tick', tone: [beep(200)], words: '请通行' },
  registered: {
    lamps: [{ lamp: 'green', light: 'steady' }],
    shape: 'tick',
    tone: [beep(200)],
    words: '已登记请通行',
  },
  attend: {
    lamps: [{ lamp: 'yellow', light: { blinkHz: 1 } }],
    shape: 'exclamation',
    tone: [beep(300, 200), beep(300)],
    words: '请稍候工作人员来帮您',
  },
  refuse: {
    lamps: [{ lamp: 'red', light: 'steady' }],
    shape: 'cross',
    tone: [beep(500, 300), beep(500, 300), beep(500)],
    words: '请到人工服务台',
  },
  undetermined: {
    lamps: [{ lamp: 'white', light: { blinkHz: 0.5 }, instead: 'yellow' }],
    shape: 'person',
    tone: [beep(300, 300), beep(600)],
    words: '系统忙请找工作人员',
  },
  /** The lane lets nobody in just now, which is no fault of the one who came. */
  closed: {
    lamps: [{ lamp: 'yellow', light: 'steady' }],
    shape: 'person',
    tone: [beep(300, 200), beep(300)],
    words: '请走其他通道',
  },
  /** Whoever pressed is heard. The lamps belong to the tap that may be under way. */
  help: { tone: [beep(200, 100), beep(200)], words: '已呼叫工作人员请稍候' },
  /** Everybody may pass. Green with an arrow, as on the signs of an escape route (ISO 7010, E series). */
  fire: {
    lamps: [{ lamp: 'green', light: 'steady' }],
    shape: 'arrow',
    tone: [beep(500, 500), beep(500, 500), beep(500)],
    words: '紧急疏散请有序通行',
  },
  /** At rest, with a door that was forced or stays open. */
  'door-open': {
    lamps: [{ lamp: 'yellow', light: { blinkHz: 2 } }],
    shape: 'exclamation',
    tone: [beep(200, 300), beep(200, 300), beep(200, 300), beep(200)],
    words: '请关好通道门',
  },
};

/** Whether a lane shows this while nothing is told of a tap. */
export const isRest = (signal: SignalName): boolean => signal === 'idle' || signal === 'door-open';

/** How an outcome is told, given what the gate does: nobody reads "see staff" at an open gate, or green at a shut one. */
export function signalFor(outcome: Outcome, action: RowAction): SignalName {
  if (action === 'open') return outcome === 'pass' ? 'pass' : 'registered';
  // The assisted lane calls a person and shows no red: nobody is turned away by a lamp there.
  if (outcome === 'refuse') return action === 'call-staff' ? 'attend' : 'refuse';
  if (action === 'hold') return 'closed';
  return outcome === 'undetermined' ? 'undetermined' : 'attend';
}
