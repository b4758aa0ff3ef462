import type { Assurance, Credential, Validity } from '../../protocol/credential.js';
import type { Action } from '../../protocol/journal/seal.js';
import type { DecidedBy, Outcome } from '../../protocol/verdict.js';
import type { Direction } from '../../protocol/wire/messages.js';
import type { LaneAlarm, ToldAlarms } from './alarms.js';
import type { LaneMode, PolicyRow, RowAction } from './policy.js';
import type { SignalName } from './signals.js';

/** What configuration says of a lane. */
export interface LaneSettings {
  readonly direction: Direction;
  readonly mode: LaneMode;
  readonly policy: readonly PolicyRow[];
  /** How long a verdict is waited for; after one time-out `shortDeadlineMs` counts until an answer comes. */
  readonly deadlineMs: number;
  readonly shortDeadlineMs: number;
  /** How long an outcome stays shown, unless a next card comes. */
  readonly dwellMs: number;
  /** The same identity counts again this long after it was last seen. */
  readonly sameCardMs: number;
  /** How long the relay waits for the tap to be on disk. */
  readonly durableWaitMs: number;
  /** What happens at an entry when the tap cannot be written: a person comes, or the gate opens all the same. */
  readonly whenNotDurable: 'call-staff' | 'open';
  /** How long a refusal is remembered for decisions without central. */
  readonly refusalMemoryMs: number;
  /** A passage, or an opening door, belongs to an opening of the gate for so long. */
  readonly passageMs: number;
  /** How long the door may stay open. */
  readonly doorHeldMs: number;
  /** How long a person stays called by the help button or for a door; at least as long as alarms lie apart. */
  readonly callMs: number;
  /** Whether the relay is held on while the fire input is active. */
  readonly holdsOnFire: boolean;
}

/** One credential presented, numbered from 1 in this run of the daemon. */
export interface Tap {
  readonly tap: number;
  /** The reader it came from. */
  readonly source: number;
  /** A keyed digest under a secret of this boot; tells two people apart and nothing else. */
  readonly identity: string;
  readonly assurance: Assurance;
  readonly validity: Validity;
  readonly startedMs: number;
  readonly deadlineMs: number;
  /** The text is taken while the photo still arrives; nothing is shown before the whole frame is checked. */
  readonly frame: 'arriving' | 'whole';
  readonly answer: Answer | undefined;
  readonly durable: 'pending' | 'yes' | 'no';
  readonly concluded: RowAction | undefined;
  /** Set while the gate is to open and the tap is not on disk yet: until when, and what is then recorded. */
  readonly waiting: { readonly untilMs: number; readonly decision: Decision } | undefined;
}

/** What was decided on a tap, as its record tells it. */
export interface Decision {
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
  readonly decidedBy: DecidedBy;
  readonly tookMs: number;
  /** How long the question was under way, for the log; undefined without an answer. */
  readonly networkMs?: number | undefined;
}

/** How a tap was decided: an authenticated verdict, or the reason why there is none. */
export type Answer =
  | {
      readonly by: 'central';
      readonly outcome: Outcome;
      readonly reasons: readonly string[];
      readonly networkMs?: number | undefined;
    }
  | { readonly by: 'local'; readonly reason: string };

/** The gate was opened for a tap, and nobody has passed yet. */
export interface Opened {
  readonly tap: number;
  readonly untilMs: number;
}

export interface LaneState {
  readonly settings: LaneSettings;
  readonly nextTap: number;
  /** The tap that an open would be for. */
  readonly current: Tap | undefined;
  /** Taps that a newer card ended before they were decided: their verdicts are recorded and open nothing. */
  readonly ended: readonly Tap[];
  /** Who the last taps were, for verdicts that come after their deadline. */
  readonly identities: ReadonlyMap<number, string>;
  /** When each recent identity was last seen. */
  readonly seen: ReadonlyMap<string, number>;
  /** When each identity was last refused by central. */
  readonly refused: ReadonlyMap<string, number>;
  /** The last question timed out: the next ones wait less. */
  readonly slow: boolean;
  /** A card was found and has neither been read nor failed. */
  readonly reading: boolean;
  /** Reads in a row that came to nothing, and when the last one did. */
  readonly failedReads: number;
  readonly failedReadMs: number;
  readonly uploadsPausedUntilMs: number | undefined;
  readonly shownUntilMs: number | undefined;
  /** The fire input: how it is, whether the relay is held for it, and what was told last. */
  readonly fire: {
    readonly isActive: boolean;
    readonly isHeld: boolean;
    readonly told: 'fire.active' | 'fire.over';
  };
  /** The help button: down or up, and when it counts as stuck. */
  readonly help: { readonly isPressed: boolean; readonly stuckAtMs: number | undefined };
  readonly door: {
    readonly isOpen: boolean;
    readonly wrong: 'door.forced' | 'door.held' | undefined;
    /** When it will have been open for too long. */
    readonly heldAtMs: number | undefined;
    readonly told: 'door.forced' | 'door.held' | 'door.closed';
  };
  /** Oldest first. */
  readonly opened: readonly Opened[];
  /** The gate was opened: until then its door may be opened. */
  readonly doorFreeUntilMs: number;
  /** The fire is over: until then people may still be on their way. */
  readonly fireGraceUntilMs: number;
  /** When a passage was last counted without asking for whom. */
  readonly freePassageMs: number;
  /** A person is called, until then. */
  readonly calledUntilMs: number | undefined;
  readonly told: ToldAlarms;
}

