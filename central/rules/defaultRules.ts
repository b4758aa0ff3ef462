import type { RuleTable } from './rules.js';

/**
 * The rule table of a new central, for the operator to edit as `rules.json`. The first row that fits decides, and the
 * last row of a scheme fits always. Colors: only a current red refuses; whatever is missing or stale is for a person
 * to look at (the practice of 2020 to 2022: a green code passes, a grey one goes to the attendant).
 */
export const DEFAULT_RULES: RuleTable = {
  'health-code@1': [
    { when: { document: 'expired' }, outcome: 'attend', reasons: ['id.expired'] },
    { when: { known: false }, outcome: 'attend', reasons: ['code.absent'] },
    { when: { healthCode: 'absent' }, outcome: 'attend', reasons: ['code.absent'] },
    {
      when: { code: 'expired' },
      outcome: 'attend',
      reasons: ['code.expired'],
      comment: 'Before red: a stale code accuses nobody.',
    },
    { when: { healthCode: 'red' }, outcome: 'refuse', reasons: ['health.red'] },
    { when: { healthCode: 'yellow' }, outcome: 'attend', reasons: ['health.yellow'] },
    {
      when: { healthCode: 'green', assurance: 'typed' },
      outcome: 'attend',
      reasons: ['health.green', 'id.typed'],
      comment: 'Anybody can type a number: it passes when an attendant has looked (assurance "attendant").',
    },
    { when: { healthCode: 'green' }, outcome: 'pass', reasons: ['health.green'] },
    { when: {}, outcome: 'attend', reasons: ['code.absent'] },
  ],
  'visitor@1': [
    {
      when: { visit: 'booked-now', assurance: 'typed' },
      outcome: 'attend',
      reasons: ['visitor.booked', 'id.typed'],
    },
    { when: { visit: 'booked-now' }, outcome: 'pass', reasons: ['visitor.booked'] },
    { when: { visit: 'booked-other' }, outcome: 'attend', reasons: ['visitor.other-time'] },
    { when: {}, outcome: 'attend', reasons: ['visitor.unbooked'] },
  ],
};
