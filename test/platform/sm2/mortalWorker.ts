import { parentPort } from 'node:worker_threads';
import type { ThreadReply, ThreadRequest } from '../../../platform/sm2/thread.js';

/**
 * A thread that can be told what to do by the text that it is to verify: `exit`, `throw`, `wait` (never answers), or
 * anything else, which is true.
 */
parentPort?.on('message', ({ parameters }: ThreadRequest) => {
  const [message] = parameters;
  const order = message instanceof Uint8Array ? Buffer.from(message).toString() : '';
  if (order === 'exit') process.exit(7);
  if (order === 'throw') throw new Error('told to');
  if (order === 'wait') return;
  const reply: ThreadReply = { value: true };
  parentPort?.postMessage(reply);
});
