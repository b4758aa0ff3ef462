import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { opener } from '../../../drivers/ports/open.js';
import { openSerial } from '../../../drivers/ports/serial.js';
import { StreamPort } from '../../../drivers/ports/streamPort.js';
import { openTcp, socketPort } from '../../../drivers/ports/tcp.js';
import { portPair } from '../../../drivers/simulated/portPair.js';
import { ManualClock, systemClock } from '../../../platform/clock.js';
import { type Line, portContract, until } from './contract.js';
import { ptyPair } from './socat.js';

async function listen(t: Test, onSocket: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function tcpLine(t: Test): Promise<Line> {
  let accepted: Socket | undefined;
  const port = await listen(t, (socket) => {
    accepted = socket;
  });
  const near = await opener(`tcp://127.0.0.1:${port}`)();
  await until(() => accepted !== undefined, 'the connection to be accepted');
  if (accepted === undefined) throw new Error('nothing was accepted');
  const far = socketPort('far', accepted);
  return { near, far, cut: () => void far.close() };
}

async function serialLine(t: Test): Promise<Line> {
  const pair = await ptyPair(t);
  const near = await opener(`serial:${pair.near}?baud=115200`)();
  const far = await openSerial(pair.far, 115200, systemClock);
  t.teardown(() => Promise.all([near.close(), far.close()]));
  return { near, far, cut: pair.unplug };
}

t.test('two ports joined in memory', (t) =>
  portContract(t, async () => {
    const { near, far } = portPair();
    return { near, far, cut: () => void far.close() };
  }),
);
t.test('a TCP connection', (t) => portContract(t, tcpLine));
t.test('a serial line', (t) => portContract(t, serialLine));

t.test('a write that the stream forgets is refused when the port closes', async (t) => {
  // A serial stream may never call back for a write that a close has cut off, as its manual says.
  const stream = new Duplex({ read() {}, write() {} });
  const port = new StreamPort('forgetful', stream, { shut: () => stream.emit('close') });
  const write = port.write(Uint8Array.of(1));
  await port.close();
  await t.rejects(write, { code: 'port.closed', disposition: 'reconnect' });
});

t.test('a port is named by where it leads', async (t) => {
  const { near } = await tcpLine(t);
  t.match(near.name, /^tcp:\/\/127\.0\.0\.1:\d+$/);
  await near.close();
  const v6 = await listen(t, () => {}, '::1');
  const loopback = await opener(`tcp://[::1]:${v6}`)();
  t.equal(loopback.name, `tcp://[::1]:${v6}`);
  await loopback.close();
  const serial = await serialLine(t);
  t.match(serial.near.name, /^serial:\/.*\/near$/);
});

t.test('where nobody listens the port is refused', async (t) => {
  const { port, close } = await new Promise<{ port: number; close: () => void }>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      resolve({ port: (server.address() as AddressInfo).port, close: () => server.close() });
    });
  });
  close();
  await t.rejects(opener(`tcp://127.0.0.1:${port}`)(), { code: 'port.refused', disposition: 'reconnect' });
});

t.test('a host that does not exist is missing', async (t) => {
  // RFC 6761: names under .invalid never resolve.
  await t.rejects(opener('tcp://reader.invalid:9601')(), { code: 'port.missing', disposition: 'reconnect' });
});

t.test('a connection that nobody answers is given up after 3 s', async (t) => {
  const clock = new ManualClock();
  // The deadline passes before the event loop could bring any answer.
  const opening = openTcp('127.0.0.1', 9, clock);
  clock.advance(3000);
  await t.rejects(opening, { code: 'port.timeout', disposition: 'reconnect' });
});

t.test('a serial device that is not there is missing', async (t) => {
  await t.rejects(opener('serial:/dev/cardpad-no-such-line')(), {
    code: 'port.missing',
    disposition: 'reconnect',
    help: /plugged in/,
  });
});

t.test(
  'a serial line that another program holds is refused, and free again after it is closed',
  async (t) => {
    const { near } = await ptyPair(t);
    const open = opener(`serial:${near}`);
    const first = await open();
    await t.rejects(open(), { code: 'port.refused', disposition: 'reconnect', help: /another|other|else/ });
    await first.close();
    const second = await open();
    await second.close();
  },
);

t.test('what is no serial line is refused', async (t) => {
  await t.rejects(opener('serial:/dev/null')(), { code: 'port.refused', disposition: 'reconnect' });
});

t.test('a serial line that may not be opened names the group that may', async (t) => {
  class Denied {
    open(told: (error: Error) => void): void {
      told(new Error('Error: Permission denied, cannot open /dev/ttyAMA0'));
    }
  }
  // Root, as which tests may run, is denied nothing, so the add-on's words are played.
  const load = async () => ({ SerialPort: Denied }) as unknown as typeof import('serialport');
  await t.rejects(openSerial('/dev/ttyAMA0', 115200, new ManualClock(), load), {
    code: 'port.denied',
    disposition: 'reconnect',
    help: /dialout/,
  });
});

t.test('a serial line that never finishes opening is given up after 3 s', async (t) => {
  class Stuck {
    open(): void {}
  }
  const clock = new ManualClock();
  const load = async () => ({ SerialPort: Stuck }) as unknown as typeof import('serialport');
  const opening = openSerial('/dev/ttyAMA0', 115200, clock, load);
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(3000);
  await t.rejects(opening, { code: 'port.timeout', disposition: 'reconnect' });
});

/** The add-on as far as a port needs it; `close` is the test's. */
class PlayedSerial extends Duplex {
  isOpen = true;
  open(told: (error: Error | null) => void): void {
    told(null);
  }
  override _read(): void {}
}

for (const { how, close, afterMs } of [
  {
    how: 'fails',
    close: (told: (error: Error) => void) => told(new Error('Bad file descriptor')),
    afterMs: 0,
  },
  { how: 'is never answered', close: () => {}, afterMs: 1000 },
]) {
  t.test(`a serial line whose close ${how} counts as closed after ${afterMs} ms`, async (t) => {
    class Stubborn extends PlayedSerial {}
    Object.defineProperty(Stubborn.prototype, 'close', { value: close });
    const clock = new ManualClock();
    const load = async () => ({ SerialPort: Stubborn }) as unknown as typeof import('serialport');
    const port = await openSerial('/dev/ttyAMA0', 115200, clock, load);
    const causes: (Error | undefined)[] = [];
    port.onClose((cause) => causes.push(cause));
    const closing = port.close();
    clock.advance(afterMs - 1);
    t.equal(causes.length, afterMs === 0 ? 1 : 0, 'not before');
    clock.advance(1);
    await closing;
    t.same(causes, [undefined]);
    await t.rejects(port.write(Uint8Array.of(1)), { code: 'port.closed' });
  });
}

t.test('without the add-on it says what to install', async (t) => {
  const load = () => Promise.reject(new Error("Cannot find package 'serialport'"));
  await t.rejects(openSerial('/dev/ttyAMA0', 115200, new ManualClock(), load), {
    code: 'port.addon-missing',
    disposition: 'fatal',
    help: /npm install serialport/,
  });
});

t.test('an unplugged serial line is noticed although nothing is written', async (t) => {
  const clock = new ManualClock();
  const { near, unplug } = await ptyPair(t);
  const port = await openSerial(near, 115200, clock);
  const causes: (Error | undefined)[] = [];
  port.onClose((cause) => causes.push(cause));
  unplug();
  await until(() => {
    clock.advance(1000);
    return causes.length > 0;
  }, 'the unplugged line to be noticed');
  t.equal(causes.length, 1);
  t.type(causes[0], Error);
});
