import { errorLine, loadConfig } from '../../daemon/config/config.js';
import { type Command, type CommandGroup, EXIT, toResults } from './command.js';
import { noMorePositionals, parseCommandLine, required } from './options.js';

const check: Command = {
  name: 'check',
  summary: 'says whether a configuration is right',
  help: `usage: cardpad config check FILE [--json]

Exit code 0, or 1 and every error with its path and what would be right.

  --json   one JSON document: {"ok": true|false, "errors": [{"path", "code", "message"}]}

example: cardpad config check /etc/cardpad/config.json`,
  results: 'lines',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, { json: { type: 'boolean' } });
    const file = required(positionals[0], 'FILE');
    noMorePositionals(positionals, 1);
    const result = await loadConfig(file);
    const errors = result.ok ? [] : result.errors;
    if (values.json) toResults(JSON.stringify({ ok: result.ok, errors }));
    else if (result.ok) toResults(`${file}: ok`);
    else for (const error of errors) toResults(errorLine(error));
    return result.ok ? EXIT.done : EXIT.no;
  },
};

export const configCommand: CommandGroup = {
  name: 'config',
  summary: 'the configuration of a gate: check',
  intro: `The configuration of a gate; docs/configuration.md has every key.

usage: cardpad config COMMAND [OPTIONS]
example: cardpad config check /etc/cardpad/config.json`,
  commands: [check],
};
