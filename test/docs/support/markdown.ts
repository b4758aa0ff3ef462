import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../e2e/support/child.js';

/** A fenced block of a document. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** What an HTML comment of the form `<!-- run: ... -->` right before it says. */
  readonly directive: string | undefined;
  /** Of its fence, from 1. */
  readonly line: number;
}

const FENCE = /^```(\w*)$/;
const DIRECTIVE = /^<!-- run: (.+) -->$/;

/** The documents for people at the top of the checkout and in `docs/`, by their paths. */
export function documents(): string[] {
  const inDocs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', ...inDocs.sort().map((name) => `docs/${name}`)];
}

export const readDocument = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** All fenced blocks, in order. @throws Error for a comment that belongs to no block, or a block without an end */
export function blocksOf(document: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  let directive: string | undefined;
  for (const [index, line] of document.split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open !== undefined) {
      if (fence === null) open.lines.push(line);
      else {
        blocks.push({ language: open.language, text: open.lines.join('\n'), directive, line: open.line });
        [open, directive] = [undefined, undefined];
      }
      continue;
    }
    if (fence !== null) open = { language: fence[1] ?? '', line: index + 1, lines: [] };
    else if (directive !== undefined) throw new Error(`line ${index}: no block follows "${directive}"`);
    else directive = DIRECTIVE.exec(line)?.[1];
  }
  if (open !== undefined) throw new Error(`line ${open.line}: this block has no end`);
  return blocks;
}

/** What stands between backticks in the running text, blocks left out; a line end in it reads as a space. */
export function codeSpans(document: string): string[] {
  const prose = document.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/<!--[\s\S]*?-->/g, '');
  return [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll('\n', ' '));
}

/** The commands of a shell block, without what is said beside them. */
export const withoutRemarks = (text: string): string => text.replaceAll(/\s+# .*$/gm, '');
