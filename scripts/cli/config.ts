import { errorLine, loadConfig } from '../../daemon/config/config.js';
import { type Command, dispatch, EXIT, toResults } from './command.js';
import { parseCommandLine, required, UsageError } from './options.js';

const check: Command = {
  name: 'check',
  summary: 'says whether a configuration is right',
  help: `usage: cardpad config check FILE [--json]

Exit code 0, or 1 and every error with its path and what would be right.

  --json   one JSON document: {"ok": true|false, "errors": [{"path", "code", "message"}]}

example: cardpad config check /etc/cardpad/config.json`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, { json: { type: 'boolean' } });
    const file = required(positionals[0], 'FILE');
    if (positionals.length > 1) throw new UsageError('one FILE at a time');
    const result = await loadConfig(file);
    const errors = result.ok ? [] : result.errors;
    if (values.json) toResults(JSON.stringify({ ok: result.ok, errors }));
    else if (result.ok) toResults(`${file}: ok`);
    else for (const error of errors) toResults(errorLine(error));
    return result.ok ? EXIT.done : EXIT.no;
  },
};

export const configCommand: Command = {
  name: 'config',
  summary: 'checks a configuration',
  help: '',
  run: (argv) => dispatch('cardpad config', 'usage: cardpad config COMMAND', [check], argv),
};
