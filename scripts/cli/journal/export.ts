import { once } from 'node:events';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../../../platform/files.js';
import { CardpadError, codeOf } from '../../../protocol/errors.js';
import { encodeFrame, encodeLinkFrame } from '../../../protocol/journal/frame.js';
import { type Command, EXIT, toPeople, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required, UsageError } from '../options.js';
import { type GateFolder, listSegments, openGateFolder } from './gateFolder.js';
import { progress } from './progress.js';
import { readJournal } from './segmentReading.js';

const HELP = `usage: cardpad journal export --data DIR --out FILE|- [--json]

Writes all records of a gate into one file, in order and sealed as they are, for a gate whose records cannot reach
central by the network: bring the file there and run "cardpad central import". Works beside a running gate and changes
nothing. Half a record at the end is left out. The file says when the gate was used; who came can be read only with
central's ledger key.

  --data DIR    the gate's data folder ("dataDir" in its configuration)
  --out FILE    a new file; "-" is standard output
  --json        say what was written as a line of JSON

example: cardpad journal export --data /var/lib/cardpad --out gz-bus-a1.cpj`;

const OPTIONS = { data: { type: 'string' }, out: { type: 'string' }, json: { type: 'boolean' } } as const;
/** Frames are written in pieces of about this. */
const PIECE_BYTES = 256 * 1024;

/** Where an export goes. */
interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  /** It is whole. */
  finish(): Promise<void>;
  /** It is not, and must not pass for one. */
  abandon(): Promise<void>;
}

const cannotWrite = (path: string, cause: unknown): CardpadError =>
  new CardpadError('export.write', 'fatal', `cannot write ${path} (${codeOf(cause) ?? 'error'})`, {
    help: 'Check that the folder is there, has room, and that this user may write to it.',
    cause,
  });

const standardOutput: Sink = {
  async write(bytes) {
    if (process.stdout.write(bytes)) return;
    // Whoever read it may go away before the end (`| head`).
    await once(process.stdout, 'drain').catch((thrown) => {
      throw cannotWrite('standard output', thrown);
    });
  },
  finish: async () => {},
  abandon: async () => {},
};

/** A new file under its own name only when it is whole and on the disk. */
async function fileSink(path: string): Promise<Sink> {
  if ((await stat(path).catch(() => undefined)) !== undefined) {
    throw new CardpadError('export.exists', 'fatal', `${path} is there already`, {
      help: 'Give another name, or remove it: an export never replaces another.',
    });
  }
  const part = `${path}.part`;
  let handle: FileHandle;
  try {
    handle = await open(part, 'w', 0o600);
  } catch (thrown) {
    throw cannotWrite(part, thrown);
  }
  return {
    write: (bytes) =>
      handle.writeFile(bytes).catch((thrown) => {
        throw cannotWrite(part, thrown);
      }),
    async finish() {
      try {
        await handle.datasync();
        await handle.close();
        await rename(part, path);
        await syncFolder(dirname(path));
      } catch (thrown) {
        throw cannotWrite(path, thrown);
      }
    },
    async abandon() {
      await handle.close().catch(() => {});
      await unlink(part).catch(() => {});
    },
  };
}

interface Exported {
  readonly device: string;
  readonly records: number;
  readonly bytes: number;
  /** Bytes of the journal that hold no whole record, and were left out. */
  readonly leftOutBytes: number;
}

async function copyFrames(folder: GateFolder, sink: Sink): Promise<Exported> {
  const segments = await listSegments(folder);
  const say = progress('files written');
  const sum = { records: 0, bytes: 0, leftOutBytes: 0 };
  let frames: Buffer[] = [];
  let pieceBytes = 0;
  const flush = async () => {
    await sink.write(Buffer.concat(frames));
    frames = [];
    pieceBytes = 0;
  };
  for await (const { part } of readJournal(folder, segments, (before) => say(before, segments.length))) {
    if (part.kind === 'damage') {
      sum.leftOutBytes += part.to - part.from;
      continue;
    }
    const frame =
      part.kind === 'link'
        ? encodeLinkFrame(part.frame.previous, part.frame.link)
        : encodeFrame(part.frame.previous, part.frame.body);
    frames.push(frame);
    pieceBytes += frame.length;
    sum.records += 1;
    sum.bytes += frame.length;
    if (pieceBytes >= PIECE_BYTES) await flush();
  }
  await flush();
  return { device: folder.device, ...sum };
}

async function exportJournal(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const out = required(parsed.values.out, '--out');
  const json = parsed.values.json === true;
  if (json && out === '-') throw new UsageError('--json and --out - cannot both have standard output');
  const folder = await openGateFolder(required(parsed.values.data, '--data'));
  const sink = out === '-' ? standardOutput : await fileSink(out);
  let exported: Exported;
  try {
    exported = await copyFrames(folder, sink);
    await sink.finish();
  } catch (thrown) {
    await sink.abandon();
    throw thrown;
  }
  const { device, records, bytes, leftOutBytes } = exported;
  if (json) toResults(JSON.stringify(exported));
  else toPeople(`${device}: ${records} records, ${bytes} bytes`);
  if (leftOutBytes > 0)
    toPeople(
      `${leftOutBytes} bytes hold no whole record and were left out; "cardpad journal verify" says more`,
    );
  return EXIT.done;
}

export const exportCommand: Command = {
  name: 'export',
  summary: 'writes all records into one file, sealed as they are',
  help: HELP,
  results: 'lines',
  run: exportJournal,
};
