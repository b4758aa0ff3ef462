import * as v from 'valibot';
import { SamParser } from '../../protocol/reader/samFrame.js';

/**
 * What passed over a reader's line, as it is kept in a file: a header, then a line of JSON for each piece of bytes.
 *
 *   {"cardpad":"reader-session","version":1}
 *   {"ms":12.3,"from":"host","hex":"aaaaaa96690003200122"}
 *
 * `ms` is monotonic time since the session began.
 */
export interface Piece {
  readonly ms: number;
  readonly from: 'host' | 'module';
  readonly bytes: Buffer;
}

/** A command of the host, and what the module sent until the next one. */
export interface Exchange {
  /** The command's bytes behind LEN; empty for what the module sent before any. */
  readonly command: Buffer;
  readonly replies: readonly { readonly afterMs: number; readonly bytes: Buffer }[];
}

export const SESSION_HEADER = JSON.stringify({ cardpad: 'reader-session', version: 1 });

const PieceSchema = v.strictObject({
  ms: v.pipe(v.number(), v.minValue(0), v.maxValue(1e10)),
  from: v.picklist(['host', 'module']),
  hex: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})+$/)),
});

export const pieceLine = ({ ms, from, bytes }: Piece): string =>
  JSON.stringify({ ms: Math.round(ms * 10) / 10, from, hex: Buffer.from(bytes).toString('hex') });

export type ParsedSession =
  | { readonly ok: true; readonly pieces: readonly Piece[] }
  /** @param line from 1 */
  | { readonly ok: false; readonly line: number; readonly problem: string };

function parsePiece(text: string): Piece | string {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  const parsed = v.safeParse(PieceSchema, document);
  if (!parsed.success) return 'is not {"ms", "from", "hex"}';
  const { ms, from, hex } = parsed.output;
  return { ms, from, bytes: Buffer.from(hex, 'hex') };
}

export function parseSession(text: string): ParsedSession {
  const [header, ...lines] = text.split('\n');
  if (header?.trim() !== SESSION_HEADER) {
    return { ok: false, line: 1, problem: `is not ${SESSION_HEADER}` };
  }
  // A recorder that was killed may have left half a line at the end.
  if (lines.at(-1)?.trim() === '' || !text.endsWith('\n')) lines.pop();
  const pieces: Piece[] = [];
  for (const [index, line] of lines.entries()) {
    const piece = parsePiece(line);
    if (typeof piece === 'string') return { ok: false, line: index + 2, problem: piece };
    pieces.push(piece);
  }
  return { ok: true, pieces };
}

/** Sorts what the module sent under the commands that it answered. */
export function exchangesOf(pieces: readonly Piece[]): readonly Exchange[] {
  const parser = new SamParser();
  const exchanges: { command: Buffer; atMs: number; replies: { afterMs: number; bytes: Buffer }[] }[] = [];
  for (const { ms, from, bytes } of pieces) {
    if (from === 'host') {
      for (const item of parser.push(bytes)) {
        if (item.type === 'frame') exchanges.push({ command: item.payload, atMs: ms, replies: [] });
      }
      continue;
    }
    if (exchanges.length === 0) exchanges.push({ command: Buffer.alloc(0), atMs: 0, replies: [] });
    const last = exchanges.at(-1);
    last?.replies.push({ afterMs: Math.max(0, ms - last.atMs), bytes });
  }
  return exchanges.map(({ command, replies }) => ({ command, replies }));
}
