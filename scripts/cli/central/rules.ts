import { readFile } from 'node:fs/promises';
import { rulesPath } from '../../../central/keys.js';
import { checkRules } from '../../../central/rules/rules.js';
import { readRules } from '../../../central/state.js';
import { CardpadError, codeOf } from '../../../protocol/errors.js';
import { type Command, EXIT, toPeople, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, UsageError } from '../options.js';

const HELP = `usage: cardpad central rules --data DIR
       cardpad central rules --check FILE

Prints the rule table in force, or checks one: exit code 0, or 1 with every error and its path.
Rows are tried from the top, and the first that fits decides; the last must fit always.

  --data DIR      the folder of this central service
  --check FILE    a rule table to check

example: cardpad central rules --check /var/lib/cardpad-central/rules.json`;

const OPTIONS = { data: { type: 'string' }, check: { type: 'string' } } as const;

async function check(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CardpadError('rules.read', 'fatal', `cannot read ${file} (${codeOf(cause) ?? 'error'})`, {
      cause,
    });
  });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    toResults(`${file}: rules.json: is not JSON`);
    return EXIT.no;
  }
  const checked = checkRules(document);
  if (!checked.ok) {
    for (const { path, code, message } of checked.errors) toResults(`${path}: ${code}: ${message}`);
    return EXIT.no;
  }
  toPeople(`${file} is good: ${Object.keys(checked.table).join(', ')}`);
  return EXIT.done;
}

async function rules(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const { data, check: file } = parsed.values;
  if (file !== undefined && data === undefined) return check(file);
  if (data === undefined || file !== undefined) throw new UsageError('give either --data or --check');
  toResults(JSON.stringify(await readRules(rulesPath(data)), undefined, 2));
  return EXIT.done;
}

export const rulesCommand: Command = {
  name: 'rules',
  summary: 'prints the rule table in force, or checks one',
  help: HELP,
  run: rules,
};
