import type { Personal } from './personal.js';

/** What kind of thing was presented. */
export const MEDIA = ['id-card', 'social-security', 'senior', 'citizen', 'transit', 'code', 'typed'] as const;
export type Medium = (typeof MEDIA)[number];

/**
 * How sure the device is that the credential is genuine, strongest first: `sam` was read through the police
 * security module (GA/T 467), `uid` is a clonable serial number, `typed` was keyed in, `attendant` vouched for.
 */
export const ASSURANCES = ['sam', 'uid', 'typed', 'attendant'] as const;
export type Assurance = (typeof ASSURANCES)[number];

/**
 * The dates printed on the document, against the day of the tap. `unconfirmed` is an "expired" that only one
 * read has said: a flipped bit must not accuse anybody, so it takes a second identical read to become `expired`.
 */
export const VALIDITIES = ['valid', 'expired', 'not-yet', 'unconfirmed', 'none'] as const;
export type Validity = (typeof VALIDITIES)[number];

/** What was presented, as every layer above the reader sees it. */
export interface Credential {
  readonly medium: Medium;
  /** For `id-card` the ID number: 18 characters, or 15 for the foreigner's card of 2017. */
  readonly token: Personal<string>;
  readonly assurance: Assurance;
  readonly validity: Validity;
}
