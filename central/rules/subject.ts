import type { Credential } from '../../protocol/credential.js';
import { hmacSm3 } from '../../protocol/sm/sm3.js';
import { normalIdNumber, type People } from './people.js';

/**
 * The pseudonym of whom a credential belongs to, 64 hex characters: HMAC-SM3(site key, ID number). A card of another
 * medium that the people file binds to nobody stands for itself.
 */
export function subjectOf(
  siteKey: Uint8Array,
  medium: Credential['medium'],
  token: string,
  people: People,
): string {
  const person = people.find(medium, token);
  const hasNumber = medium === 'id-card' || medium === 'typed';
  const own = hasNumber ? normalIdNumber(token) : `${medium}:${token}`;
  const name = person === undefined ? own : normalIdNumber(person.idNumber.reveal());
  return hmacSm3(siteKey, Buffer.from(name, 'utf8')).toString('hex');
}
