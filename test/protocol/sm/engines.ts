import {
  platformHasSm2,
  platformSm2Encryption,
  platformSm2Signatures,
} from '../../../protocol/sm/platformSm2.js';
import { portableSm2Encryption, portableSm2Signatures } from '../../../protocol/sm/portableSm2.js';
import { fitsSm2Encryption, fitsSm2Signatures } from '../../../protocol/sm/sm2.js';
import type { Sm2EncryptionEngine, Sm2SignatureEngine } from '../../../protocol/sm/sm2Engine.js';

interface Named<Engine> {
  readonly name: string;
  readonly engine: Engine;
}

const here = platformHasSm2;

/** Whoever computes signatures here: OpenSSL, where it can, and sm-crypto. */
export const signers: readonly Named<Sm2SignatureEngine>[] = [
  ...(here && fitsSm2Signatures(platformSm2Signatures)
    ? [{ name: 'OpenSSL', engine: platformSm2Signatures }]
    : []),
  { name: 'sm-crypto', engine: portableSm2Signatures },
];

/** Whoever encrypts here, as above. */
export const encrypters: readonly Named<Sm2EncryptionEngine>[] = [
  ...(here && fitsSm2Encryption(platformSm2Encryption)
    ? [{ name: 'OpenSSL', engine: platformSm2Encryption }]
    : []),
  { name: 'sm-crypto', engine: portableSm2Encryption },
];
