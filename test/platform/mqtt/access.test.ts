import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createServer } from 'node:tls';
import t from 'tap';
import { loginIn } from '../../../platform/mqtt/stream.js';
import { withoutLogin } from '../../../platform/mqtt.js';
import { BROKERS } from '../../support/brokers.js';
import { Authority } from '../../support/certificates.js';
import { startMosquitto } from '../../support/mosquitto.js';
import { isUp, openLink } from '../../support/openedLink.js';
import { until } from '../../support/waiting.js';

const LOGIN = { username: 'gate', password: 'wine & bread' };
const authority = new Authority();

/** The first line of a link that cannot come up. */
async function problem(t: Parameters<typeof openLink>[0], url: string, options = {}): Promise<string> {
  const a = openLink(t, url, options);
  await until(() => a.lines.length > 0, 'a line');
  await a.link.close();
  return a.ups === 0 ? (a.lines[0] ?? '') : 'it is up';
}

for (const protocol of ['5', '3.1.1'] as const) {
  t.test(`the login counts, over ${protocol}`, async (t) => {
    const broker = await startMosquitto(t, undefined, { login: LOGIN });
    for (const wrong of [{}, { ...LOGIN, password: 'x' }, { username: 'gate' }]) {
      t.match(
        await problem(t, broker.url, { protocol, ...wrong }),
        /cannot connect problem="the broker refuses the login/,
      );
    }
    await isUp(openLink(t, broker.url, { protocol, ...LOGIN }));
    const inside = broker.url.replace('//', `//gate:${encodeURIComponent(LOGIN.password)}@`);
    const a = openLink(t, inside, { protocol });
    await isUp(a);
    t.match(a.lines[0], `connected broker=${broker.url} `, 'and stands in no log');
    await isUp(openLink(t, inside.replace('wine', 'beer'), { protocol, ...LOGIN }));
  });
}

for (const [url, login] of [
  ['mqtt://127.0.0.1', {}],
  ['mqtt://gate@127.0.0.1', { username: 'gate' }],
  ['mqtts://g%40te:a%3Ab@[::1]:1', { username: 'g@te', password: 'a:b' }],
  ['mqtt://100%:50%25@broker', { username: '100%', password: '50%' }],
] as const) {
  t.test(`the login in ${url}`, async (t) => t.same(loginIn(url), login));
}

for (const [url, shown] of [
  ['mqtt://127.0.0.1:1883', 'mqtt://127.0.0.1:1883'],
  ['mqtt://gate@broker', 'mqtt://broker'],
  ['mqtt://gate:secret@broker:1883', 'mqtt://broker:1883'],
  ['mqtt://user:p@ss@host', 'mqtt://host'],
  ['mqtts://a@b:c@d@e@host:8883/path', 'mqtts://host:8883/path'],
  ['mqtt://user:p?s#s@host', 'mqtt://host'],
  ['mqtt://host/a@b', 'mqtt://host/a@b'],
  ['mqtt://[fe80::1]:1883', 'mqtt://[fe80::1]:1883'],
  ['mqtts://g%40te:p@ss@[2001:db8::1]:8883', 'mqtts://[2001:db8::1]:8883'],
] as const) {
  t.test(`${url} stands in a log as ${shown}`, async (t) => t.equal(withoutLogin(url), shown));
}

const AUTHORITY_UNKNOWN = /problem="no known authority vouches for the certificate of the broker/;
for (const [what, certificate, ca, line] of [
  ['of another authority', authority.certify(), new Authority('somebody').pem, AUTHORITY_UNKNOWN],
  ['of an authority that the system does not know', authority.certify(), undefined, AUTHORITY_UNKNOWN],
  [
    'that has expired',
    authority.certify(-20),
    authority.pem,
    /problem="the certificate of the broker has expired/,
  ],
  [
    'of tomorrow',
    authority.certify(1),
    authority.pem,
    /problem="the certificate of the broker is not valid yet/,
  ],
] as const) {
  t.test(`a certificate ${what} is refused, in words`, async (t) => {
    const server = createServer({
      cert: readFileSync(certificate.certFile),
      key: readFileSync(certificate.keyFile),
    }).listen(0, '127.0.0.1');
    server.on('tlsClientError', () => {});
    await once(server, 'listening');
    t.teardown(() => server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const options = ca === undefined ? {} : { ca };
    t.match(await problem(t, `mqtts://127.0.0.1:${address.port}`, options), line);
  });
}

t.test('a certificate for another name is refused, in words', async (t) => {
  const broker = await startMosquitto(t, undefined, { certificate: authority.certify() });
  const url = broker.url.replace('127.0.0.1', 'localhost');
  t.match(
    await problem(t, url, { ca: authority.pem }),
    /problem="the certificate of the broker is for another name/,
  );
  const plain = await startMosquitto(t);
  t.match(await problem(t, plain.url.replace('mqtt:', 'mqtts:')), /cannot connect/, 'no TLS there at all');
});

t.test(
  'Nagle’s algorithm is off, with TLS as without: with delayed acknowledgements it costs 40 ms a message',
  async (t) => {
    const { setNoDelay } = Socket.prototype;
    const without: (number | undefined)[] = [];
    Socket.prototype.setNoDelay = function (this: Socket, noDelay = true) {
      if (noDelay) without.push(this.remotePort);
      return setNoDelay.call(this, noDelay);
    };
    t.teardown(() => {
      Socket.prototype.setNoDelay = setNoDelay;
    });
    for (const kind of BROKERS) {
      const broker = await kind.start(t);
      await isUp(openLink(t, broker.url, { protocol: kind.protocol, ...kind.login() }));
      t.ok(without.includes(broker.port), kind.name);
    }
  },
);
