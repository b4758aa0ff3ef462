import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readCredential } from '../../platform/credentials.js';

t.test(
  'a credential is read as systemd hands it out: root owns it, and a list lets one user read it',
  async (t) => {
    const folder = t.testdir({ 'cardpad.device': '{}' });
    chmodSync(join(folder, 'cardpad.device'), 0o440);
    const environment = { CREDENTIALS_DIRECTORY: folder };
    t.same(await readCredential('cardpad.device', environment), Buffer.from('{}'));
  },
);

t.test('no credential of that name, and a service without credentials', async (t) => {
  t.equal(await readCredential('cardpad.device', { CREDENTIALS_DIRECTORY: t.testdir({}) }), undefined);
  t.equal(await readCredential('cardpad.device', { CREDENTIALS_DIRECTORY: '' }), undefined);
  t.equal(await readCredential('cardpad.device', {}), undefined);
});

t.test('one that cannot be read is no missing one', async (t) => {
  const folder = t.testdir({ 'cardpad.device': {} });
  await t.rejects(readCredential('cardpad.device', { CREDENTIALS_DIRECTORY: folder }), {
    code: 'files.read',
  });
});
