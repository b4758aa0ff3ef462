import { readFile } from 'node:fs/promises';
import t from 'tap';
import { CardpadError } from '../../../protocol/errors.js';
import { type Command, EXIT, runCommand, runProgram } from '../../../scripts/cli/command.js';
import { UsageError } from '../../../scripts/cli/options.js';

const failing = (thrown: unknown): Command => ({
  name: 'cardpad try',
  summary: 'fails',
  help: 'usage: cardpad try',
  results: 'none',
  run: () => Promise.reject(thrown),
});

const systemError = await readFile('/nowhere/at/all').catch((thrown: unknown) => thrown);
const ENDS: readonly [string, unknown, number, RegExp][] = [
  [
    'wrong usage',
    new UsageError('--data is missing'),
    EXIT.usage,
    /--data is missing\ncardpad try --help says/,
  ],
  [
    'fatal, with its own help',
    new CardpadError('keys.damaged', 'fatal', 'no key', { help: 'Restore it.' }),
    EXIT.no,
    /no key \(keys\.damaged\)\nRestore it\.\n$/,
  ],
  [
    'rejected, without help',
    new CardpadError('a.b', 'reject', 'bad'),
    EXIT.no,
    /bad \(a\.b\)\nCorrect .*\n$/,
  ],
  [
    'a lost connection',
    new CardpadError('a.b', 'reconnect', 'gone'),
    EXIT.unreachable,
    /gone .*\nLook whether .*\n$/,
  ],
  [
    'something that may pass',
    new CardpadError('a.b', 'retry', 'busy'),
    EXIT.unreachable,
    /busy .*\nIt may pass.*\n$/,
  ],
  ['a refusal of the system', systemError, EXIT.no, /ENOENT.*\nLook whether the path is right\.\n$/],
];

for (const [what, thrown, code, says] of ENDS) {
  t.test(`${what}: exit code ${code}, and what to do next`, async (t) => {
    const said = t.capture(process.stderr, 'write', () => true);
    t.equal(await runCommand('cardpad try', failing(thrown), []), code);
    t.match(
      said()
        .map(({ args }) => String(args[0]))
        .join(''),
      says,
    );
  });
}

t.test('an error of the program itself is not dressed up as one of its user', async (t) => {
  const bug = new TypeError('x is not a function');
  await t.rejects(runCommand('cardpad try', failing(bug), []), bug);
});

t.test('a program of one command: what cannot be done here is 3, wrong usage is 2', async (t) => {
  const said = t.capture(process.stderr, 'write', () => true);
  t.equal(await runProgram(failing(new Error('no broker')), []), EXIT.unreachable);
  t.equal(await runProgram(failing(new UsageError('--taps is missing')), []), EXIT.usage);
  t.equal(said().length, 4, 'each says what to do next');
});
