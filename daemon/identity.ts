import { join } from 'node:path';
import * as v from 'valibot';
import {
  makePrivateFolder,
  readFileIfThere,
  readSecretFile,
  refuseExposedFolder,
  sweepTemporaries,
  writeFileDurable,
} from '../platform/files.js';
import type { Sm2Service } from '../platform/sm2/service.js';
import { CardpadError, codeOf } from '../protocol/errors.js';
import { keyId } from '../protocol/sm/sm2Key.js';
import { sm3 } from '../protocol/sm/sm3.js';
import {
  type CentralPublic,
  type Enrolment,
  enrolmentBytes,
  parseCentralPublic,
} from '../protocol/wire/enrolment.js';
import { hex, parseJson } from '../protocol/wire/json.js';
import { DEVICE_ID } from '../protocol/wire/topics.js';

/** The device's own SM2 key pair. */
export interface DeviceKey {
  readonly id: string;
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Who this device is, and who its central is. */
export interface Identity {
  readonly device: string;
  readonly key: DeviceKey;
  readonly central: CentralPublic;
}

const IdentitySchema = v.strictObject({
  v: v.literal(1),
  device: v.pipe(v.string(), v.regex(DEVICE_ID)),
  /** A digest that tells this machine from another; null where the machine has nothing to tell it by. */
  machine: v.nullable(hex(32)),
  publicKey: hex(65),
  privateKey: hex(32),
  /** The enrolment's signature, kept so that `provision` prints the same whenever it is run. */
  signature: hex(64),
});
type StoredIdentity = v.InferOutput<typeof IdentitySchema>;

const identityFile = (dataDir: string) => join(dataDir, 'device.json');
const centralFile = (dataDir: string) => join(dataDir, 'central.public.json');

/** Board serial number first: a card moved to another board keeps its machine-id. */
const MACHINE_FILES = ['/proc/device-tree/serial-number', '/etc/machine-id'];

/**
 * What this machine is known by; null without any. Digested to have one form and length, not to hide it: a serial
 * number is so short that whoever has the digest can find it by trying all of them.
 */
export async function machineDigest(files: readonly string[] = MACHINE_FILES): Promise<string | null> {
  for (const file of files) {
    const id = (await readFileIfThere(file).catch(() => undefined))
      ?.toString('utf8')
      .replaceAll('\0', '')
      .trim();
    if (id) return sm3(Buffer.from(`cardpad/v1/machine\n${id}`, 'utf8')).toString('hex');
  }
  return null;
}

async function readIdentity(dataDir: string): Promise<StoredIdentity | undefined> {
  const file = identityFile(dataDir);
  if ((await readFileIfThere(file)) === undefined) return undefined;
  const help = 'Run `cardpad provision` with this data folder.';
  return parseIdentity(await readSecretFile(file, help), dataDir);
}

function parseIdentity(bytes: Buffer, dataDir: string): StoredIdentity {
  const stored = parseJson(bytes, IdentitySchema);
  if (stored.ok) return stored.value;
  throw damaged(dataDir);
}

function damaged(dataDir: string): CardpadError {
  return new CardpadError('identity.damaged', 'fatal', `${identityFile(dataDir)} is damaged`, {
    help: 'Restore it from a backup; or move it away, run `cardpad provision` again and enrol the new key.',
  });
}

async function readCentral(file: string, help: string): Promise<{ bytes: Buffer; central: CentralPublic }> {
  const bytes = await readFileIfThere(file);
  if (bytes === undefined)
    throw new CardpadError('identity.no-central', 'fatal', `${file} is missing`, { help });
  const central = parseCentralPublic(bytes);
  if (!central.ok) {
    throw new CardpadError(
      'identity.bad-central',
      'fatal',
      `${file} is not a central's public file (${central.reason})`,
      {
        help: 'It is the file central.public.json that `cardpad central init` writes.',
      },
    );
  }
  for (const { id, publicKey } of Object.values(central.value.keys).flat()) {
    if (keyId(publicKey) === id) continue;
    throw new CardpadError('identity.bad-central', 'fatal', `${file} names key ${id} wrongly`, {
      help: 'Copy central.public.json again; this copy was altered.',
    });
  }
  return { bytes, central: central.value };
}

function otherDevice(found: string, wanted: string, dataDir: string): CardpadError {
  return new CardpadError(
    'identity.other-device',
    'fatal',
    `${dataDir} belongs to device ${found}, not ${wanted}`,
    {
      help: 'Use the right data folder, or give each device one of its own.',
    },
  );
}

/**
 * Makes a device's keys, once; run again it changes nothing and gives the same.
 * @throws CardpadError (fatal) `identity.other-device` | `identity.other-central` where the folder is already another's,
 *   `files.exposed` where others may write to it
 */
export async function provision(
  dataDir: string,
  device: string,
  centralPublicFile: string,
  sm2: Sm2Service,
): Promise<Enrolment> {
  const given = await readCentral(
    centralPublicFile,
    'Give the central.public.json that `cardpad central init` writes.',
  );
  await makePrivateFolder(dataDir);
  await refuseExposedFolder(dataDir);
  await sweepTemporaries(dataDir);
  const before = await readFileIfThere(centralFile(dataDir));
  if (before !== undefined && !before.equals(given.bytes)) {
    throw new CardpadError(
      'identity.other-central',
      'fatal',
      `${dataDir} was provisioned for another central`,
      {
        help: 'Use a new data folder; or, if the central was replaced on purpose, remove central.public.json from this one.',
      },
    );
  }
  let stored = await readIdentity(dataDir);
  if (stored !== undefined && stored.device !== device) throw otherDevice(stored.device, device, dataDir);
  if (before === undefined) await writeFileDurable(centralFile(dataDir), given.bytes);
  if (stored === undefined) {
    const pair = await sm2.generate();
    const signature = await sm2.sign(enrolmentBytes(device, pair.publicKey), pair);
    stored = { v: 1, device, machine: await machineDigest(), ...pair, signature };
    await writeFileDurable(identityFile(dataDir), `${JSON.stringify(stored, undefined, 2)}\n`, 0o600);
  }
  const { publicKey, signature } = stored;
  return { v: 1, device, key: { id: keyId(publicKey), publicKey }, signature };
}

/**
 * Who this device is.
 * @param handed what stands in device.json, where it is not kept in the data folder
 * @throws CardpadError (fatal) `identity.missing` | `identity.damaged` | `identity.other-device` |
 *   `identity.other-machine` | `identity.no-central` | `files.exposed`
 */
export async function loadIdentity(dataDir: string, device: string, handed?: Buffer): Promise<Identity> {
  await refuseExposedFolder(dataDir);
  await sweepTemporaries(dataDir);
  const stored = handed === undefined ? await readIdentity(dataDir) : parseIdentity(handed, dataDir);
  const help = `Run: cardpad provision --data ${dataDir} --device ${device} --central FILE`;
  if (stored === undefined) {
    throw new CardpadError('identity.missing', 'fatal', `there are no keys in ${dataDir}`, { help });
  }
  if (stored.device !== device) throw otherDevice(stored.device, device, dataDir);
  if (stored.machine !== null && stored.machine !== (await machineDigest())) {
    throw new CardpadError(
      'identity.other-machine',
      'fatal',
      `the keys in ${dataDir} were made on another machine`,
      {
        help: `A copied disk must not pass for the device. Move ${dataDir} away, provision anew and enrol the new key with --replace.`,
      },
    );
  }
  const { central } = await readCentral(centralFile(dataDir), help);
  const { publicKey, privateKey } = stored;
  return { device, key: { id: keyId(publicKey), publicKey, privateKey }, central };
}

/**
 * Checks that the private key fits the public one, by a signature: central would refuse every other, and the gate would
 * be offline without a word as to why.
 * @throws CardpadError `identity.damaged` (fatal)
 */
export async function proveKey(key: DeviceKey, dataDir: string, sm2: Sm2Service): Promise<void> {
  const message = Buffer.from('cardpad/v1/key-proof\n', 'utf8');
  const signature = await sm2.sign(message, key).catch((thrown) => {
    throw codeOf(thrown)?.startsWith('sm.') === true ? damaged(dataDir) : thrown;
  });
  if (!(await sm2.verify(message, signature, key.publicKey))) throw damaged(dataDir);
}
