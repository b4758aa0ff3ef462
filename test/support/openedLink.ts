import { type ManualClock, systemClock } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import { mqttOpener } from '../../platform/mqtt/link.js';
import type { MqttLink, MqttOptions } from '../../platform/mqtt.js';
import { until } from './waiting.js';

interface Scope {
  teardown(call: () => unknown): unknown;
}

export interface OpenedLink {
  readonly link: MqttLink;
  readonly got: string[];
  readonly lines: string[];
  ups: number;
  downs: number;
  takenOver: number;
}

let clients = 0;

/** A link that writes down what happens to it; it listens to `to/+`, and ends with the test. */
export function openLink(
  t: Scope,
  url: string,
  options: Partial<MqttOptions> = {},
  clock = systemClock,
  random = () => 0.999,
): OpenedLink {
  clients += 1;
  const lines: string[] = [];
  const seen = { got: [] as string[], lines, ups: 0, downs: 0, takenOver: 0 };
  const opener = mqttOpener(
    clock,
    random,
    createLog((line) => lines.push(line), 'debug'),
  );
  const link = opener({
    url,
    clientId: `test-${process.pid}-${clients}`,
    subscriptions: [{ topic: 'to/+', qos: 1 }],
    onMessage: (topic, payload, retained) =>
      seen.got.push(`${topic} ${payload}${retained ? ' retained' : ''}`),
    onUp: () => {
      seen.ups += 1;
    },
    onDown: (takenOver) => {
      seen.downs += 1;
      if (takenOver) seen.takenOver += 1;
    },
    ...options,
  });
  t.teardown(() => link.close());
  return Object.assign(seen, { link });
}

export const isUp = ({ link }: OpenedLink) => until(() => link.up, 'the link to come up');

/** Moves time on until it has happened, as often as it takes: a link hears of an end in a later turn. */
export async function waitOut(clock: ManualClock, done: () => boolean, what: string): Promise<void> {
  await until(
    () => {
      clock.advance(50);
      return done();
    },
    what,
    20_000,
  );
}
