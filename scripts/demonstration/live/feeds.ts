import { systemClock } from '../../../platform/clock.js';
import { silentLog } from '../../../platform/log.js';
import { mqttOpener } from '../../../platform/mqtt/link.js';
import { GpioFolder } from '../../screen/gpioFolder.js';
import { Service } from '../../staging/children.js';
import type { Stage } from '../stage.js';
import type { Happenings, KnownEvent } from './happenings.js';

function parseEvent(line: string): KnownEvent | undefined {
  const document = JSON.parse(line) as Record<string, unknown>;
  const { kind, epoch, seq } = document;
  if (typeof kind !== 'string' || typeof epoch !== 'number' || typeof seq !== 'number') return undefined;
  return { ...document, kind, epoch, seq };
}

/** Lets the happenings tell what the gate's lines do, what central knows and what passes over the broker. */
export function follow(stage: Stage, happenings: Happenings): void {
  const gpio = new GpioFolder(stage.gpio, (change) => happenings.tell({ type: 'level', ...change }));
  stage.onClose(async () => gpio.close());

  const events = new Service('central events', ['central', 'events', '--data', stage.central, '--follow'], {
    onOutput(line) {
      const event = parseEvent(line);
      if (event !== undefined) happenings.tell({ type: 'event', event });
    },
  });
  stage.onClose(() => events.stop());

  const onlooker = mqttOpener(
    systemClock,
    Math.random,
    silentLog,
  )({
    url: stage.brokerUrl,
    clientId: 'demo-onlooker',
    subscriptions: [{ topic: 'cardpad/v1/#', qos: 0 }],
    onMessage: (topic, payload) => happenings.tell({ type: 'message', topic, payload }),
    onUp: () => {},
    onDown: () => {},
  });
  stage.onClose(() => onlooker.close());
}
