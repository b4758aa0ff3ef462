import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './tools.js';

/** What the package calls itself, and the one time that stands on everything in it. */
export interface Release {
  /** `0.1.0`, or `0.1.0+git20261122120546.bfbb13d0` where the commit is not the tagged one. */
  readonly version: string;
  /** Seconds since 1970. */
  readonly epochS: number;
}

const pad = (value: number) => String(value).padStart(2, '0');

/** `20261122120546`, UTC. */
function stamp(epochS: number): string {
  const at = new Date(epochS * 1000);
  const parts = [
    at.getUTCMonth() + 1,
    at.getUTCDate(),
    at.getUTCHours(),
    at.getUTCMinutes(),
    at.getUTCSeconds(),
  ];
  return `${at.getUTCFullYear()}${parts.map(pad).join('')}`;
}

/**
 * @param number of package.json
 * @param commit undefined outside of a checkout
 * @param tags of the commit
 */
export function versionOf(
  number: string,
  epochS: number,
  commit: string | undefined,
  tags: readonly string[],
): string {
  if (commit === undefined || tags.includes(`v${number}`)) return number;
  return `${number}+git${stamp(epochS)}.${commit.slice(0, 8)}`;
}

/**
 * The release that a checkout is. The time is the commit's, so that the same commit gives the same bytes on any day;
 * SOURCE_DATE_EPOCH (reproducible-builds.org) comes first.
 */
export async function releaseOf(root: string, environment: NodeJS.ProcessEnv): Promise<Release> {
  const manifest = join(root, 'package.json');
  const { version: number } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const git = (...words: string[]) => run('git', ['-C', root, ...words]).catch(() => undefined);
  const head = (await git('log', '-1', '--format=%H %ct'))?.trim().split(' ');
  const tags = (await git('tag', '--points-at', 'HEAD'))?.split('\n') ?? [];
  const committedS = Number(head?.[1] ?? Math.floor((await stat(manifest)).mtimeMs / 1000));
  const epochS = Number(environment.SOURCE_DATE_EPOCH ?? committedS);
  return { version: versionOf(number, committedS, head?.[0], tags), epochS };
}
