import { open } from 'node:fs/promises';
import { enrolledKey, openEnrolments } from '../../../central/enrolments.js';
import { checkFolder } from '../../../central/folder.js';
import { ledgerFolder, readKeyPair } from '../../../central/keys.js';
import { deviceIn, type Imported, importFrames } from '../../../central/ledger/importing.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { type Append, appendDurable, cutTo } from '../../../central/ledger/ledgerFile.js';
import { createLog } from '../../../platform/log.js';
import { CardpadError, codeOf } from '../../../protocol/errors.js';
import { type Command, EXIT, toPeople, toResults } from '../command.js';
import { progress } from '../journal/progress.js';
import { noMorePositionals, parseCommandLine, required, UsageError } from '../options.js';

const HELP = `usage: cardpad central import --data DIR [--device ID] [--json] FILE

Takes in the records of a gate that cannot reach central by the network, from what "cardpad journal export" wrote there.
They are checked as if the gate had sent them; what is known already is passed over, so that it may be run again. The
file must come from hands that you trust: no session vouches for it. Alarms and admissions in it are not judged;
"cardpad central events" shows them. Works beside a running central.

  --data DIR     the folder of this central service
  --device ID    whose records they are, where the file does not say it
  --json         say what was done as a line of JSON

Exit code 0: all of it is in the ledger; 1: some was refused, or is another history than the one that was known;
3: somebody else writes to the ledger of this device just now.

example: cardpad central import --data /var/lib/cardpad-central gz-bus-a1.cpj`;

const OPTIONS = { data: { type: 'string' }, device: { type: 'string' }, json: { type: 'boolean' } } as const;

/**
 * Beside a central that runs no tail is cut but our own: half a record at the end may be on its way. `Ledger` is told
 * that it does not write for the same reason.
 */
const appendOrUndo: Append = async (path, atByte, bytes) => {
  try {
    await appendDurable(path, atByte, bytes);
  } catch (thrown) {
    if (codeOf(thrown) !== 'ledger.moved') await cutTo(path, atByte).catch(() => {});
    throw thrown;
  }
};

async function bytesIn(path: string): Promise<number> {
  try {
    const handle = await open(path, 'r');
    try {
      return (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new CardpadError('import.read', 'fatal', `cannot read ${path} (${codeOf(cause) ?? 'error'})`, {
      help: 'Give the file that "cardpad journal export" wrote.',
      cause,
    });
  }
}

async function deviceOf(file: string, given: string | undefined): Promise<string> {
  const said = await deviceIn(file);
  if (given !== undefined && said !== undefined && said !== given)
    throw new UsageError(`${file} holds the records of ${said}, not of ${given}`);
  const device = said ?? given;
  if (device !== undefined) return device;
  throw new CardpadError('import.no-device', 'reject', `${file} does not say whose records they are`, {
    help: 'It holds no start of a gate. If it is the right file, name the gate with --device.',
  });
}

async function checkKnown(folder: string, device: string): Promise<void> {
  const { data } = await openEnrolments(folder, (path) =>
    toPeople(`${path} was damaged; its copy is used, which may lack the last change.`),
  );
  if (enrolledKey(data, device) !== undefined) return;
  if (!Object.hasOwn(data.devices, device)) {
    throw new CardpadError('enrolment.unknown', 'reject', `${device} is not enrolled`, {
      help: 'Enrol it first: the ledger has a place only for gates that central knows.',
    });
  }
  toPeople(`${device} was revoked: whoever had its board may have written these records.`);
}

/** @throws CardpadError `import.busy` (retry) */
async function takeIn(folder: string, device: string, file: string, bytes: number): Promise<Imported> {
  const log = createLog((line) => toPeople(line), 'warn', Date.now);
  const ledger = new Ledger({ folder: ledgerFolder(folder), log, writes: false, append: appendOrUndo });
  const say = progress('bytes taken in');
  try {
    return await importFrames(ledger, device, file, (byte) => say(byte, bytes));
  } catch (cause) {
    if (codeOf(cause) !== 'ledger.moved') throw cause;
    throw new CardpadError(
      'import.busy',
      'retry',
      `the ledger of ${device} does not end with a whole record`,
      {
        help: 'Its gate sends just now: try again. Or a crash left half a record: start "cardpad central run" once.',
        cause,
      },
    );
  }
}

async function importFile(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals, 1);
  const folder = required(parsed.values.data, '--data');
  const file = required(parsed.positionals[0], 'FILE');
  const bytes = await bytesIn(file);
  // A mistyped folder is noticed before a ledger is begun in it.
  await readKeyPair(folder, 'session');
  await checkFolder(folder, ['ledger']);
  const device = await deviceOf(file, parsed.values.device);
  await checkKnown(folder, device);
  const done = await takeIn(folder, device, file, bytes);
  const { forks, ...counts } = done;
  if (parsed.values.json === true) toResults(JSON.stringify({ device, ...counts, forks: [...forks] }));
  else for (const line of lines(device, done)) toResults(line);
  const isAll = done.records > 0 && done.refusedRecords === 0 && forks.size === 0;
  return isAll ? EXIT.done : EXIT.no;
}

function lines(device: string, done: Imported): string[] {
  const { records, stored, known, gaps, forks, refused, refusedRecords, damagedBytes } = done;
  const notes = [
    ...(gaps > 0 ? [`${gaps} gaps: records before them are neither here nor in the ledger`] : []),
    ...(damagedBytes > 0 ? [`${damagedBytes} bytes of the file hold no whole record`] : []),
    ...[...forks].map((fork) => `another history of this gate: kept as fork ${fork}`),
    ...refused.map(({ epoch, seq, reason }) => `refused from ${epoch}/${seq}: ${reason}`),
  ];
  const sum = `${records} records in the file: ${stored} new, ${known} known, ${refusedRecords} refused`;
  return [...notes, sum].map((line) => `${device} ${line}`);
}

export const importCommand: Command = {
  name: 'import',
  summary: 'takes in what `cardpad journal export` wrote, for a gate without a network',
  help: HELP,
  results: 'lines',
  run: importFile,
};
