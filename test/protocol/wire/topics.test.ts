import fc from 'fast-check';
import t from 'tap';
import {
  centralStateTopic,
  DEVICE_ID,
  DOWN_KINDS,
  downTopic,
  EVERY_CENTRAL_STATE,
  everyDevice,
  parseTopic,
  UP_KINDS,
  upTopic,
} from '../../../protocol/wire/topics.js';

const device = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);

t.test('a topic that was built reads back to its parts', async (t) => {
  fc.assert(
    fc.property(device, fc.constantFrom(...UP_KINDS), fc.constantFrom(...DOWN_KINDS), (name, up, down) => {
      t.same(parseTopic(upTopic(name, up)), { to: 'up', device: name, kind: up });
      t.same(parseTopic(downTopic(name, down)), { to: 'down', device: name, kind: down });
      t.same(parseTopic(centralStateTopic(name)), { to: 'central', worker: name });
    }),
    { numRuns: 30 },
  );
});

t.test('the topics are those that brokers were told to let through', async (t) => {
  t.equal(upTopic('gz-bus-a1', 'verify'), 'cardpad/v1/d/gz-bus-a1/up/verify');
  t.equal(downTopic('gz-bus-a1', 'verdict'), 'cardpad/v1/d/gz-bus-a1/down/verdict');
  t.equal(everyDevice('hello'), 'cardpad/v1/d/+/up/hello');
  t.equal(EVERY_CENTRAL_STATE, 'cardpad/v1/central/+/state');
});

for (const id of [
  '',
  'a/b',
  '+',
  'a+',
  '#',
  'a#',
  'GZ',
  'gZ',
  '-a',
  'a b',
  'a\n',
  'é',
  'a.b',
  'x'.repeat(64),
]) {
  t.test(`${JSON.stringify(id)} is no device id`, async (t) => {
    t.notOk(DEVICE_ID.test(id));
    t.equal(parseTopic(`cardpad/v1/d/${id}/up/hello`), undefined);
    t.equal(parseTopic(`cardpad/v1/central/${id}/state`), undefined);
  });
}

for (const topic of [
  '',
  '/',
  'cardpad',
  'cardpad/v1',
  'cardpad/v1/d/gz-bus-a1',
  'cardpad/v1/d/gz-bus-a1/up',
  'cardpad/v1/d/gz-bus-a1/up/',
  'cardpad/v1/d/gz-bus-a1/up/verdict',
  'cardpad/v1/d/gz-bus-a1/down/verify',
  'cardpad/v1/d/gz-bus-a1/sideways/hello',
  'cardpad/v1/d/gz-bus-a1/up/hello/',
  'cardpad/v1/d/gz-bus-a1/up/hello/more',
  'cardpad/v1/d/gz-bus-a1/up/__proto__',
  '/cardpad/v1/d/gz-bus-a1/up/hello',
  'cardpad/v2/d/gz-bus-a1/up/hello',
  'Cardpad/v1/d/gz-bus-a1/up/hello',
  'cardpad/v1/x/gz-bus-a1/up/hello',
  'cardpad/v1/central/w1/state/more',
  'cardpad/v1/central/w1/hello',
  '$SYS/broker/uptime',
]) {
  t.test(`${JSON.stringify(topic)} is not ours`, async (t) => t.equal(parseTopic(topic), undefined));
}

t.test('no text whatever makes it throw', async () => {
  const part = fc.oneof(
    fc.constantFrom('cardpad', 'v1', 'd', 'central', 'up', 'down', 'hello', ''),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
      parseTopic(parts.join('/'));
    }),
  );
});
