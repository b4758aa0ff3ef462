import { nearest } from '../../platform/suggest.js';
import { CardpadError, codeOf, type Disposition } from '../../protocol/errors.js';
import { UsageError } from './options.js';

/** What a command's end means to the shell. */
export const EXIT = { done: 0, no: 1, usage: 2, unreachable: 3 } as const;

const ended = new AbortController();

/** Aborted once nobody reads standard output any more (`| head`): who only prints may stop then. */
export const readerGone: AbortSignal = ended.signal;

/** Words for people: what is wrong, what comes next, progress. */
export const toPeople = (line: string): void => void process.stderr.write(`${line}\n`);

/** Results, for people and programs alike: nothing else goes to standard output. */
export function toResults(line: string): void {
  if (!ended.signal.aborted) process.stdout.write(`${line}\n`);
}

/**
 * Lets a program go on whose reader went away: an exit code still tells the answer, and a gate must not end with the
 * program that reads its log. A result that could not be written for another reason, such as a full disk, is a failure.
 */
export function guardOutputs(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (thrown) => {
    ended.abort();
    if (codeOf(thrown) === 'EPIPE') return;
    toPeople(`standard output cannot be written (${codeOf(thrown) ?? thrown.message})`);
    toPeople('The result is not complete. Make room where it is written, and run this again.');
    process.exit(EXIT.no);
  });
}

/** A word of the command line that does something. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole help text: `usage:`, options, and at the end `example:`, which works as it stands. */
  readonly help: string;
  /**
   * What standard output holds: `lines` for people, or one JSON document or a line of JSON each with `--json`; `json`
   * always, and `--json` is taken; `none` for a program that runs until it is stopped.
   */
  readonly results: 'lines' | 'json' | 'none';
  /** Does the work; resolves to an exit code. */
  run(argv: readonly string[]): Promise<number>;
}

/** A word of the command line that others stand behind. */
export interface CommandGroup {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What stands above its list of commands: `usage:` and an `example:`. */
  readonly intro: string;
  readonly commands: readonly (Command | CommandGroup)[];
}

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h';

/** Runs the command that the words name; help, typos and failures are told the same way everywhere. */
export async function dispatch(
  program: string,
  group: CommandGroup,
  argv: readonly string[],
): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined || isHelp(word) || (word === 'help' && rest.length === 0)) {
    (word === undefined ? toPeople : toResults)(listOf(program, group));
    return word === undefined ? EXIT.usage : EXIT.done;
  }
  if (word === 'help') return dispatch(program, group, [...rest, '--help']);
  const command = group.commands.find(({ name }) => name === word);
  if (command === undefined) {
    const meant = nearest(
      word,
      group.commands.map(({ name }) => name),
    );
    const suggestion = meant === undefined ? '' : `; did you mean ${meant}?`;
    toPeople(`${program}: there is no command "${word.slice(0, 40)}"${suggestion}`);
    toPeople(`${program} --help lists the commands.`);
    return EXIT.usage;
  }
  const name = `${program} ${word}`;
  return 'commands' in command ? dispatch(name, command, rest) : runCommand(name, command, rest);
}

function listOf(program: string, { intro, commands }: CommandGroup): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `${intro}\n\n${lines.join('\n')}\n\n${program} COMMAND --help says more of each.`;
}

/** What to do about an error that does not say so itself. */
const NEXT: { readonly [disposition in Disposition]: string } = {
  retry: 'It may pass: try again in a moment.',
  reconnect: 'Look whether the other end is on and within reach, then try again.',
  reject: 'Correct what was handed in, then try again.',
  fatal: 'Correct what is named above, then try again.',
};

/** Runs one command to its exit code. */
export async function runCommand(name: string, command: Command, argv: readonly string[]): Promise<number> {
  if (argv.some(isHelp)) {
    toResults(command.help);
    return EXIT.done;
  }
  try {
    return await command.run(argv);
  } catch (thrown) {
    return tell(name, thrown);
  }
}

/** Says what went wrong and what to do next. @throws what is no error of the world outside, but one of the program */
function tell(name: string, thrown: unknown): number {
  if (thrown instanceof UsageError) {
    toPeople(`${name}: ${thrown.message}`);
    toPeople(`${name} --help says how it is used.`);
    return EXIT.usage;
  }
  if (thrown instanceof CardpadError) {
    toPeople(`${name}: ${thrown.message} (${thrown.code})`);
    toPeople(thrown.help ?? NEXT[thrown.disposition]);
    return thrown.disposition === 'retry' || thrown.disposition === 'reconnect' ? EXIT.unreachable : EXIT.no;
  }
  if (!(thrown instanceof Error) || !('syscall' in thrown)) throw thrown;
  toPeople(`${name}: the system refuses: ${thrown.message}`);
  toPeople(SYSTEM_HELP[codeOf(thrown) ?? ''] ?? 'Correct what the message names, then try again.');
  return EXIT.no;
}

/** What a system error asks for, by its code (errno(3)). */
const SYSTEM_HELP: Readonly<Record<string, string>> = {
  EACCES: 'Give this user the right to it, or run as its owner.',
  EPERM: 'Give this user the right to it, or run as its owner.',
  ENOENT: 'Look whether the path is right.',
  ENOTDIR: 'A file stands where a folder is needed: look whether the path is right.',
  EISDIR: 'A folder stands where a file is needed: look whether the path is right.',
  ENOSPC: 'The disk is full: make room, then try again.',
  EROFS: 'The disk is read-only: mount it writable, or name another folder.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n).',
};

/** A program of one command: `scripts/demo` and its like. A failure of any kind means that it could not be done here. */
export async function runProgram(command: Command, argv: readonly string[]): Promise<number> {
  guardOutputs();
  const run = (words: readonly string[]) =>
    command.run(words).catch((thrown: unknown) => {
      if (thrown instanceof UsageError) throw thrown;
      toPeople(`${command.name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      toPeople(thrown instanceof CardpadError && thrown.help !== undefined ? thrown.help : NEXT.fatal);
      return EXIT.unreachable;
    });
  return runCommand(command.name, { ...command, run }, argv);
}
