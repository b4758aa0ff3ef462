import { ASSURANCES, type Assurance, VALIDITIES, type Validity } from '../../protocol/credential.js';
import type { Action } from '../../protocol/journal/seal.js';
import { DECIDERS, type DecidedBy, OUTCOMES, type Outcome } from '../../protocol/verdict.js';
import { DIRECTIONS, type Direction } from '../../protocol/wire/messages.js';

/** `standard`: by the table; `assisted`: the lane without a health code, with a person at it; `closed`: nobody enters. */
export const LANE_MODES = ['standard', 'assisted', 'closed'] as const;
export type LaneMode = (typeof LANE_MODES)[number];

/** What a row may order. `none` is not among them: it records that nothing was done any more. */
export const ROW_ACTIONS = [
  'open',
  'hold',
  'call-staff',
  'hold+call-staff',
] as const satisfies readonly Action[];
export type RowAction = (typeof ROW_ACTIONS)[number];

/** Everything that an action may depend on. */
export interface Situation {
  readonly outcome: Outcome;
  readonly decidedBy: DecidedBy;
  readonly assurance: Assurance;
  readonly validity: Validity;
  readonly direction: Direction;
  readonly mode: LaneMode;
}

/** One row: it fits when every field that it names holds the situation's value. The first fitting row counts. */
export type PolicyRow = { readonly [K in keyof Situation]?: readonly Situation[K][] } & {
  readonly action: RowAction;
};

/**
 * The default table. An exit opens always. "Local" opens for a card that the security module vouches for and that is
 * in date: registering by a valid identity document is the alternative that the State Council's notice of 2020 on
 * elders and smart technology names, beside the health code.
 */
export const DEFAULT_POLICY: readonly PolicyRow[] = [
  { direction: ['exit'], action: 'open' },
  { mode: ['closed'], action: 'hold' },
  { mode: ['assisted'], decidedBy: ['central'], outcome: ['refuse'], action: 'call-staff' },
  { mode: ['assisted'], action: 'open' },
  { decidedBy: ['central'], outcome: ['pass'], action: 'open' },
  { decidedBy: ['central'], outcome: ['refuse'], action: 'hold+call-staff' },
  {
    decidedBy: ['local'],
    outcome: ['undetermined'],
    assurance: ['sam'],
    validity: ['valid'],
    action: 'open',
  },
  { action: 'call-staff' },
];

function fits(row: PolicyRow, situation: Situation): boolean {
  const names = (values: readonly string[] | undefined, value: string) => values?.includes(value) ?? true;
  return (
    names(row.outcome, situation.outcome) &&
    names(row.decidedBy, situation.decidedBy) &&
    names(row.assurance, situation.assurance) &&
    names(row.validity, situation.validity) &&
    names(row.direction, situation.direction) &&
    names(row.mode, situation.mode)
  );
}

/** The action for a situation. A table without a fitting row calls a person: nothing opens by omission. */
export function decide(table: readonly PolicyRow[], situation: Situation): RowAction {
  return table.find((row) => fits(row, situation))?.action ?? 'call-staff';
}

/** Without central nobody passes or is refused: an outcome is undetermined, or attend for one refused a moment ago. */
const OUTCOMES_BY: Readonly<Record<DecidedBy, readonly Outcome[]>> = {
  central: OUTCOMES,
  local: ['undetermined', 'attend'],
};

/** Every situation that a lane can come to. */
function* everySituation(): Generator<Situation> {
  for (const mode of LANE_MODES)
    for (const direction of DIRECTIONS)
      for (const decidedBy of DECIDERS)
        for (const outcome of OUTCOMES_BY[decidedBy])
          for (const assurance of ASSURANCES)
            for (const validity of VALIDITIES)
              yield { mode, direction, decidedBy, outcome, assurance, validity };
}

export interface PolicyProblem {
  readonly code: 'policy.sole-credential' | 'policy.exit-held' | 'policy.open-on-loss';
  readonly message: string;
}

/** What no configuration may order; each problem once, by name. */
export function policyProblems(table: readonly PolicyRow[]): readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const all = [...everySituation()];

  const heldExit = all.find((s) => s.direction === 'exit' && decide(table, s) !== 'open');
  if (heldExit !== undefined) {
    problems.push({
      code: 'policy.exit-held',
      message: `an exit must always open, yet outcome ${heldExit.outcome} in mode ${heldExit.mode} does not`,
    });
  }

  const withoutAlternative = LANE_MODES.filter(
    (mode) =>
      mode !== 'closed' &&
      !all.some((s) => {
        if (s.mode !== mode || s.direction !== 'entry' || s.outcome === 'pass') return false;
        return decide(table, s) !== 'hold';
      }),
  );
  if (withoutAlternative.length > 0) {
    problems.push({
      code: 'policy.sole-credential',
      message: `in mode ${withoutAlternative.join(', ')} nothing but the outcome pass leads anywhere: let a row open or call staff`,
    });
  }

  const opensOnLoss = all.find((s) => {
    if (s.direction !== 'entry' || s.decidedBy !== 'local' || s.assurance === 'sam') return false;
    if (decide(table, s) !== 'open') return false;
    // What opens as well when the network is there does not open because it is gone. "Undetermined" alone says too
    // little of that, since losing the network is one way to it; save in the assisted lane, where a person stands to
    // let through whoever cannot be checked.
    const opensAnyway = (outcome: Outcome) =>
      decide(table, { ...s, decidedBy: 'central', outcome }) === 'open';
    return !opensAnyway('undetermined') || (s.mode !== 'assisted' && !opensAnyway('attend'));
  });
  if (opensOnLoss !== undefined) {
    problems.push({
      code: 'policy.open-on-loss',
      message: `losing the network must not open for assurance ${opensOnLoss.assurance} (mode ${opensOnLoss.mode}): only for sam`,
    });
  }
  return problems;
}
