import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { openSerial } from '../../drivers/ports/serial.js';
import { SamModule } from '../../drivers/simulated/samModule.js';
import { systemClock } from '../../platform/clock.js';
import { NODE_ABI } from '../../scripts/packaging/addons.js';
import { stageTree } from '../../scripts/packaging/tree.js';
import { ptyPair } from '../drivers/ports/socat.js';
import { cardOf, elder } from '../e2e/support/people.js';
import { folderOutside, OWN, RELEASE, whyNotBuilt } from './support/packages.js';

const skip = await whyNotBuilt(OWN);
const root = await folderOutside();
const program = join(root, 'usr/lib/cardpad/cardpad.js');
if (skip === false) await stageTree(join(import.meta.dirname, '../../..'), RELEASE, OWN, root);

// The support of the end-to-end tests, over what the package brings.
process.env.CARDPAD_TEST_PROGRAM = program;
const { Site } = await import('../e2e/support/site.js');
const { TestGate } = await import('../e2e/support/gate.js');
const { cardpad } = await import('../e2e/support/child.js');

t.test(
  'the bundle says its version, its commands, and what is wrong with a configuration',
  { skip },
  async (t) => {
    t.match((await cardpad(t, ['--version'])).stdout, /^cardpad 0\.1\.0\n$/);
    t.match((await cardpad(t, ['--help'])).stdout, /^ {2}provision /m);
    const example = join(root, 'usr/share/doc/cardpad/examples/config.json');
    t.same(await cardpad(t, ['config', 'check', example]), {
      code: 0,
      stdout: `${example}: ok\n`,
      stderr: '',
    });
    t.equal((await cardpad(t, ['config', 'check', '/dev/null'])).code, 1);
  },
);

t.test('it runs as a program of its own, by the name in /usr/bin', { skip }, async (t) => {
  const link = join(root, 'usr/bin/cardpad');
  t.equal(execFileSync(process.execPath, [link, '--version'], { encoding: 'utf8' }), 'cardpad 0.1.0\n');
});

t.test(
  'every add-on loads in the Node that the package depends on',
  {
    skip: skip || (Number(process.versions.modules) !== NODE_ABI && 'this Node is another one'),
  },
  async (t) => {
    for (const name of ['serialport', 'epoll', 'i2c', 'unix_dgram']) {
      const load = `require(${JSON.stringify(join(root, 'usr/lib/cardpad/native', `${name}.node`))})`;
      t.doesNotThrow(
        () => execFileSync(process.execPath, ['-e', load], { env: { PATH: process.env.PATH } }),
        name,
      );
    }
  },
);

t.test(
  'a card on a serial reader, a gate and a central, all out of the package: green, and it opens',
  { skip },
  async (t) => {
    const BAUD = 115_200;
    const person = elder(120, { healthCode: 'green' });
    const { near, far } = await ptyPair(t);
    const line = await openSerial(far, BAUD, systemClock);
    t.teardown(() => line.close());
    const module = new SamModule({
      clock: systemClock,
      refind: 'until-lifted',
      baud: BAUD,
      send: (bytes) => void line.write(bytes).catch(() => {}),
    });
    line.onData((bytes) => module.receive(bytes));
    const site = await Site.open(t, { people: [person] });
    const gate = await TestGate.open(site, { device: 'gate-1', port: `serial:${near}?baud=${BAUD}` });
    const from = gate.edges.count;
    module.put(cardOf(person));
    await gate.edges.edge('gate', 1, from);
    await gate.edges.edge('gate', 0, from);
    t.same(gate.lamps(from), ['green']);
    t.match((await gate.stored(0)).verdict, { outcome: 'pass', action: 'open', decidedBy: 'central' });
  },
);
