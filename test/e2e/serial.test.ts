import t from 'tap';
import { openSerial } from '../../drivers/ports/serial.js';
import { SamModule } from '../../drivers/simulated/samModule.js';
import { systemClock } from '../../platform/clock.js';
import { ptyPair } from '../drivers/ports/socat.js';
import { TestGate } from './support/gate.js';
import { cardOf, elder } from './support/people.js';
import { Site } from './support/site.js';

const BAUD = 115_200;

t.test('a card on a reader behind a serial line opens, with green', async (t) => {
  const person = elder(110, { healthCode: 'green' });
  const { near, far } = await ptyPair(t);
  const line = await openSerial(far, BAUD, systemClock);
  t.teardown(() => line.close());
  const module = new SamModule({
    clock: systemClock,
    refind: 'until-lifted',
    baud: BAUD,
    send: (bytes) => {
      line.write(bytes).catch(() => {});
    },
  });
  line.onData((bytes) => module.receive(bytes));

  const site = await Site.open(t, { people: [person] });
  const gate = await TestGate.open(site, { device: 'gate-1', port: `serial:${near}?baud=${BAUD}` });
  const from = gate.edges.count;
  module.put(cardOf(person));
  await gate.edges.edge('green', 1, from);
  await gate.edges.edge('gate', 1, from);
  await gate.edges.edge('gate', 0, from);
  t.same(gate.lamps(from), ['green']);
  const { verdict } = await gate.stored(0);
  t.match(verdict, { outcome: 'pass', action: 'open', decidedBy: 'central' });
});
