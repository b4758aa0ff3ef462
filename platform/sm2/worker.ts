import { parentPort } from 'node:worker_threads';
import { toPosted } from './failures.js';
import { performSm2 } from './operations.js';
import { exactly } from './service.js';
import type { ThreadReply, ThreadRequest } from './thread.js';

function answer({ name, parameters }: ThreadRequest): ThreadReply {
  try {
    const value = performSm2(name, parameters);
    return { value: value instanceof Uint8Array ? exactly(value) : value };
  } catch (thrown) {
    return { failure: toPosted(thrown) };
  } finally {
    for (const one of parameters) if (one instanceof Uint8Array) one.fill(0);
  }
}

parentPort?.on('message', (request: ThreadRequest) => {
  parentPort?.postMessage(answer(request));
});
