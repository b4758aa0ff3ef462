import type { ISubscriptionMap } from 'mqtt';
import { ErrorWithSubackPacket } from 'mqtt/lib/shared';
import type { Subscription } from '../mqtt.js';
import { problemWords, reasonWords } from './words.js';

/** Retained messages come with each subscription, and only those are marked as retained: MQTT 5 clause 3.8.3.1. */
const AS_IN_311 = { nl: false, rap: false, rh: 0 } as const;

export const subscriptionMap = (subscriptions: readonly Subscription[]): ISubscriptionMap =>
  Object.fromEntries(subscriptions.map(({ topic, qos }) => [topic, { qos, ...AS_IN_311 }]));

/** What came of a SUBSCRIBE that was not granted whole. */
export interface Refused {
  /** Why the connection cannot be used; undefined where all that was refused is optional. */
  readonly problem: string | undefined;
  /** Optional topics that were refused. */
  readonly without: readonly string[];
}

/** MQTT 3.1.1 clause 3.9.3, MQTT 5 clause 3.9.3: one code a topic, in order; 0x80 and above is failure. */
export function refusedOf(error: Error, subscriptions: readonly Subscription[]): Refused {
  const granted = error instanceof ErrorWithSubackPacket ? (error.packet?.granted ?? []) : [];
  const refused = subscriptions.flatMap((subscription, at) => {
    const code = Number(granted[at] ?? 0);
    return code >= 0x80 ? [{ ...subscription, code }] : [];
  });
  const needed = refused.find(({ optional }) => optional !== true);
  const without = refused.filter(({ optional }) => optional === true).map(({ topic }) => topic);
  if (refused.length === 0) return { problem: problemWords(error), without };
  if (needed === undefined) return { problem: undefined, without };
  const problem = `the broker refuses a subscription to ${needed.topic} (${reasonWords(needed.code)})`;
  return { problem, without };
}
