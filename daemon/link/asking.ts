import type { MessageProperties } from '../../platform/mqtt.js';
import { correlationOf } from '../../protocol/wire/correlation.js';
import { type DownKind, downTopic } from '../../protocol/wire/topics.js';

/**
 * What MQTT 5 says beside a message that asks for an answer.
 * @param withinMs after this nobody waits for the answer, and the message need not arrive; default: it stays wanted
 */
export function asking(
  device: string,
  answer: DownKind,
  payload: Uint8Array,
  withinMs?: number,
): MessageProperties {
  return {
    responseTopic: downTopic(device, answer),
    correlation: correlationOf(payload),
    ...(withinMs === undefined ? {} : { expirySeconds: Math.max(1, Math.ceil(withinMs / 1000)) }),
  };
}
