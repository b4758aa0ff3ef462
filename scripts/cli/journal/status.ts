import { statfs } from 'node:fs/promises';
import { loadConfig } from '../../../daemon/config/config.js';
import { type Acknowledged, readAcknowledged } from '../../../daemon/journal/acknowledged.js';
import { CardpadError, codeOf } from '../../../protocol/errors.js';
import { type Command, EXIT, toPeople, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required } from '../options.js';
import { type GateFolder, openGateFolder, runningDaemon } from './gateFolder.js';
import { progress } from './progress.js';
import { type Seen, type Survey, surveyJournal } from './survey.js';

const HELP = `usage: cardpad journal status --data DIR [--config FILE] [--json]

Says what the journal of a gate holds: how many records of which kind, how old the oldest is, how far central has them,
how many come in an hour, and how much room is left. Works beside a running gate and without one, and changes nothing.
What central acknowledged is written down once a minute, so a few more may be there already.

  --data DIR    the gate's data folder ("dataDir" in its configuration)
  --config FILE the gate's configuration: its limits are set beside what is there
  --json        one line of JSON

example: cardpad journal status --data /var/lib/cardpad`;

const OPTIONS = { data: { type: 'string' }, config: { type: 'string' }, json: { type: 'boolean' } } as const;

/** What `--json` prints. */
interface Status extends Survey {
  readonly device: string;
  /** The process number of the daemon that runs on this folder; null where none does. */
  readonly running: number | null;
  /** The oldest record's age by the clock of this machine, in seconds; null where its time is not certain. */
  readonly oldestAgeS: number | null;
  readonly acknowledged: {
    readonly epoch: number;
    readonly seq: number;
    readonly at: string;
    readonly trusted: boolean;
  } | null;
  readonly freeBytes: number | null;
  /** The configured limits of the journal; null without a configuration. */
  readonly limits: { readonly maxRecords: number; readonly maxBytes: number } | null;
}

async function limitsIn(file: string | undefined): Promise<Status['limits']> {
  if (file === undefined) return null;
  const result = await loadConfig(file);
  if (!result.ok) {
    throw new CardpadError('config.wrong', 'fatal', `${file} is not a right configuration`, {
      help: `cardpad config check ${file} says what is wrong with it.`,
    });
  }
  const { maxRecords, maxMb } = result.config.journal;
  return { maxRecords, maxBytes: maxMb * 1e6 };
}

async function status(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const folder = await openGateFolder(required(parsed.values.data, '--data'));
  const limits = await limitsIn(parsed.values.config);
  const found = await statusOf(folder, limits);
  for (const line of parsed.values.json === true ? [JSON.stringify(found)] : lines(found)) toResults(line);
  return EXIT.done;
}

async function statusOf(folder: GateFolder, limits: Status['limits']): Promise<Status> {
  const acknowledged = await acknowledgedIn(folder);
  const survey = await surveyJournal(folder, acknowledged?.place, progress('files read'));
  const { oldest } = survey;
  return {
    device: folder.device,
    running: (await runningDaemon(folder)) ?? null,
    ...survey,
    oldestAgeS: oldest?.trusted === true ? Math.round((Date.now() - Date.parse(oldest.at)) / 1000) : null,
    acknowledged:
      acknowledged === undefined
        ? null
        : {
            ...{ epoch: acknowledged.place.epoch, seq: acknowledged.place.seq },
            at: new Date(acknowledged.wallMs).toISOString(),
            trusted: acknowledged.trusted,
          },
    freeBytes: await freeBytes(folder),
    limits,
  };
}

/** How far central has the journal; a damaged note is told and counts as none. */
export async function acknowledgedIn({ path }: GateFolder): Promise<Acknowledged | undefined> {
  try {
    return await readAcknowledged(path);
  } catch (thrown) {
    toPeople(
      `what central acknowledged cannot be read (${codeOf(thrown) ?? 'error'}); central itself knows it`,
    );
    return undefined;
  }
}

async function freeBytes({ path }: GateFolder): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const certain = ({ trusted }: { readonly trusted: boolean }): string =>
  trusted ? '' : ' (by the clock of the board, which was not certain)';

function age(seconds: number): string {
  if (seconds < 0) return 'in the future by the clock of this machine';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  const hours = Math.floor(seconds / 3600);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

function lines(found: Status): string[] {
  const { device, running, segments, bytes, records, kinds, epochs, damagedBytes, freeBytes } = found;
  const kindWords = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
  const place = ({ epoch, seq }: Pick<Seen, 'epoch' | 'seq'>) => `${epoch}/${seq}`;
  const { oldest, oldestAgeS, newest, acknowledged, rate } = found;
  return [
    `device    ${device}, ${running === null ? 'no daemon runs on this folder' : `a daemon runs (process ${running})`}`,
    `records   ${records}${kindWords.length === 0 ? '' : `: ${kindWords.join(', ')}`}`,
    `epochs    ${epochs === null ? 'none' : `${epochs.first}..${epochs.last} (${epochs.count})`}`,
    `files     ${segments}, ${mb(bytes)}${freeBytes === null ? '' : `; ${mb(freeBytes)} free on the disk`}`,
    ...(oldest === null
      ? []
      : [
          `oldest    ${place(oldest)} of ${oldest.at}${oldestAgeS === null ? '' : `, ${age(oldestAgeS)}`}${certain(oldest)}`,
        ]),
    ...(newest === null
      ? []
      : [`newest    ${place(newest)} of ${newest.at}, head ${newest.head.slice(0, 16)}${certain(newest)}`]),
    acknowledged === null
      ? 'central   nothing is known to be there'
      : `central   has all up to ${place(acknowledged)}, said at ${acknowledged.at}${certain(acknowledged)}`,
    `waiting   ${found.waiting}`,
    ...(rate === null
      ? []
      : [
          `rate      ${rate.perHour} records an hour (${rate.records} in the last ${rate.hours} h)${certain(rate)}`,
        ]),
    ...(found.dropped === 0 ? [] : [`dropped   ${found.dropped} for want of room; their places are proved`]),
    ...(found.limits === null
      ? []
      : [
          `room      ${found.droppable} of ${found.limits.maxRecords} records, ${mb(bytes)} of ${mb(found.limits.maxBytes)}`,
        ]),
    ...(damagedBytes === 0
      ? []
      : [`damage    ${damagedBytes} bytes hold no whole record; cardpad journal verify says more`]),
  ];
}

export const statusCommand: Command = {
  name: 'status',
  summary: 'counts, ages, what central has, what waits, and the rate',
  help: HELP,
  results: 'lines',
  run: status,
};
