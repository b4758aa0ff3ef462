import { closedError } from './failures.js';
import { performSm2, type Sm2Operations } from './operations.js';
import { type Sm2Call, type Sm2Service, sm2ServiceOver } from './service.js';

/** SM2 on the caller's thread, which it holds up: for one-shot commands and simulations, never for a gate. */
export function createSm2Inline(): Sm2Service {
  let closed = false;
  const call: Sm2Call = async (name, ...parameters) => {
    if (closed) throw closedError();
    return performSm2(name, parameters) as ReturnType<Sm2Operations[typeof name]>;
  };
  return sm2ServiceOver(call, async () => {
    closed = true;
  });
}
