import { join } from 'node:path';
import * as v from 'valibot';
import {
  makePrivateFolder,
  readFileIfThere,
  readSecretFile,
  sweepTemporaries,
  writeFileDurable,
} from '../platform/files.js';
import { CardpadError } from '../protocol/errors.js';
import { sm2PublicKeyOf } from '../protocol/sm/sm2.js';
import { isSm2PrivateKey, keyId, type Sm2KeyPair } from '../protocol/sm/sm2Key.js';
import { type CentralPublic, parseCentralPublic } from '../protocol/wire/enrolment.js';
import { count, hex, parseJson } from '../protocol/wire/json.js';

/** The three SM2 key pairs of central: for welcomes, for configuration and commands, for journal keys. */
export const KEY_NAMES = ['session', 'authority', 'ledger'] as const;
export type KeyName = (typeof KEY_NAMES)[number];

const KeyPairSchema = v.strictObject({ id: hex(8), publicKey: hex(65), privateKey: hex(32) });
export type NamedKeyPair = v.InferOutput<typeof KeyPairSchema>;
const SiteKeySchema = v.strictObject({ key: hex(32) });

const TicketKeysSchema = v.pipe(
  v.array(v.strictObject({ id: hex(8), createdMs: count(), cipherKey: hex(16), macKey: hex(32) })),
  v.minLength(1),
  v.maxLength(64),
);
/** Newest first; the first one seals. */
export type TicketKeyFile = v.InferOutput<typeof TicketKeysSchema>;

/** As many fresh random bytes as asked for. */
export type RandomBytes = (bytes: number) => Buffer;

const SECRET = 0o600;
const RESTORE = 'Restore it from a backup. New keys would have to be brought to every device.';
const NEXT_STEP = 'Run "cardpad central init --data DIR" with the same folder first.';

export const keyPath = (folder: string, name: KeyName | 'site' | 'tickets') =>
  join(folder, 'keys', `${name}.json`);
export const publicPath = (folder: string) => join(folder, 'central.public.json');
export const rulesPath = (folder: string) => join(folder, 'rules.json');
export const ledgerFolder = (folder: string) => join(folder, 'ledger');

/** Removes what writes that a crash cut short left behind: among them may be a ticket key that was to be destroyed. */
export async function sweepLeftovers(folder: string): Promise<void> {
  await sweepTemporaries(folder);
  await sweepTemporaries(join(folder, 'keys'));
}

async function readSecret<S extends v.GenericSchema>(path: string, schema: S): Promise<v.InferOutput<S>> {
  const parsed = parseJson(await readSecretFile(path, NEXT_STEP), schema);
  if (parsed.ok) return parsed.value;
  throw new CardpadError('keys.damaged', 'fatal', `${path} is not a key file (${parsed.reason})`, {
    help: RESTORE,
  });
}

/** @throws CardpadError `files.missing` | `files.exposed` | `keys.damaged` (fatal) */
export async function readKeyPair(folder: string, name: KeyName): Promise<NamedKeyPair> {
  const pair = await readSecret(keyPath(folder, name), KeyPairSchema);
  if (isSm2PrivateKey(pair.privateKey) && keyId(pair.publicKey) === pair.id) return pair;
  throw noPair(keyPath(folder, name));
}

/**
 * The same, for a service that is to be believed by gates: they drop without a word what another key has signed, and
 * nobody could open what they seal for another.
 * @throws CardpadError `files.missing` | `files.exposed` | `keys.damaged` | `keys.other-pair` (fatal)
 */
export async function readOwnKeyPair(folder: string, name: KeyName): Promise<NamedKeyPair> {
  const pair = await readKeyPair(folder, name);
  if (sm2PublicKeyOf(pair.privateKey) !== pair.publicKey) throw noPair(keyPath(folder, name));
  const told = await readFileIfThere(publicPath(folder));
  const parsed = told === undefined ? undefined : parseCentralPublic(told);
  if (parsed?.ok !== true || parsed.value.keys[name].some(({ id }) => id === pair.id)) return pair;
  throw new CardpadError(
    'keys.other-pair',
    'fatal',
    `${keyPath(folder, name)} holds another key than ${publicPath(folder)} names, which the gates were given`,
    { help: RESTORE },
  );
}

