import t from 'tap';
import { openI2c } from '../../../drivers/ports/i2c.js';
import { ManualClock, systemClock } from '../../../platform/clock.js';
import type { Checks } from '../../support/checks.js';
import { settle } from '../../support/waiting.js';
import { busFailure, FakeI2cBus } from './fakeI2cBus.js';
import { i2cContract } from './i2cContract.js';

const ADDRESS = 0x24;

function openOn(bus: FakeI2cBus, clock = new ManualClock(), address = ADDRESS) {
  return openI2c(1, address, clock, async () => ({ openPromisified: async () => bus }));
}

await i2cContract(
  { test: (name: string, body: (t: Checks) => Promise<void>) => t.test(name, (t) => body(t)) },
  {
    open: (address) => openOn(new FakeI2cBus(ADDRESS), new ManualClock(), address),
    present: ADDRESS,
    absent: 0x25,
    isMemory: true,
  },
);

for (const { errno, code, disposition, help } of [
  { errno: 'ENXIO', code: 'i2c.no-answer', disposition: 'retry', help: /i2cdetect/ },
  { errno: 'EREMOTEIO', code: 'i2c.no-answer', disposition: 'retry', help: /i2cdetect/ },
  { errno: 'ETIMEDOUT', code: 'i2c.timeout', disposition: 'retry', help: /holds a wire down/ },
  { errno: 'EAGAIN', code: 'i2c.arbitration', disposition: 'retry', help: /Two computers/ },
  { errno: 'EIO', code: 'i2c.failed', disposition: 'retry', help: /pull-up/ },
  { errno: 'EBUSY', code: 'i2c.in-use', disposition: 'reconnect', help: /device tree/ },
  { errno: 'EOPNOTSUPP', code: 'i2c.no-raw', disposition: 'reject', help: /plain I2C/ },
  { errno: 'ENODEV', code: 'port.missing', disposition: 'reconnect', help: /raspi-config/ },
  { errno: 'ESOMETHING', code: 'i2c.failed', disposition: 'retry', help: undefined },
]) {
  t.test(`${errno} of a transfer is ${code}`, async (t) => {
    const bus = new FakeI2cBus(ADDRESS);
    const port = await openOn(bus);
    bus.failures.push(busFailure(errno));
    const wanted = { code, disposition, help, message: /i2c:\/dev\/i2c-1\?address=0x24/ };
    await t.rejects(port.read(1), wanted);
  });
}

t.test('after a failure that passes, the port goes on', async (t) => {
  const bus = new FakeI2cBus(ADDRESS);
  const port = await openOn(bus);
  bus.failures.push(busFailure('EIO'));
  await t.rejects(port.write(Uint8Array.of(1, 2)), { code: 'i2c.failed' });
  await port.write(Uint8Array.of(1, 2));
  t.same(bus.transfers, ['write 0102']);
});

t.test(
  'an address that the kernel keeps for itself closes the port: no transfer may go elsewhere',
  async (t) => {
    const bus = new FakeI2cBus(ADDRESS);
    const port = await openOn(bus);
    bus.failures.push(busFailure('EBUSY'));
    await t.rejects(port.write(Uint8Array.of(1)), { code: 'i2c.in-use' });
    await t.rejects(port.write(Uint8Array.of(1)), { code: 'port.closed' });
    t.same(bus.transfers, []);
    t.equal(bus.closes, 1);
  },
);

for (const { errno, code, help } of [
  { errno: 'ENOENT', code: 'port.missing', help: /raspi-config/ },
  { errno: 'EACCES', code: 'port.denied', help: /group i2c/ },
  { errno: 'EPERM', code: 'port.denied', help: /group i2c/ },
]) {
  t.test(`${errno} at opening is ${code}`, async (t) => {
    const bus = new FakeI2cBus(ADDRESS);
    bus.openFailure = busFailure(errno);
    await t.rejects(openOn(bus), { code, disposition: 'reconnect', help });
    t.equal(bus.closes, 1);
  });
}

t.test('an adapter without plain I2C is refused at opening', async (t) => {
  const bus = new FakeI2cBus(ADDRESS);
  bus.hasPlainI2c = false;
  await t.rejects(openOn(bus), { code: 'i2c.no-raw' });
  t.equal(bus.closes, 1);
});

t.test(
  'a transfer that does not end is given up after two seconds, and so are those behind it',
  async (t) => {
    const bus = new FakeI2cBus(ADDRESS);
    const clock = new ManualClock();
    const port = await openOn(bus, clock);
    let release = () => {};
    bus.held = new Promise((resolve) => {
      release = resolve;
    });
    const first = t.rejects(port.read(1), { code: 'i2c.timeout', disposition: 'retry' });
    const second = t.rejects(port.write(Uint8Array.of(7)), { code: 'i2c.timeout' });
    await settle();
    clock.advance(2000);
    await Promise.all([first, second]);
    release();
    bus.held = undefined;
    await settle();
    t.same(bus.transfers, ['read 1'], 'what was given up before it began is not done later');
    await port.read(1);
  },
);

t.test('a bus that does not even open is given up after two seconds', async (t) => {
  const bus = new FakeI2cBus(ADDRESS);
  const clock = new ManualClock();
  bus.held = new Promise(() => {});
  const opening = t.rejects(openOn(bus, clock), { code: 'i2c.timeout' });
  await settle();
  clock.advance(2000);
  await opening;
});

t.test('a transfer that ends early is a failure', async (t) => {
  const bus = new FakeI2cBus(ADDRESS);
  const port = await openOn(bus);
  bus.mostBytes = 3;
  await t.rejects(port.read(4), { code: 'i2c.failed', message: /3 of 4 bytes/ });
  await t.rejects(port.write(Uint8Array.of(1, 2, 3, 4)), { code: 'i2c.failed' });
});

t.test('without i2c-bus there is a word what to do', async (t) => {
  const missing = openI2c(1, ADDRESS, systemClock, () => Promise.reject(busFailure('ERR_MODULE_NOT_FOUND')));
  await t.rejects(missing, { code: 'port.addon-missing', disposition: 'fatal', help: /npm install i2c-bus/ });
});

t.test('the real add-on on a bus that this machine does not have', async (t) => {
  await t.rejects(openI2c(987, ADDRESS, systemClock), { code: 'port.missing' });
});
