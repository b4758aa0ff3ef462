import * as v from 'valibot';

/** What the rules of a scheme say, worst last: of several schemes the worst outcome counts, with all reasons. */
export const OUTCOMES = ['pass', 'attend', 'undetermined', 'refuse'] as const;
/**
 * `pass`; `attend`: a person should look; `refuse`; `undetermined`: a state of the system, never of the person.
 */
export type Outcome = (typeof OUTCOMES)[number];

/** Who decided: `central` only when an authenticated verdict came within the deadline. */
export const DECIDERS = ['central', 'local'] as const;
export type DecidedBy = (typeof DECIDERS)[number];

export const worse = (a: Outcome, b: Outcome): Outcome =>
  OUTCOMES.indexOf(a) >= OUTCOMES.indexOf(b) ? a : b;

/** Dotted, stable, open-ended: `health.green`, `code.absent`, `sys.timeout`. Carries no diagnosis. */
export const ReasonSchema = v.pipe(v.string(), v.maxLength(48), v.regex(/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/));
export const OutcomeSchema = v.picklist(OUTCOMES);
export const MOST_REASONS = 16;
export const ReasonsSchema = v.pipe(v.array(ReasonSchema), v.maxLength(MOST_REASONS));

/** `health-code@1`: the name of a rule set at central and its version. */
export const SchemeSchema = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}@[1-9][0-9]{0,3}$/));

/**
 * The reasons that gate and central give of themselves; all others come from rules. They stand in records for years:
 * a word is never given another meaning. A `tap-void` has `card.` and what the reader says, such as `card.damaged`.
 */
export const SYSTEM_REASONS = {
  /** There is no connection to the broker. */
  offline: 'sys.offline',
  /** No verdict came in time. */
  timeout: 'sys.timeout',
  /** The tap could not be written, so that there was nothing to ask about. */
  journal: 'sys.journal',
  /** A newer card came before the end. */
  superseded: 'sys.superseded',
  /** Central refused this identity in the last 15 minutes. */
  refusedBefore: 'sys.refused-before',
  /** The daemon was stopped. */
  stopped: 'sys.stopped',
  /** A crash or a power cut left the tap without an end. */
  restart: 'sys.restart',
  /** Central has no rules for the scheme. */
  policy: 'sys.policy',
  /** The gate was to open, and the tap was not on disk. */
  notDurable: 'journal.not-durable',
  /** The fire input is active: the lane is held free, whatever the outcome. */
  fire: 'fire.active',
  /** Two reads in a row came to nothing. */
  unreadable: 'card.unreadable',
} as const;
