import t from 'tap';
import { isLoopback, opener, parsePortUrl } from '../../../drivers/ports/open.js';

const GOOD = [
  ['serial:/dev/ttyAMA0', { kind: 'serial', path: '/dev/ttyAMA0', baud: 115200 }],
  ['serial:/dev/ttyAMA0?baud=115200', { kind: 'serial', path: '/dev/ttyAMA0', baud: 115200 }],
  [
    'serial:/dev/serial/by-id/usb-FTDI_A-if00?baud=9600',
    { kind: 'serial', path: '/dev/serial/by-id/usb-FTDI_A-if00', baud: 9600 },
  ],
  ['tcp://127.0.0.1:9601', { kind: 'tcp', host: '127.0.0.1', tcpPort: 9601 }],
  ['tcp://reader-1.gate.example:1', { kind: 'tcp', host: 'reader-1.gate.example', tcpPort: 1 }],
  ['tcp://[::1]:65535', { kind: 'tcp', host: '::1', tcpPort: 65535 }],
  ['i2c:/dev/i2c-1?address=0x24', { kind: 'i2c', bus: 1, address: 0x24 }],
  ['i2c:/dev/i2c-10?address=104', { kind: 'i2c', bus: 10, address: 104 }],
] as const;
for (const [url, port] of GOOD) {
  t.test(`${url} is understood`, async (t) => {
    t.same(parsePortUrl(url), { ok: true, port });
  });
}

const BAD = [
  ['', /serial:, tcp/],
  ['/dev/ttyAMA0', /serial:, tcp/],
  ['usb:/dev/x', /serial:, tcp/],
  ['i2c:', /i2c:\/dev\/i2c-1\?address=0x24/],
  ['i2c:/dev/i2c-1', /i2c:\/dev\/i2c-1\?address=0x24/],
  ['i2c:1?address=0x24', /i2c:\/dev\/i2c-1\?address=0x24/],
  ['i2c:/dev/i2c-1?address=0x24&speed=1', /i2c:\/dev\/i2c-1\?address=0x24/],
  ['i2c:/dev/i2c-1?address=0x02', /0x03\.\.0x77/],
  ['i2c:/dev/i2c-1?address=120', /0x03\.\.0x77/],
  ['serial:', /full path/],
  ['serial:ttyAMA0', /full path/],
  ['serial://dev/ttyAMA0', /full path/],
  ['serial:/dev/tty AMA0', /full path/],
  ['serial:/dev/ttyAMA0\0', /full path/],
  ['serial:/dev/ttyAMA0?baud=115201', /baud must be one of/],
  ['serial:/dev/ttyAMA0?baud=', /baud must be one of/],
  ['serial:/dev/ttyAMA0?baud=9600x', /baud must be one of/],
  ['serial:/dev/ttyAMA0?baud=0x2580', /baud must be one of/],
  ['serial:/dev/ttyAMA0?', /"" is not a setting/],
  ['serial:/dev/ttyAMA0?parity=even', /"parity" is not a setting/],
  ['serial:/dev/ttyAMA0?baud=9600&rtscts=1', /"rtscts" is not a setting/],
  ['serial:/dev/ttyAMA0?baud=9600&baud=9600', /twice/],
  ['tcp:127.0.0.1:9601', /serial:, tcp/],
  ['tcp://127.0.0.1', /host:port/],
  ['tcp://:9601', /neither a host name nor an address/],
  ['tcp://127.0.0.1:', /host:port/],
  ['tcp://127.0.0.1:0', /1\.\.65535/],
  ['tcp://127.0.0.1:65536', /1\.\.65535/],
  ['tcp://127.0.0.1:9601/', /nothing after it/],
  ['tcp://127.0.0.1:9601?x=1', /nothing after it/],
  ['tcp://user@127.0.0.1:9601', /host:port/],
  ['tcp://::1:9601', /host:port/],
  ['tcp://[127.0.0.1]:9601', /neither a host name nor an address/],
  ['tcp://[::g]:9601', /neither a host name nor an address/],
  ['tcp://300.0.0.1:9601', /neither a host name nor an address/],
  ['tcp://ho st:9601', /neither a host name nor an address/],
  ['tcp://-host:9601', /neither a host name nor an address/],
] as const;
for (const [url, problem] of BAD) {
  t.test(`${JSON.stringify(url)} is refused in words`, async (t) => {
    const parsed = parsePortUrl(url);
    t.equal(parsed.ok, false);
    if (!parsed.ok) t.match(parsed.problem, problem);
    t.throws(() => opener(url), { code: 'port.bad-url', disposition: 'fatal' });
  });
}

t.test('a bus is no stream of bytes', async (t) => {
  t.throws(() => opener('i2c:/dev/i2c-1?address=0x24'), { code: 'port.bad-url', message: /not a stream/ });
});

const LOOPBACK = [
  ['i2c:/dev/i2c-1?address=0x24', true],
  ['serial:/dev/ttyAMA0', true],
  ['tcp://127.0.0.1:1', true],
  ['tcp://127.9.9.9:1', true],
  ['tcp://localhost:1', true],
  ['tcp://LocalHost:1', true],
  ['tcp://[::1]:1', true],
  ['tcp://[::ffff:127.0.0.1]:1', true],
  ['tcp://128.0.0.1:1', false],
  ['tcp://0.0.0.0:1', false],
  ['tcp://127.0.0.1.example:1', false],
  ['tcp://localhost.example:1', false],
  ['tcp://[::ffff:10.0.0.1]:1', false],
  ['tcp://[::]:1', false],
] as const;
for (const [url, expected] of LOOPBACK) {
  t.test(`${url} ${expected ? 'stays on' : 'leaves'} this machine`, async (t) => {
    const parsed = parsePortUrl(url);
    t.equal(parsed.ok && isLoopback(parsed.port), expected);
  });
}
