import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadIdentity, machineDigest, proveKey, provision } from '../../daemon/identity.js';
import { createSm2Inline } from '../../platform/sm2/inline.js';
import { keyId, type Sm2KeyPair } from '../../protocol/sm/sm2Key.js';
import { type CentralPublic, enrolmentBytes } from '../../protocol/wire/enrolment.js';

const DEVICE = 'gz-bus-a1';
const sm2 = createSm2Inline();

function publicFile({ publicKey }: Sm2KeyPair): CentralPublic {
  const named = [{ id: keyId(publicKey), publicKey }];
  return { v: 1, keys: { session: named, authority: named, ledger: named } };
}
const central = publicFile(await sm2.generate());
const otherCentral = publicFile(await sm2.generate());

interface Scope {
  testdir(content: Record<string, string>): string;
}

/** A data folder that does not exist yet, and central's public file. */
function places(t: Scope, content: unknown = central) {
  const folder = t.testdir({ 'central.public.json': JSON.stringify(content) });
  const data = join(folder, 'data');
  return { data, file: join(folder, 'central.public.json'), keys: join(data, 'device.json') };
}

async function provisioned(t: Scope) {
  const where = places(t);
  await provision(where.data, DEVICE, where.file, sm2);
  return where;
}

/** Changes the file of keys as a hand or a failing card would. */
function change(path: string, changes: Readonly<Record<string, unknown>>): void {
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }));
}

const contents = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => ({
      name,
      bytes: readFileSync(join(folder, name), 'utf8'),
      changedMs: statSync(join(folder, name)).mtimeMs,
    }));

t.test('provisioning makes keys that nobody else can read, and an enrolment that proves them', async (t) => {
  const { data, file, keys } = places(t);
  const enrolment = await provision(data, DEVICE, file, sm2);
  t.equal(statSync(keys).mode & 0o777, 0o600);
  t.equal(statSync(data).mode & 0o777, 0o700);
  t.same(readFileSync(join(data, 'central.public.json')), readFileSync(file));
  const { publicKey, id } = enrolment.key;
  t.equal(id, keyId(publicKey));
  t.equal(await sm2.verify(enrolmentBytes(DEVICE, publicKey), enrolment.signature, publicKey), true);
  const identity = await loadIdentity(data, DEVICE);
  t.same(identity.central, central);
  t.same(identity.key.publicKey, publicKey);
  t.notOk(JSON.stringify(enrolment).includes(identity.key.privateKey), 'the enrolment holds nothing secret');
});

t.test('run again it prints the same and touches nothing', async (t) => {
  const { data, file } = places(t);
  const first = await provision(data, DEVICE, file, sm2);
  const before = contents(data);
  t.same(await provision(data, DEVICE, file, sm2), first);
  t.same(contents(data), before);
});

t.test('an interrupted provisioning is completed by the next', async (t) => {
  const onlyCentral = await provisioned(t);
  rmSync(onlyCentral.keys);
  const enrolment = await provision(onlyCentral.data, DEVICE, onlyCentral.file, sm2);
  t.equal((await loadIdentity(onlyCentral.data, DEVICE)).key.id, enrolment.key.id);

  const onlyKeys = await provisioned(t);
  const keys = readFileSync(onlyKeys.keys, 'utf8');
  rmSync(join(onlyKeys.data, 'central.public.json'));
  await provision(onlyKeys.data, DEVICE, onlyKeys.file, sm2);
  t.equal(readFileSync(onlyKeys.keys, 'utf8'), keys, 'keys that are there stay');
  await t.resolves(loadIdentity(onlyKeys.data, DEVICE));
});

t.test('a folder never changes owner', async (t) => {
  const { data, file } = await provisioned(t);
  const before = contents(data);
  await t.rejects(provision(data, 'gz-bus-a2', file, sm2), {
    code: 'identity.other-device',
    disposition: 'fatal',
    message: /gz-bus-a1, not gz-bus-a2/,
    help: /folder/,
  });
  writeFileSync(file, JSON.stringify(otherCentral));
  await t.rejects(provision(data, DEVICE, file, sm2), {
    code: 'identity.other-central',
    disposition: 'fatal',
    help: /new data folder/,
  });
  t.same(contents(data), before);
});

t.test('what is not a central’s public file is refused before anything is made', async (t) => {
  const [first] = central.keys.session;
  const renamed = { ...central, keys: { ...central.keys, ledger: [{ ...first, id: '00'.repeat(8) }] } };
  for (const [content, what] of [
    [{}, /wrong-shape/],
    [{ ...central, v: 2 }, /wrong-shape/],
    [{ ...central, keys: { ...central.keys, ledger: [] } }, /wrong-shape/],
    [renamed, /names key 0000000000000000 wrongly/],
  ] as const) {
    const { data, file } = places(t, content);
    await t.rejects(provision(data, DEVICE, file, sm2), { code: 'identity.bad-central', message: what });
    t.notOk(existsSync(data));
  }
  const { data, file } = places(t);
  await t.rejects(provision(data, DEVICE, `${file}2`, sm2), {
    code: 'identity.no-central',
    help: /central init/,
  });
  t.notOk(existsSync(data));
});

