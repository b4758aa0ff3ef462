import type { TapContent } from '../../protocol/journal/seal.js';
import type { Question } from '../../protocol/wire/messages.js';
import type { Person } from './people.js';
import type { Facts } from './rules.js';

/** What a question and a tap record both say of who came where. */
export type Presented = Question | TapContent;

function codeOf(person: Person | undefined, nowMs: number): Facts['code'] {
  if (person?.healthCode === undefined) return 'absent';
  return person.validUntilMs !== undefined && nowMs > person.validUntilMs ? 'expired' : 'current';
}

function visitOf(person: Person | undefined, site: string, nowMs: number): Facts['visit'] {
  const visits = person?.visits.filter((visit) => visit.site === site) ?? [];
  if (visits.some(({ fromMs, toMs }) => fromMs <= nowMs && nowMs <= toMs)) return 'booked-now';
  return visits.length > 0 ? 'booked-other' : 'none';
}

/** What rules may ask about; the same for every scheme. */
export function factsOf(presented: Presented, person: Person | undefined, nowMs: number): Facts {
  return {
    known: person !== undefined,
    healthCode: person?.healthCode ?? 'absent',
    code: codeOf(person, nowMs),
    visit: visitOf(person, presented.site, nowMs),
    document: presented.validity,
    medium: presented.medium,
    assurance: presented.assurance,
    direction: presented.direction,
  };
}
