import type { Fault } from '../../../central/ledger/lineAudit.js';
import { type Command, EXIT, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required } from '../options.js';
import { auditJournal, type JournalReport } from './audit.js';
import { openGateFolder } from './gateFolder.js';
import { progress } from './progress.js';
import { acknowledgedIn } from './status.js';

const HELP = `usage: cardpad journal verify --data DIR [--json]

Recomputes the chain of a gate's journal and names the first record that was altered, removed, reordered or forged, and
records that central had acknowledged and that are gone. Works beside a running gate and changes nothing. Half a record
at the very end is what a power cut leaves, and no fault. Files that central has had for long are removed from the
oldest on: where the journal begins is said, and is no fault. Exit code 0: all is whole; 1: it is not.

  --data DIR    the gate's data folder ("dataDir" in its configuration)
  --json        one line of JSON

example: cardpad journal verify --data /var/lib/cardpad`;

const OPTIONS = { data: { type: 'string' }, json: { type: 'boolean' } } as const;
/** Of a journal that was badly hurt the first faults tell enough. */
const FAULTS_SHOWN = 5;

function faultLine({ kind, epoch, seq, file, detail }: Fault): string {
  const record =
    epoch === undefined ? '' : seq === undefined ? ` near epoch ${epoch}` : ` at ${epoch}/${seq}`;
  return `NOT WHOLE: ${kind}${record} in ${file}: ${detail}`;
}

function lines(report: JournalReport): string[] {
  const { device, whole, records, segments, epochs, begins, head, tornBytes, faults } = report;
  const from = epochs === null ? 'no epochs' : `epochs ${epochs[0]}..${epochs[1]}`;
  const beginning = begins === null ? '' : `, begins at ${begins.epoch}/${begins.seq}`;
  const place = head === null ? 'no head' : `head ${head.epoch}/${head.seq} ${head.head.slice(0, 16)}`;
  const torn = tornBytes === 0 ? '' : `, a torn tail of ${tornBytes} bytes (no fault)`;
  const { signedUpTo, unsignedEpochs, dropped } = report;
  const upTo = signedUpTo === null ? 'not signed' : `signed up to ${signedUpTo.epoch}/${signedUpTo.seq}`;
  const unsigned = unsignedEpochs.length === 0 ? '' : ` (no signature in ${unsignedEpochs.length} epochs)`;
  const gone = dropped.flatMap(({ counts }) => Object.values(counts)).reduce((sum, count) => sum + count, 0);
  const links = gone === 0 ? '' : `, ${gone} dropped for want of room and told of`;
  const summary = `${records} records in ${segments} files, ${from}${beginning}, ${place}, ${upTo}${unsigned}${links}${torn}`;
  if (whole) return [`${device} ok: ${summary}`];
  const shown = faults.slice(0, FAULTS_SHOWN).map((fault) => `${device} ${faultLine(fault)}`);
  const more = faults.length - shown.length;
  return [...shown, `${device} NOT WHOLE: ${more > 0 ? `${more} faults more; ` : ''}${summary}`];
}

async function verify(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const folder = await openGateFolder(required(parsed.values.data, '--data'));
  // Before the journal: what is acknowledged while it is read must not seem to be missing.
  const acknowledged = await acknowledgedIn(folder);
  const report = await auditJournal(folder, acknowledged?.place, progress('files checked'));
  for (const line of parsed.values.json === true ? [JSON.stringify(report)] : lines(report)) toResults(line);
  return report.whole ? EXIT.done : EXIT.no;
}

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'proves that no record of this gate was altered, removed or reordered',
  help: HELP,
  results: 'lines',
  run: verify,
};
