import t, { type Test } from 'tap';
import { type Command, type CommandGroup, dispatch, EXIT } from '../../../scripts/cli/command.js';
import { CARDPAD } from '../../../scripts/cli/commands.js';

interface Named<T> {
  readonly path: readonly string[];
  readonly command: T;
}

/** Every word of the program that stands for something, from the program itself: a new command is tested by being one. */
function walk(group: CommandGroup, path: readonly string[] = []) {
  const groups: Named<CommandGroup>[] = [{ path, command: group }];
  const commands: Named<Command>[] = [];
  for (const command of group.commands) {
    const here = [...path, command.name];
    if ('commands' in command) {
      const below = walk(command, here);
      groups.push(...below.groups);
      commands.push(...below.commands);
    } else commands.push({ path: here, command });
  }
  return { groups, commands };
}

const { groups, commands } = walk(CARDPAD);
const nameOf = (path: readonly string[]) => ['cardpad', ...path].join(' ');
const optionsIn = (help: string) => [
  ...new Set([...help.matchAll(/--([a-z][a-z-]+)/g)].map(([, name]) => name ?? '')),
];

/** What is said to people while the command line is worked off. */
async function say(t: Test, argv: readonly string[]): Promise<{ code: number; words: string }> {
  const said = t.capture(process.stderr, 'write', () => true);
  const code = await dispatch('cardpad', CARDPAD, argv);
  const words = said()
    .map(({ args }) => String(args[0]))
    .join('');
  return { code, words };
}
t.test('there are groups and commands to test', async (t) => {
  t.ok(groups.length > 1);
  t.ok(commands.length > 5);
});

for (const { path, command } of groups) {
  t.test(`${nameOf(path)}: usage, an example of its own, and a list of what there is`, async (t) => {
    t.match(command.intro, `usage: ${nameOf(path)} COMMAND`);
    t.match(command.intro, `example: ${nameOf(path)} `);
    const { code, words } = await say(t, path);
    t.equal(code, EXIT.usage, 'a group alone is wrong usage');
    for (const { name, summary } of command.commands)
      t.match(words, new RegExp(`^  ${name} +${summary[0]}`, 'm'));
  });

  for (const { name } of command.commands) {
    const typo = `${name}q`;
    t.test(`${nameOf(path)} ${typo}: did you mean ${name}?`, async (t) => {
      const { code, words } = await say(t, [...path, typo]);
      t.equal(code, EXIT.usage);
      t.match(words, `did you mean ${name}?`);
      t.match(words, '--help');
    });
  }
}

for (const { path, command } of commands) {
  const name = nameOf(path);
  t.test(
    `${name}: its help has usage, an example, each line of a terminal's width, and says what --json does`,
    async (t) => {
      const { help, results, summary } = command;
      t.match(help, new RegExp(`^usage: ${name} `));
      t.match(help, `\nexample: ${name} `);
      t.ok(summary.length > 0 && summary.length < 100);
      for (const line of help.split('\n')) t.ok(line.length <= 120, line);
      t.equal(/^ +--json /m.test(help), results !== 'none', 'a result can be had as JSON');
    },
  );

  t.test(`${name}: without what it needs, and with an argument too many, it is wrong usage`, async (t) => {
    const bare = await say(t, path);
    t.equal(bare.code, EXIT.usage);
    t.match(bare.words, `${name} --help says how it is used.`);
    const many = await say(t, [...path, 'x', 'y']);
    t.equal(many.code, EXIT.usage);
  });

  for (const option of ['help', ...optionsIn(command.help)]) {
    const typo = `${option}q`;
    t.test(`${name} --${typo}: did you mean --${option}?`, async (t) => {
      // The options of another command stand in some helps, in words.
      const { code, words } = await say(t, [...path, `--${typo}`]);
      t.equal(code, EXIT.usage);
      t.match(words, `there is no option --${typo}; did you mean --${option}?`);
    });
  }
}

t.test('a word of megabytes and of bytes that are no text is answered briefly', async (t) => {
  for (const word of ['x'.repeat(1_000_000), '\u0000\u001b[31m']) {
    const { code, words } = await say(t, [word]);
    t.equal(code, EXIT.usage);
    t.ok(words.length < 300);
  }
});