/** Everything that can happen to a lane. `nowMs` is monotonic. */
export type LaneInput = { readonly nowMs: number } & (
  | { readonly type: 'found'; readonly source: number }
  | {
      readonly type: 'card';
      readonly source: number;
      readonly identity: string;
      readonly credential: Credential;
      /** It was read whole before, and nothing has said since that it was taken away. */
      readonly isResting?: boolean;
    }
  | { readonly type: 'whole'; readonly source: number }
  | {
      readonly type: 'failed';
      readonly source: number;
      readonly reason: string;
      /** The reader tries no more: it is for the elder to place the card again. */
      readonly final: boolean;
    }
  | { readonly type: 'absent'; readonly source: number }
  | {
      readonly type: 'verdict';
      readonly tap: number;
      readonly outcome: Outcome;
      readonly reasons: readonly string[];
      readonly networkMs?: number;
    }
  | { readonly type: 'unavailable'; readonly tap: number; readonly reason: string }
  /** An authenticated verdict came after its deadline: it decides nothing, but the way to central is open again. */
  | { readonly type: 'late'; readonly tap: number; readonly outcome: Outcome }
  | { readonly type: 'durable'; readonly tap: number }
  | { readonly type: 'not-durable'; readonly tap: number }
  | { readonly type: 'help'; readonly isPressed: boolean }
  | { readonly type: 'fire'; readonly isActive: boolean }
  /** Somebody has walked through. */
  | { readonly type: 'passage' }
  /** `wasFound`: it stood open when the gate was started. */
  | { readonly type: 'door'; readonly isOpen: boolean; readonly wasFound?: boolean }
  | { readonly type: 'time' }
  | { readonly type: 'configured'; readonly settings: LaneSettings }
  /** The daemon stops: nothing opens any more, and no tap is left without an end. */
  | { readonly type: 'stop' }
);

/** Everything that a lane can order. */
export type LaneEffect =
  | { readonly type: 'signal'; readonly signal: SignalName }
  | { readonly type: 'open'; readonly tap: number }
  /** For the free passage of everybody, until it is ended. */
  | { readonly type: 'hold'; readonly isHeld: boolean }
  /** Until the lane rests again; a lasting one until `call-over`. */
  | {
      readonly type: 'call-staff';
      readonly tap?: number;
      readonly reason: string;
      readonly isLasting?: boolean;
    }
  | { readonly type: 'call-over' }
  /** `more`: how often it came since it was last told. */
  | { readonly type: 'alarm'; readonly alarm: LaneAlarm; readonly more?: number }
  | { readonly type: 'append-passage'; readonly tap?: number }
  | { readonly type: 'append-tap'; readonly tap: number; readonly credential: Credential }
  | { readonly type: 'append-void'; readonly tap: number; readonly reason: string }
  | ({ readonly type: 'append-verdict'; readonly tap: number; readonly action: Action } & Decision)
  | {
      readonly type: 'ask';
      readonly tap: number;
      readonly credential: Credential;
      readonly deadlineMs: number;
    }
  /** No answer to this question is wanted any more. */
  | { readonly type: 'forget'; readonly tap: number; readonly timedOut: boolean }
  /** Uploads give way from card found to verdict. */
  | { readonly type: 'uploads'; readonly paused: boolean };

export interface Step {
  readonly state: LaneState;
  readonly effects: readonly LaneEffect[];
}

export function newLane(settings: LaneSettings): LaneState {
  return {
    settings,
    nextTap: 1,
    current: undefined,
    ended: [],
    identities: new Map(),
    seen: new Map(),
    refused: new Map(),
    slow: false,
    reading: false,
    failedReads: 0,
    failedReadMs: Number.NEGATIVE_INFINITY,
    uploadsPausedUntilMs: undefined,
    shownUntilMs: undefined,
    fire: { isActive: false, isHeld: false, told: 'fire.over' },
    help: { isPressed: false, stuckAtMs: undefined },
    door: { isOpen: false, wrong: undefined, heldAtMs: undefined, told: 'door.closed' },
    opened: [],
    doorFreeUntilMs: Number.NEGATIVE_INFINITY,
    fireGraceUntilMs: Number.NEGATIVE_INFINITY,
    freePassageMs: Number.NEGATIVE_INFINITY,
    calledUntilMs: undefined,
    told: new Map(),
  };
}
