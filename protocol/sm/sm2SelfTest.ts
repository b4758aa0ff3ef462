import { checkSelf } from './selfTest.js';
import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign, sm2Verify } from './sm2.js';

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');

/** GB/T 32918.5-2017, annexes A and C: one key pair for both. */
const SM2_KNOWN = {
  privateKey: '3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8',
  publicKey:
    '0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020' +
    'ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13',
  signed: Buffer.from('message digest'),
  signature:
    'f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3' +
    'b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa',
  encrypted: Buffer.from('encryption standard'),
  ciphertext: hex(
    '0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73' +
      'e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0' +
      '59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766' +
      '21886ca989ca9c7d58087307ca93092d651efa',
  ),
};

/** What the SM2 self-test exercises; `sm2.ts` unless a test breaks one on purpose. */
export interface Sm2Functions {
  readonly generate: typeof generateSm2KeyPair;
  readonly sign: typeof sm2Sign;
  readonly verify: typeof sm2Verify;
  readonly encrypt: typeof sm2Encrypt;
  readonly decrypt: typeof sm2Decrypt;
}

const SM2_IN_USE: Sm2Functions = {
  generate: generateSm2KeyPair,
  sign: sm2Sign,
  verify: sm2Verify,
  encrypt: sm2Encrypt,
  decrypt: sm2Decrypt,
};

/**
 * The standard's own signature and ciphertext, then a fresh key there and back. About a fifth of a second on a PC and
 * more than a second on a board: not for the thread that drives the gate.
 *
 * @throws CardpadError `sm.self-test` (fatal), naming the test that failed
 */
export function selfTestSm2(sm2: Sm2Functions = SM2_IN_USE): void {
  const { privateKey, publicKey, signed, signature, encrypted, ciphertext } = SM2_KNOWN;
  checkSelf('SM2 verification', () => sm2.verify(signed, signature, publicKey));
  checkSelf('SM2 decryption', () => sm2.decrypt(ciphertext, privateKey)?.equals(encrypted) ?? false);
  checkSelf('SM2 signature', () => {
    const fresh = sm2.generate();
    return sm2.verify(signed, sm2.sign(signed, fresh.privateKey, fresh.publicKey), fresh.publicKey);
  });
  checkSelf('SM2 encryption', () => {
    const back = sm2.decrypt(sm2.encrypt(encrypted, publicKey), privateKey);
    return back?.equals(encrypted) ?? false;
  });
}