const noPair = (path: string) =>
  new CardpadError('keys.damaged', 'fatal', `${path} holds no SM2 key pair`, { help: RESTORE });

/** The key of subjects, 32 bytes. It never leaves central: on a board it could be searched backwards. */
export async function readSiteKey(folder: string): Promise<Buffer> {
  return Buffer.from((await readSecret(keyPath(folder, 'site'), SiteKeySchema)).key, 'hex');
}

export const readTicketKeys = (folder: string): Promise<TicketKeyFile> =>
  readSecret(keyPath(folder, 'tickets'), TicketKeysSchema);

/** No copy of the old file is kept: a destroyed ticket key must be gone. */
export const writeTicketKeys = (folder: string, keys: TicketKeyFile): Promise<void> =>
  writeFileDurable(keyPath(folder, 'tickets'), `${JSON.stringify(keys, undefined, 2)}\n`, SECRET);

export function makeTicketKey(random: RandomBytes, nowMs: number): TicketKeyFile[number] {
  const text = (bytes: number) => random(bytes).toString('hex');
  return { id: text(8), createdMs: nowMs, cipherKey: text(16), macKey: text(32) };
}

export interface InitOptions {
  readonly generate: () => Sm2KeyPair;
  readonly random: RandomBytes;
  readonly nowMs: number;
  /** The content of a first `rules.json`. */
  readonly rules: string;
}

/**
 * Makes what central needs in its folder, and nothing that is there already: run again it changes nothing, and a
 * folder whose making was cut short is completed.
 * @returns the public keys, as written to `central.public.json`
 */
export async function initCentral(folder: string, options: InitOptions): Promise<CentralPublic> {
  await makePrivateFolder(folder);
  await makePrivateFolder(join(folder, 'keys'));
  await makePrivateFolder(ledgerFolder(folder));
  await sweepLeftovers(folder);
  const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
  for (const name of KEY_NAMES) {
    await writeIfAbsent(keyPath(folder, name), SECRET, () => json(named(options.generate())));
  }
  const { random, nowMs, rules } = options;
  await writeIfAbsent(keyPath(folder, 'site'), SECRET, () => json({ key: random(32).toString('hex') }));
  await writeIfAbsent(keyPath(folder, 'tickets'), SECRET, () => json([makeTicketKey(random, nowMs)]));
  await writeIfAbsent(rulesPath(folder), 0o644, () => rules);
  await writeIfAbsent(join(folder, 'enrolments.json'), SECRET, () => json({ devices: {} }));
  return writePublic(folder);
}

const named = ({ publicKey, privateKey }: Sm2KeyPair): NamedKeyPair => ({
  id: keyId(publicKey),
  publicKey,
  privateKey,
});

async function writeIfAbsent(path: string, mode: number, content: () => string): Promise<void> {
  if ((await readFileIfThere(path)) === undefined) await writeFileDurable(path, content(), mode);
}

/** Follows from the key files, so it comes last; one that names the same keys, among older ones perhaps, stays. */
async function writePublic(folder: string): Promise<CentralPublic> {
  const pairs = await Promise.all(KEY_NAMES.map((name) => readKeyPair(folder, name)));
  const [session, authority, ledger] = pairs.map(({ id, publicKey }) => [{ id, publicKey }]);
  const made: CentralPublic = {
    v: 1,
    keys: { session: session ?? [], authority: authority ?? [], ledger: ledger ?? [] },
  };
  const there = await readFileIfThere(publicPath(folder));
  const parsed = there === undefined ? undefined : parseCentralPublic(there);
  if (parsed?.ok && KEY_NAMES.every((name) => parsed.value.keys[name][0]?.id === made.keys[name][0]?.id)) {
    return parsed.value;
  }
  await writeFileDurable(publicPath(folder), `${JSON.stringify(made, undefined, 2)}\n`, 0o644);
  return made;
}
