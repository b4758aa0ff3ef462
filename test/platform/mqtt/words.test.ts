import t from 'tap';
import { connackWords, problemWords, reasonWords } from '../../../platform/mqtt/words.js';

const failure = (code: unknown, message = 'as it is') => Object.assign(new Error(message), { code });

for (const [what, said, words] of [
  ['3.1.1: bad login', reasonWords(4), /refuses the login \(bad user name or password\)/],
  ['3.1.1: not authorized', reasonWords(5), /refuses the login \(not authorized\)/],
  ['5: bad login', connackWords(0x86), /refuses the login \(bad user name or password\)/],
  ['5: login not authorized', connackWords(0x87), /refuses the login \(not authorized\)/],
  ['5: a topic not authorized', reasonWords(0x87), /not authorized: see the access list/],
  ['5: taken over', reasonWords(0x8e), /another client has come under the same name/],
  ['a code that nobody knows', reasonWords(0xee), /reason 238/],
  ['a code of the broker', problemWords(failure(0x89)), /busy/],
  [
    'an expired certificate',
    problemWords(failure('CERT_HAS_EXPIRED')),
    /expired, or the clock here is wrong/,
  ],
  ['a code of the system', problemWords(failure('ECONNRESET', 'read ECONNRESET')), /^read ECONNRESET$/],
  ['several addresses tried', problemWords(failure('ETIMEDOUT', '')), /^no answer$/],
  ['no code', problemWords(new Error('Keepalive timeout')), /^Keepalive timeout$/],
] as const) {
  t.test(what, async (t) => t.match(said, words));
}
