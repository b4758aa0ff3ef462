import { enroll as enrollDevice, isOwnEnrolment, revoke } from '../../../central/enrolments.js';
import { readKeyPair } from '../../../central/keys.js';
import { readNeededFile } from '../../../platform/files.js';
import { CardpadError } from '../../../protocol/errors.js';
import { sm2Verify } from '../../../protocol/sm/sm2.js';
import { parseEnrolment } from '../../../protocol/wire/enrolment.js';
import { type Command, EXIT, toPeople, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required, UsageError } from '../options.js';

const HELP = `usage: cardpad central enroll --data DIR [--replace] [--json] [FILE]
       cardpad central enroll --data DIR --revoke DEVICE [--json]

Takes in a device by what "cardpad provision" printed there: from FILE, or from standard input.
Or takes a device out, which was stolen or is no more. A running central knows either within a second.

  --data DIR         the folder of this central service
  --replace          the device has new keys, or was revoked: its old ones, and their sessions, end
  --revoke DEVICE    its sessions end, and it gets no new one until it is enrolled again with --replace
  --json             changes nothing: what is printed is one JSON document anyway, {"device", "key", "status"}

example: cardpad central enroll --data /var/lib/cardpad-central gz-bus-a1.json`;

const MOST_BYTES = 64 * 1024;

async function readInput(file: string): Promise<Buffer> {
  if (file !== '-') {
    return readNeededFile(file, 'Give the file that holds what "cardpad provision" printed.');
  }
  if (process.stdin.isTTY) toPeople('Waiting for an enrolment on standard input ...');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MOST_BYTES) break;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

const OPTIONS = {
  data: { type: 'string' },
  replace: { type: 'boolean' },
  revoke: { type: 'string' },
  json: { type: 'boolean' },
} as const;

function onBackup(path: string): void {
  toPeople(`${path} was damaged; its copy is used, which may lack the last change.`);
  toPeople('Look it through: a device that was revoked last may be enrolled again.');
}

async function revokeDevice(folder: string, device: string): Promise<number> {
  const status = await revoke(folder, device, onBackup);
  toResults(JSON.stringify({ device, status }));
  return EXIT.done;
}

async function enroll(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals, 1);
  const folder = required(parsed.values.data, '--data');
  // A mistyped folder is noticed before a list of devices is begun in it.
  await readKeyPair(folder, 'session');
  const { revoke: device } = parsed.values;
  if (device !== undefined) {
    if (parsed.values.replace === true || parsed.positionals.length > 0)
      throw new UsageError('--revoke stands alone, without --replace and FILE');
    return revokeDevice(folder, required(device, '--revoke'));
  }
  return takeIn(folder, parsed.positionals[0] ?? '-', parsed.values.replace === true);
}

async function takeIn(folder: string, file: string, replace: boolean): Promise<number> {
  const enrolment = parseEnrolment(await readInput(file));
  if (!enrolment.ok) {
    throw new CardpadError('enrolment.shape', 'reject', `this is not an enrolment (${enrolment.reason})`, {
      help: 'Hand in what "cardpad provision" printed on its standard output, whole and unchanged.',
    });
  }
  if (!isOwnEnrolment(enrolment.value, sm2Verify)) {
    throw new CardpadError('enrolment.forged', 'reject', 'the signature of this enrolment does not fit', {
      help: 'It was altered, or not made by the device that it names. Run "cardpad provision" there again.',
    });
  }
  const { device, key } = enrolment.value;
  const status = await enrollDevice(folder, enrolment.value, { replace, nowMs: Date.now(), onBackup });
  toResults(JSON.stringify({ device, key: key.id, status }));
  return EXIT.done;
}

export const enrollCommand: Command = {
  name: 'enroll',
  summary: 'takes in a device by what `cardpad provision` printed, or revokes one',
  help: HELP,
  results: 'json',
  run: enroll,
};
