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
export const ReasonsSchema = v.pipe(v.array(ReasonSchema), v.maxLength(16));

/** `health-code@1`: the name of a rule set at central and its version. */
export const SchemeSchema = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}@[1-9][0-9]{0,3}$/));
