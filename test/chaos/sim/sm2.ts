import type { Random } from '../../../drivers/simulated/random.js';
import { createSm2Inline } from '../../../platform/sm2/inline.js';
import type { Sm2Service } from '../../../platform/sm2/service.js';
import { between, type LifeClock } from './clock.js';

/** The self-test takes as long as a whole session: once a process is enough to know that this code computes. */
let selfTested: Promise<void> | undefined;

/** Real SM2, one operation after the other, each taking the simulated time that it takes on a board. */
export function simSm2(
  clock: LifeClock,
  random: Random,
  [leastMs, mostMs]: readonly [number, number],
): Sm2Service {
  const sm2 = createSm2Inline();
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(() => clock.sleep(between(random, leastMs, mostMs))).then(work);
    tail = done.catch(() => {});
    return done;
  };
  return {
    generate: () => inTurn(() => sm2.generate()),
    sign: (message, keyPair) => inTurn(() => sm2.sign(message, keyPair)),
    verify: (message, signature, publicKey) => inTurn(() => sm2.verify(message, signature, publicKey)),
    encrypt: (plaintext, publicKey) => inTurn(() => sm2.encrypt(plaintext, publicKey)),
    decrypt: (ciphertext, privateKey) => inTurn(() => sm2.decrypt(ciphertext, privateKey)),
    selfTest: () =>
      inTurn(() => {
        selfTested ??= sm2.selfTest();
        return selfTested;
      }),
    close: () => sm2.close(),
  };
}
