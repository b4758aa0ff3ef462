import type { Clock } from '../platform/clock.js';
import { readFileIfThere } from '../platform/files.js';
import type { Log } from '../platform/log.js';
import { CardpadError, messageOf } from '../protocol/errors.js';
import { type Enrolments, enrolmentsPath, openEnrolments } from './enrolments.js';
import { People, readPeople } from './rules/people.js';
import { parseRules, type RuleTable } from './rules/rules.js';
import { WatchedFile } from './watchedFile.js';

/** @throws CardpadError `rules.missing` | `rules.bad` (fatal) */
export async function readRules(path: string): Promise<RuleTable> {
  const bytes = await readFileIfThere(path);
  if (bytes !== undefined) return parseRules(bytes, path);
  throw new CardpadError('rules.missing', 'fatal', `${path} is missing`, {
    help: 'Run "cardpad central init" with the same folder, which writes the default rules.',
  });
}

/** What people change while central runs: who is enrolled, the rules, who is known. */
export interface CentralState {
  readonly enrolments: () => Enrolments;
  readonly rules: () => RuleTable;
  readonly people: () => People;
  close(): void;
}

export interface StateOptions {
  readonly folder: string;
  readonly rulesFile: string;
  /** Without one nobody is known. */
  readonly peopleFile: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** @throws CardpadError (fatal) when a file cannot be read at the start; later a bad one leaves the old in force */
export async function openState({
  folder,
  rulesFile,
  peopleFile,
  clock,
  log,
}: StateOptions): Promise<CentralState> {
  const keepOld = (file: string) => (thrown: unknown) =>
    log.error('file not taken, the old one stays in force', { file, problem: messageOf(thrown) });
  const watch = <T>(path: string, load: () => Promise<T>) =>
    WatchedFile.open(path, load, clock, keepOld(path));
  const unknownKey = ({ entry, key }: { entry: number; key: string }) =>
    log.warn('people file: nobody reads this key', { entry, key: key.slice(0, 32) });

  const rules = await watch(rulesFile, () => readRules(rulesFile));
  const people =
    peopleFile === undefined ? undefined : await watch(peopleFile, () => readPeople(peopleFile, unknownKey));
  const enrolments = await watch(enrolmentsPath(folder), async () => (await openEnrolments(folder)).data);
  return {
    enrolments: () => enrolments.value,
    rules: () => rules.value,
    people: () => people?.value ?? People.nobody,
    close: () => {
      for (const file of [rules, people, enrolments]) file?.close();
    },
  };
}
