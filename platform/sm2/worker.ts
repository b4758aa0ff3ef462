import { parentPort } from 'node:worker_threads';
import type { Sm2SigningPoint } from '../../protocol/sm/sm2.js';
import { toPosted } from './failures.js';
import { performSm2, prepareOnePoint, sm2Operations } from './operations.js';
import { exactly } from './service.js';
import type { ThreadReply, ThreadRequest } from './thread.js';

/** In this thread's memory only: a nonce that is told, or used twice, tells the private key. */
const points: Sm2SigningPoint[] = [];
const operations = sm2Operations(points);
let preparing = false;

function answer({ name, parameters }: ThreadRequest): ThreadReply {
  try {
    const value = performSm2(operations, name, parameters);
    return { value: value instanceof Uint8Array ? exactly(value) : value };
  } catch (thrown) {
    return { failure: toPosted(thrown) };
  } finally {
    for (const one of parameters) if (one instanceof Uint8Array) one.fill(0);
  }
}

/** One point a turn of the event loop, so that a request waits for one at most. */
function prepareWhileIdle(): void {
  if (preparing) return;
  preparing = true;
  setImmediate(() => {
    preparing = false;
    if (prepareOnePoint(points)) prepareWhileIdle();
  });
}

parentPort?.on('message', (request: ThreadRequest) => {
  parentPort?.postMessage(answer(request));
  prepareWhileIdle();
});
prepareWhileIdle();
