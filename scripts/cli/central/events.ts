import { setTimeout } from 'node:timers/promises';
import { readKeyPair, readSiteKey } from '../../../central/keys.js';
import { EventReader } from '../../../central/ledger/events.js';
import { unwrapWith } from '../../../central/ledger/reading.js';
import { People, readPeople } from '../../../central/rules/people.js';
import { sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { type Command, EXIT, readerGone, toPeople, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required } from '../options.js';
import { sayNothing } from './nothing.js';

const HELP = `usage: cardpad central events --data DIR [--device ID] [--people FILE] [--follow] [--json]

Prints what the gates have reported, a line of JSON a record, never a number or a name.
Works beside a running central.

  --data DIR       the folder of this central service
  --device ID      this device only
  --people FILE    binds social-security and other cards to persons, as "central run" does
  --follow         go on with what comes, until stopped (Ctrl-C)
  --json           changes nothing: each line is JSON anyway

Exit code 1: a record could not be read, and its line says so; or there is none of the device that was named.

example: cardpad central events --data /var/lib/cardpad-central --device gz-bus-a1`;

const OPTIONS = {
  data: { type: 'string' },
  device: { type: 'string' },
  people: { type: 'string' },
  follow: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

const LOOK_EVERY_MS = 250;

/** Waits for the next look; a signal ends it at once. */
const pause = (signal: AbortSignal): Promise<void> =>
  setTimeout(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});

async function events(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const { device, people, follow = false } = parsed.values;
  const folder = required(parsed.values.data, '--data');
  const ledgerKey = await readKeyPair(folder, 'ledger');
  const reader = new EventReader({
    folder,
    siteKey: await readSiteKey(folder),
    unwrap: unwrapWith(ledgerKey, async (ciphertext, privateKey) => sm2Decrypt(ciphertext, privateKey)),
    people: people === undefined ? People.nobody : await readPeople(people),
    ...(device === undefined ? {} : { device }),
  });
  const stop = new AbortController();
  readerGone.addEventListener('abort', () => stop.abort());
  if (follow) for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  let printed = 0;
  let unreadable = 0;
  do {
    for await (const line of reader.poll()) {
      if (readerGone.aborted) return EXIT.done;
      printed += 1;
      if (line.unreadable === true) unreadable += 1;
      toResults(JSON.stringify(line));
    }
    if (follow) await pause(stop.signal);
  } while (follow && !stop.signal.aborted);
  if (printed === 0 && !follow) return sayNothing(device);
  if (unreadable === 0) return EXIT.done;
  toPeople(
    `${unreadable} records could not be read. "cardpad central verify" names those that were altered.`,
  );
  return EXIT.no;
}

export const eventsCommand: Command = {
  name: 'events',
  summary: 'prints what the gates reported, without numbers and names',
  help: HELP,
  results: 'json',
  run: events,
};