t.test('a gate without usable keys says which and what to do', async (t) => {
  const fatal = { disposition: 'fatal' };
  const none = places(t);
  await t.rejects(loadIdentity(none.data, DEVICE), {
    ...fatal,
    code: 'identity.missing',
    help: new RegExp(`cardpad provision --data ${none.data} --device ${DEVICE}`),
  });

  const other = await provisioned(t);
  await t.rejects(loadIdentity(other.data, 'gz-bus-a2'), { ...fatal, code: 'identity.other-device' });

  const exposed = await provisioned(t);
  chmodSync(exposed.keys, 0o644);
  await t.rejects(loadIdentity(exposed.data, DEVICE), { ...fatal, code: 'files.exposed', help: /chmod 600/ });

  const copied = await provisioned(t);
  change(copied.keys, { machine: 'ab'.repeat(32) });
  await t.rejects(loadIdentity(copied.data, DEVICE), {
    ...fatal,
    code: 'identity.other-machine',
    help: /--replace/,
  });

  const orphan = await provisioned(t);
  rmSync(join(orphan.data, 'central.public.json'));
  await t.rejects(loadIdentity(orphan.data, DEVICE), {
    ...fatal,
    code: 'identity.no-central',
    help: /provision/,
  });
});

t.test('damaged keys are named as such, whatever the damage', async (t) => {
  const { data, keys } = await provisioned(t);
  const whole = readFileSync(keys, 'utf8');
  for (const damaged of ['', '{', whole.slice(0, -5), '\0'.repeat(whole.length), '[]']) {
    writeFileSync(keys, damaged);
    await t.rejects(loadIdentity(data, DEVICE), { code: 'identity.damaged', help: /backup/ });
  }
  for (const changes of [{ privateKey: '00' }, { device: '../x' }, { v: 2 }, { extra: 1 }]) {
    writeFileSync(keys, whole);
    change(keys, changes);
    await t.rejects(loadIdentity(data, DEVICE), { code: 'identity.damaged' });
  }
  writeFileSync(keys, '{');
  await t.rejects(provision(data, DEVICE, join(data, 'central.public.json'), sm2), {
    code: 'identity.damaged',
  });
});

t.test('a private key that does not fit the public one is damage too', async (t) => {
  const { data, keys } = await provisioned(t);
  await t.resolves(proveKey((await loadIdentity(data, DEVICE)).key, data, sm2));
  const other = await sm2.generate();
  for (const changes of [
    { privateKey: other.privateKey },
    { publicKey: other.publicKey },
    { privateKey: '00'.repeat(32) },
    { publicKey: `04${'11'.repeat(64)}` },
  ]) {
    const whole = readFileSync(keys, 'utf8');
    change(keys, changes);
    const { key } = await loadIdentity(data, DEVICE);
    await t.rejects(proveKey(key, data, sm2), {
      code: 'identity.damaged',
      disposition: 'fatal',
      help: /backup/,
    });
    writeFileSync(keys, whole);
  }
});

t.test('what an interrupted writing of the keys left behind is swept away', async (t) => {
  const { data, file } = await provisioned(t);
  const left = join(data, '.device.json.0123456789ab.tmp');
  const leave = () => {
    writeFileSync(left, 'half a private key');
    utimesSync(left, 1, 1);
  };
  leave();
  await loadIdentity(data, DEVICE);
  t.notOk(existsSync(left));
  leave();
  await provision(data, DEVICE, file, sm2);
  t.notOk(existsSync(left));
});

t.test('on a machine that nothing tells from another, keys are bound to none', async (t) => {
  const { data, keys } = await provisioned(t);
  change(keys, { machine: null });
  await t.resolves(loadIdentity(data, DEVICE));
});

t.test('a machine is known by the first thing that names it, and the name is not told', async (t) => {
  const folder = t.testdir({
    serial: '10000000abcdef01\0',
    id: '0123456789abcdef0123456789abcdef\n',
    blank: '\0\n',
  });
  const digest = (...names: string[]) => machineDigest(names.map((name) => join(folder, name)));
  const serial = await digest('serial', 'id');
  t.match(serial, /^[0-9a-f]{64}$/);
  t.not(serial, await digest('id'));
  t.equal(await digest('absent', 'blank', 'id'), await digest('id'));
  t.equal(await digest('absent', 'blank'), null);
  t.notOk(serial?.includes('10000000abcdef01'));
});

t.test('no error tells a private key', async (t) => {
  const { data, keys } = await provisioned(t);
  const { privateKey } = JSON.parse(readFileSync(keys, 'utf8'));
  change(keys, { v: 9 });
  const thrown = await loadIdentity(data, DEVICE).catch((error: unknown) => error);
  t.ok(thrown instanceof Error);
  if (thrown instanceof Error) t.notOk(`${thrown.stack}${JSON.stringify(thrown)}`.includes(privateKey));
});
