import { rulesPath } from '../../../central/keys.js';
import { checkRules, type RuleError } from '../../../central/rules/rules.js';
import { readRules } from '../../../central/state.js';
import { readNeededFile } from '../../../platform/files.js';
import { type Command, EXIT, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, UsageError } from '../options.js';

const HELP = `usage: cardpad central rules --data DIR [--json]
       cardpad central rules --check FILE [--json]

Prints the rule table in force, or checks one: exit code 0, or 1 with every error and its path.
Rows are tried from the top, and the first that fits decides; the last must fit always.

  --data DIR      the folder of this central service
  --check FILE    a rule table to check
  --json          with --check: {"ok": true|false, "errors": [{"path", "code", "message"}]}; with --data what is
                  printed is one JSON document anyway

example: cardpad central rules --check /var/lib/cardpad-central/rules.json`;

const OPTIONS = { data: { type: 'string' }, check: { type: 'string' }, json: { type: 'boolean' } } as const;

/** Everything that is wrong with a file of rules. */
async function errorsIn(file: string): Promise<readonly RuleError[]> {
  const bytes = await readNeededFile(file, 'Give the rule table to check, such as DIR/rules.json.');
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch {
    return [{ path: 'rules.json', code: 'rules.json', message: 'is not JSON' }];
  }
  const checked = checkRules(document);
  return checked.ok ? [] : checked.errors;
}

async function check(file: string, json: boolean): Promise<number> {
  const errors = await errorsIn(file);
  const ok = errors.length === 0;
  if (json) toResults(JSON.stringify({ ok, errors }));
  else if (ok) toResults(`${file}: ok`);
  else for (const { path, code, message } of errors) toResults(`${path}: ${code}: ${message}`);
  return ok ? EXIT.done : EXIT.no;
}

async function rules(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const { data, check: file, json = false } = parsed.values;
  if (file !== undefined && data === undefined) return check(file, json);
  if (data === undefined || file !== undefined) throw new UsageError('give either --data or --check');
  toResults(JSON.stringify(await readRules(rulesPath(data)), undefined, 2));
  return EXIT.done;
}

export const rulesCommand: Command = {
  name: 'rules',
  summary: 'prints the rule table in force, or checks one',
  help: HELP,
  results: 'lines',
  run: rules,
};
