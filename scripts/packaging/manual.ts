import type { Command, CommandGroup } from '../cli/command.js';
import { commandLine } from '../cli/commands.js';

/** Text for roff(7), line by line: backslashes, hyphens that are typed, and a dot or quote that begins a line. */
const roff = (text: string) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

function sections(program: string, entry: Command | CommandGroup): string[] {
  const name = `${program} ${entry.name}`;
  const text = 'help' in entry ? entry.help : entry.intro;
  const own = `.SS ${roff(name)}\n${roff(entry.summary)}\n.PP\n.nf\n${roff(text)}\n.fi\n`;
  return 'commands' in entry ? [own, ...entry.commands.flatMap((each) => sections(name, each))] : [own];
}

/** cardpad(1), made of what `--help` says of each command. @param epochS of the release, for its date */
export async function manual(version: string, epochS: number): Promise<string> {
  const { summary, intro, commands } = await commandLine();
  const day = new Date(epochS * 1000).toISOString().slice(0, 10);
  return `.TH CARDPAD 1 ${day} "cardpad ${roff(version)}" "User Commands"
.SH NAME
cardpad \\- ${roff(summary)}
.SH DESCRIPTION
.nf
${roff(intro)}
.fi
.SH COMMANDS
${commands.flatMap((each) => sections('cardpad', each)).join('')}.SH FILES
.TP
/etc/cardpad/config.json
the configuration of the service cardpad
.TP
/var/lib/cardpad
its keys and its journal
.SH SEE ALSO
/usr/share/doc/cardpad/installing.md, journalctl(1), systemctl(1)
`;
}
