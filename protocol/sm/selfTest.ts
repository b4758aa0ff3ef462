import { CardpadError } from '../errors.js';
import type { Sm3Engine, Sm4Engine } from './engine.js';
import { sm3Engine } from './sm3.js';
import { sm4Engine } from './sm4.js';

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');

/** GB/T 32905-2016, annex A, example 1. */
const SM3_KNOWN = {
  message: Buffer.from('abc'),
  digest: hex('66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0'),
};

/** RFC 2104 with SM3; no standard prints one, so it was computed by OpenSSL and by Python alike. */
const HMAC_KNOWN = {
  key: hex('0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'),
  message: Buffer.from('abc'),
  mac: hex('44809d3ff5336f44071be1917887380730ae145f940a53819279801784c65e17'),
};

/** draft-ribose-cfrg-sm4-10, A.2.5.1, the first 40 bytes: whole blocks and a short one. */
const SM4_KNOWN = {
  key: hex('0123456789abcdeffedcba9876543210'),
  iv: hex('000102030405060708090a0b0c0d0e0f'),
  plaintext: hex('aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeee'),
  ciphertext: hex('ac3236cb970cc20791364c395a1342d1a3cbc1878c6f30cd074cce385cdd70c7f234bc0e24c11980'),
};

/**
 * Known answers of SM3, HMAC-SM3 and SM4-CTR by the engines in use; well under a millisecond, so it runs before the
 * first card.
 *
 * @throws CardpadError `sm.self-test` (fatal), naming the test that failed
 */
export function selfTestSymmetric(digests: Sm3Engine = sm3Engine, cipher: Sm4Engine = sm4Engine): void {
  checkSelf('SM3', () => digests.digest([SM3_KNOWN.message]).equals(SM3_KNOWN.digest));
  checkSelf('HMAC-SM3', () => digests.hmac(HMAC_KNOWN.key, [HMAC_KNOWN.message]).equals(HMAC_KNOWN.mac));
  checkSelf('SM4-CTR', () =>
    cipher.ctr(SM4_KNOWN.key, SM4_KNOWN.iv, SM4_KNOWN.plaintext).equals(SM4_KNOWN.ciphertext),
  );
}

/** Runs one named test. @throws CardpadError `sm.self-test` (fatal) when it gives false or throws */
export function checkSelf(test: string, passes: () => boolean): void {
  let cause: unknown;
  try {
    if (passes()) return;
  } catch (thrown) {
    cause = thrown;
  }
  throw new CardpadError('sm.self-test', 'fatal', `The self-test of ${test} failed`, {
    help: 'The national cryptography of this installation is damaged. Install cardpad again.',
    cause,
  });
}
