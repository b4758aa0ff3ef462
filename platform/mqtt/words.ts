import { codeOf, messageOf } from '../../protocol/errors.js';

/** MQTT 3.1.1 clause 3.2.2.3, table 3.1. */
const RETURN_CODES: Readonly<Record<number, string>> = {
  1: 'the broker does not speak this version of MQTT',
  2: 'the broker refuses the client id',
  3: 'the broker is there and cannot serve just now',
  4: 'the broker refuses the login (bad user name or password)',
  5: 'the broker refuses the login (not authorized)',
};

/** MQTT 5 clause 3.14.2.1: another client has connected under our name. */
export const TAKEN_OVER = 0x8e;

/** MQTT 5 clause 2.4, table 2-6: those that a broker can give for a connection, a subscription or a message. */
const REASON_CODES: Readonly<Record<number, string>> = {
  128: 'the broker gives no reason',
  129: 'the broker says: malformed packet',
  130: 'the broker says: protocol error',
  131: 'the broker does not allow it',
  132: 'the broker does not speak this version of MQTT',
  133: 'the broker refuses the client id',
  134: 'the broker refuses the login (bad user name or password)',
  135: 'not authorized: see the access list of the broker',
  136: 'the broker is there and cannot serve just now',
  137: 'the broker is busy',
  138: 'the broker has banned this client',
  139: 'the broker is shutting down',
  140: 'the broker refuses the login (bad authentication method)',
  141: 'the broker heard nothing for too long',
  142: 'another client has come under the same name',
  143: 'the broker does not allow this topic filter',
  144: 'the broker does not allow this topic',
  145: 'the broker says: packet identifier in use',
  147: 'the broker says: too many messages under way',
  148: 'the broker says: topic alias invalid',
  149: 'the broker says: packet too large',
  150: 'the broker says: too many messages',
  151: 'a quota of the broker is used up',
  152: 'the administrator of the broker has ended the connection',
  153: 'the broker says: payload format invalid',
  154: 'the broker keeps no retained messages',
  155: 'the broker does not offer this quality of service',
  156: 'the broker sends us to another server',
  157: 'the broker has moved to another server',
  158: 'the broker does not offer shared subscriptions',
  159: 'the broker says: too many connections at once',
  160: 'the broker ends connections after some time',
  161: 'the broker does not offer subscription identifiers',
  162: 'the broker does not offer subscriptions to many topics',
};

const UNKNOWN_AUTHORITY =
  'no known authority vouches for the certificate of the broker: see broker.caFile or --ca';

/** What Node and OpenSSL call it, for people. The clock is the first thing to look at on a board without a battery. */
const NETWORK_CODES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate of the broker has expired, or the clock here is wrong',
  CERT_NOT_YET_VALID: 'the certificate of the broker is not valid yet, or the clock here is wrong',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the broker is for another name than the one in its URL',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there speaks no TLS',
};

/** A return or reason code of a broker, for people. */
export function reasonWords(code: number): string {
  return RETURN_CODES[code] ?? REASON_CODES[code] ?? `the broker gives reason ${code}`;
}

/** The same in a CONNACK, where what is not authorized is the login. */
export const connackWords = (code: number) => reasonWords(code === 135 ? 5 : code);

/** What went wrong on the way to a broker, for people. */
export function problemWords(error: Error): string {
  const { code } = error as { readonly code?: unknown };
  // mqtt.js puts the broker's code there.
  if (typeof code === 'number') return reasonWords(code);
  return NETWORK_CODES[codeOf(error) ?? ''] ?? (messageOf(error) || 'no answer');
}
