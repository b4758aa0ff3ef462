import { basename } from 'node:path';
import type { Clock } from '../platform/clock.js';
import { readFileIfThere } from '../platform/files.js';
import type { Log } from '../platform/log.js';
import { CardpadError, messageOf } from '../protocol/errors.js';
import { type Enrolments, enrolmentsPath, openEnrolments } from './enrolments.js';
import { People, type PeopleWarning, readPeople } from './rules/people.js';
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

/** Warns of a file that was taken; one that is tried again and again would fill the log. */
async function readPeopleAndWarn(path: string, onWarning: (warning: PeopleWarning) => void): Promise<People> {
  const warnings: PeopleWarning[] = [];
  const people = await readPeople(path, (warning) => warnings.push(warning));
  for (const warning of warnings) onWarning(warning);
  return people;
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
  const watch = <T>(path: string, load: () => Promise<T>) =>
    WatchedFile.open(path, load, clock, {
      onTaken: () => log.info('file taken', { file: basename(path) }),
      onProblem: (thrown) =>
        log.error('file not taken, the old one stays in force', { file: path, problem: messageOf(thrown) }),
    });
  const unknownKey = ({ entry, key }: PeopleWarning) =>
    log.warn('people file: nobody reads this key', { entry, key: key.slice(0, 32) });

  const onBackup = (file: string) =>
    log.error('file damaged, its copy is in force: a revoked device may be enrolled again', { file });

  const rules = await watch(rulesFile, () => readRules(rulesFile));
  const people =
    peopleFile === undefined
      ? undefined
      : await watch(peopleFile, () => readPeopleAndWarn(peopleFile, unknownKey));
  const enrolments = await watch(enrolmentsPath(folder), async () => {
    return (await openEnrolments(folder, onBackup)).data;
  });
  return {
    enrolments: () => enrolments.value,
    rules: () => rules.value,
    people: () => people?.value ?? People.nobody,
    close: () => {
      for (const file of [rules, people, enrolments]) file?.close();
    },
  };
}
