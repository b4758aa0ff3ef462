import { nearest } from '../../platform/suggest.js';
import { CardpadError } from '../../protocol/errors.js';
import { UsageError } from './options.js';

/** What a command's end means to the shell. */
export const EXIT = { done: 0, no: 1, usage: 2, unreachable: 3 } as const;

/** One word of the command line. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole help text: usage, options, an example. */
  readonly help: string;
  /** Does the work; resolves to an exit code. */
  run(argv: readonly string[]): Promise<number>;
}

export const toPeople = (line: string): void => void process.stderr.write(`${line}\n`);
export const toResults = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs the command that the first word names; help, typos and failures are told the same way everywhere. */
export async function dispatch(
  program: string,
  intro: string,
  commands: readonly Command[],
  argv: readonly string[],
): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined || word === '--help' || word === '-h' || word === 'help') {
    const width = Math.max(...commands.map(({ name }) => name.length));
    const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
    const text = `${intro}\n\n${lines.join('\n')}\n\n${program} COMMAND --help says more of each.`;
    (word === undefined ? toPeople : toResults)(text);
    return word === undefined ? EXIT.usage : EXIT.done;
  }
  const command = commands.find(({ name }) => name === word);
  if (command === undefined) {
    const meant = nearest(
      word,
      commands.map(({ name }) => name),
    );
    toPeople(
      `${program}: there is no command "${word}"${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
    toPeople(`${program} --help lists the commands.`);
    return EXIT.usage;
  }
  if (rest.includes('--help') && command.help !== '') {
    toResults(command.help);
    return EXIT.done;
  }
  return run(`${program} ${word}`, command, rest);
}

async function run(program: string, command: Command, argv: readonly string[]): Promise<number> {
  try {
    return await command.run(argv);
  } catch (thrown) {
    if (thrown instanceof UsageError) {
      toPeople(`${program}: ${thrown.message}`);
      toPeople(`${program} --help says how it is used.`);
      return EXIT.usage;
    }
    if (!(thrown instanceof CardpadError)) throw thrown;
    toPeople(`${program}: ${thrown.message} (${thrown.code})`);
    if (thrown.help !== undefined) toPeople(thrown.help);
    return thrown.disposition === 'retry' || thrown.disposition === 'reconnect' ? EXIT.unreachable : EXIT.no;
  }
}
