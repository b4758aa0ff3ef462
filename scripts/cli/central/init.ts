import { randomBytes } from 'node:crypto';
import { initCentral, publicPath } from '../../../central/keys.js';
import { DEFAULT_RULES } from '../../../central/rules/defaultRules.js';
import { generateSm2KeyPair } from '../../../protocol/sm/sm2.js';
import { type Command, EXIT, toPeople, toResults } from '../command.js';
import { noMorePositionals, parseCommandLine, required } from '../options.js';

const HELP = `usage: cardpad central init --data DIR [--json]

Makes the keys of a central service, its first rule table and its list of devices in DIR.
Run again it changes nothing and prints the same.

  --data DIR    the folder of this central service
  --json        changes nothing: what is printed is one JSON document anyway, {"public", "keys"}

example: cardpad central init --data /var/lib/cardpad-central`;

async function init(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, { data: { type: 'string' }, json: { type: 'boolean' } });
  noMorePositionals(parsed.positionals);
  const folder = required(parsed.values.data, '--data');
  const { keys } = await initCentral(folder, {
    generate: generateSm2KeyPair,
    random: randomBytes,
    nowMs: Date.now(),
    rules: `${JSON.stringify(DEFAULT_RULES, undefined, 2)}\n`,
  });
  const ids = Object.fromEntries(Object.entries(keys).map(([name, list]) => [name, list[0]?.id]));
  toResults(JSON.stringify({ public: publicPath(folder), keys: ids }));
  toPeople(`Next: bring ${publicPath(folder)} to each device and run there
  cardpad provision --data DIR --device ID --central central.public.json
then hand what it prints to: cardpad central enroll --data ${folder}`);
  return EXIT.done;
}

export const initCommand: Command = {
  name: 'init',
  summary: 'makes its keys, rules and list of devices in a folder',
  help: HELP,
  results: 'json',
  run: init,
};
