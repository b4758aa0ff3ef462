import { createRequire } from 'node:module';
import t from 'tap';
import { systemClock } from '../../../platform/clock.js';
import { silentLog } from '../../../platform/log.js';
import { mqttOpener } from '../../../platform/mqtt/link.js';

t.test('a link costs no table of 65,536 packet identifiers', async (t) => {
  const nextToMqtt = createRequire(createRequire(import.meta.url).resolve('mqtt'));
  const { writeToStream } = nextToMqtt('mqtt-packet') as { writeToStream: { cacheNumbers: boolean } };
  t.equal(writeToStream.cacheNumbers, true, 'mqtt-packet makes it unless told otherwise');
  mqttOpener(systemClock, Math.random, silentLog);
  t.equal(writeToStream.cacheNumbers, false);
});
