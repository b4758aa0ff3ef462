import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import { toPeople } from '../cli/command.js';

const execute = promisify(execFile);

/**
 * Runs a program to its end and gives what it said.
 * @throws CardpadError `package.tool` (retry) with the last that it said
 */
export async function run(program: string, words: readonly string[], cwd?: string): Promise<string> {
  try {
    const { stdout } = await execute(program, [...words], { cwd, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (thrown) {
    const said = String((thrown as { readonly stderr?: unknown }).stderr ?? thrown).trim();
    throw new CardpadError('package.tool', 'retry', `${program} failed:\n${said.slice(-2000)}`, {
      help: 'Correct what it says, then run this again.',
      cause: thrown,
    });
  }
}

async function isThere(program: string): Promise<boolean> {
  try {
    await execute(program, ['--version']);
    return true;
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT';
  }
}

/**
 * Installs Debian packages.
 * @throws CardpadError `package.missing` (retry)
 */
export async function install(names: readonly string[]): Promise<void> {
  toPeople(`cardpad: installing ${names.join(' ')} from Debian's packages ...`);
  const apt = ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
  const [program, before] = process.getuid?.() === 0 ? ['env', []] : ['sudo', ['-n', 'env']];
  try {
    await run(program, [...before, ...apt, 'update']);
    await run(program, [...before, ...apt, 'install', '-y', '--no-install-recommends', ...names]);
  } catch (cause) {
    throw new CardpadError('package.missing', 'retry', `cannot install ${names.join(' ')}`, {
      help: `As root run: apt-get update && apt-get install ${names.join(' ')}`,
      cause,
    });
  }
}

/**
 * Installs what is missing of the programs that are wanted.
 * @param wanted program to Debian package
 * @throws CardpadError `package.missing` (retry)
 */
export async function installMissing(wanted: ReadonlyMap<string, string>): Promise<void> {
  const missing: string[] = [];
  for (const [program, name] of wanted) if (!(await isThere(program))) missing.push(name);
  if (missing.length > 0) await install(missing);
}
