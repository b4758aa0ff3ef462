import type { ConfigKey } from '../../daemon/config/key.js';
import { CONFIG_KEYS } from '../../daemon/config/keys.js';

const HEAD = `<!-- Made by \`npm run docs\` from daemon/config/keys.ts. Change it there. -->

# Configuration

One JSON document. \`cardpad config check FILE\` tells every error at once, each with its path and what would be right.
\`configuration.schema.json\` beside this page is the same table for editors. This document is whole; every other key
has a default:

\`\`\`json
EXAMPLE
\`\`\`

A change takes a restart of the daemon. "Live" says whether a key may take effect without one, once configurations can
be pushed. \`[]\` stands for each element of a list, \`{}\` for each name in a map.
`;

const cell = (text: string) => text.replaceAll('|', '\\|');

function defaultOf({ default: value, optional }: ConfigKey): string {
  if (value !== undefined) return `\`${JSON.stringify(value)}\``;
  return optional === true ? 'none' : '**required**';
}

function row(key: ConfigKey): string {
  const { path, expected, unit, live, about } = key;
  const value = unit === undefined ? expected : `${expected}, in ${unit}`;
  return `| \`${path}\` | ${cell(value)} | ${defaultOf(key)} | ${live ? 'live' : 'restart'} | ${cell(about)} |`;
}

/** The page of all keys, by section. @param example a whole configuration, as JSON text */
export function configurationPage(example: string): string {
  const sections = new Map<string, ConfigKey[]>();
  for (const key of CONFIG_KEYS) {
    const [first = '', ...rest] = key.path.replace('[]', '').split('.');
    const section = rest.length === 0 ? 'The gate' : first;
    sections.set(section, [...(sections.get(section) ?? []), key]);
  }
  const parts = [HEAD.replace('EXAMPLE', example.trim())];
  for (const [name, keys] of sections) {
    parts.push(
      `## ${name}\n\n| key | must be | default | | |\n|---|---|---|---|---|\n${keys.map(row).join('\n')}\n`,
    );
  }
  return parts.join('\n');
}
