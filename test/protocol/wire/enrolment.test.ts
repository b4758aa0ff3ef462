import t from 'tap';
import {
  type CentralPublic,
  type Enrolment,
  enrolmentBytes,
  parseCentralPublic,
  parseEnrolment,
} from '../../../protocol/wire/enrolment.js';
import { assertNeverThrows, mistyped, notRefused, spoiled } from './hostile.js';
import { hexOf } from './samples.js';

const key = (label: string) => ({ id: hexOf(label, 8), publicKey: `04${hexOf(label, 64)}` });
const ENROLMENT: Enrolment = { v: 1, device: 'gz-bus-a1', key: key('device'), signature: hexOf('s', 64) };
const CENTRAL: CentralPublic = {
  v: 1,
  keys: { session: [key('s2'), key('s1')], authority: [key('a')], ledger: [key('l')] },
};
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

t.test('an enrolment and a public file read back as they were written', async (t) => {
  t.same(parseEnrolment(json(ENROLMENT)), { ok: true, value: ENROLMENT });
  t.same(parseCentralPublic(json(CENTRAL)), { ok: true, value: CENTRAL });
});

t.test('what is signed binds device and key', async (t) => {
  t.equal(enrolmentBytes('a1', '04ff').toString(), 'cardpad/v1/enrolment\na1\n04ff');
});

t.test('anything but the exact shape is refused with a reason', async (t) => {
  for (const cases of [spoiled, mistyped]) {
    t.same(notRefused(parseEnrolment, cases(ENROLMENT)), []);
    t.same(notRefused(parseCentralPublic, cases(CENTRAL)), []);
  }
});

t.test('a list of keys is never empty and never long', async (t) => {
  for (const ledger of [[], Array.from({ length: 17 }, () => key('l'))]) {
    t.notOk(parseCentralPublic(json({ ...CENTRAL, keys: { ...CENTRAL.keys, ledger } })).ok);
  }
});

t.test('a missing list of keys is refused', async (t) => {
  const { authority: _, ...keys } = CENTRAL.keys;
  t.notOk(parseCentralPublic(json({ ...CENTRAL, keys })).ok);
});

t.test('no bytes make them throw', async () => {
  assertNeverThrows(parseEnrolment, Object.keys(ENROLMENT));
  assertNeverThrows(parseCentralPublic, Object.keys(CENTRAL));
});
