import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes that were found somewhere, and where. */
export interface Source {
  readonly where: string;
  readonly bytes: Buffer;
}

interface Needle {
  readonly encoding: string;
  readonly bytes: Buffer;
}

function utf16be(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

/** The characters of base64 that a text gives behind `before` other bytes, whatever those and what follows are. */
function base64Core(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const ownFrom = Math.ceil((before * 8) / 6);
  const ownTo = Math.floor(((before + bytes.length) * 8) / 6);
  return text.slice(ownFrom, ownTo);
}

/** Every shape in which a text may leak: three character sets, each plain, in hex and in base64 at each alignment. */
export function needlesOf(text: string): Needle[] {
  const plain: Record<string, Buffer> = {
    'UTF-8': Buffer.from(text, 'utf8'),
    'UTF-16LE': Buffer.from(text, 'utf16le'),
    'UTF-16BE': utf16be(text),
  };
  return Object.entries(plain).flatMap(([charset, bytes]) => {
    const hex = bytes.toString('hex');
    const base64 = [0, 1, 2].map((before) => base64Core(bytes, before));
    const base64url = base64.map((core) => core.replaceAll('+', '-').replaceAll('/', '_'));
    const texts: [string, string][] = [
      ['hex', hex],
      ['HEX', hex.toUpperCase()],
      ...base64.map((core, at): [string, string] => [`base64 at ${at}`, core]),
      ...base64url.map((core, at): [string, string] => [`base64url at ${at}`, core]),
    ];
    return [
      { encoding: charset, bytes },
      ...texts.map(([name, core]) => ({
        encoding: `${charset} in ${name}`,
        bytes: Buffer.from(core, 'latin1'),
      })),
    ];
  });
}

/** Where these texts stand, each hit as `place: encoding`; texts themselves are not repeated. */
export function search(sources: readonly Source[], texts: readonly string[]): string[] {
  const needles = texts.flatMap(needlesOf);
  return sources.flatMap(({ where, bytes }) =>
    needles.filter((needle) => bytes.includes(needle.bytes)).map(({ encoding }) => `${where}: ${encoding}`),
  );
}

/** Every file below a folder, with its name as well as its content. */
export async function filesBelow(folder: string): Promise<Source[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return { where: path, bytes: Buffer.concat([Buffer.from(path), await readFile(path)]) };
    }),
  );
}
