import { sm3 } from '../sm/sm3.js';

const CORRELATION_BYTES = 8;

/**
 * What pairs an answer with its question for those who look on: MQTT 5 correlation data (clause 3.3.2.3.6), made of the
 * question's payload. The two ends themselves pair by what is inside of the payloads.
 */
export function correlationOf(payload: Uint8Array): Buffer {
  return sm3(payload).subarray(0, CORRELATION_BYTES);
}
