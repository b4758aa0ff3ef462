import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { brokerAccess, isBrokerUrl } from '../../platform/brokerAccess.js';

for (const [url, right] of [
  ['mqtt://127.0.0.1:1883', true],
  ['mqtts://broker.example:8883', true],
  ['mqtt://broker.example', true],
  ['mqtt://broker.example/', true],
  ['mqtt://[::1]:1883', true],
  ['mqtt://user:word@broker.example:1883', true],
  ['http://127.0.0.1:1883', false],
  ['tcp://127.0.0.1:1883', false],
  ['mqtt://', false],
  ['mqtt://:1883', false],
  ['mqtt://127.0.0.1:99999', false],
  ['mqtt://127.0.0.1:1883/path', false],
  ['mqtt://127.0.0.1:1883?x', false],
  ['mqtt://127.0.0.1:1883#x', false],
  ['127.0.0.1:1883', false],
  ['', false],
] as const) {
  t.test(`${JSON.stringify(url)} is ${right ? 'a' : 'no'} broker URL`, async (t) => {
    t.equal(isBrokerUrl(url), right);
  });
}

t.test('what is not named is not there', async (t) => {
  t.same(await brokerAccess({}), {});
  t.same(await brokerAccess({ username: undefined, passwordFile: undefined, caFile: undefined }), {});
});

t.test('a password is read without its line end, from a file that nobody else may read', async (t) => {
  const folder = t.testdir({ password: 'open sesame \n', ca: 'PEM' });
  const passwordFile = join(folder, 'password');
  const caFile = join(folder, 'ca');
  chmodSync(passwordFile, 0o644);
  await t.rejects(brokerAccess({ passwordFile }), { code: 'files.exposed', disposition: 'fatal' });
  chmodSync(passwordFile, 0o600);
  t.same(await brokerAccess({ username: 'gate', passwordFile, caFile }), {
    username: 'gate',
    password: 'open sesame',
    ca: Buffer.from('PEM'),
  });
});

t.test('a file that is named and missing is an error with what it is for', async (t) => {
  const absent = join(t.testdir({}), 'absent');
  await t.rejects(brokerAccess({ passwordFile: absent }), { code: 'files.missing', help: /password/ });
  await t.rejects(brokerAccess({ caFile: absent }), { code: 'files.missing', help: /certificate/ });
});
