import { readFileSync } from 'node:fs';
import type { SamCommandName } from '../../../protocol/reader/samCommands.js';

interface SamFrameVectors {
  readonly requests: readonly { readonly command: SamCommandName; readonly frame: string }[];
  readonly replies: readonly {
    readonly command: SamCommandName;
    readonly title: string;
    readonly frame: string;
    readonly ok: boolean;
    readonly data?: string;
    readonly status?: string;
    readonly handling?: string;
  }[];
  readonly vendorRequests: readonly string[];
  readonly badChecksum: readonly { readonly title: string; readonly frame: string }[];
  readonly samNumbers: readonly { readonly bytes: string; readonly text: string }[];
}

const file = new URL('../../../../test/vectors/samFrames.json', import.meta.url);

export const samFrames: SamFrameVectors = JSON.parse(readFileSync(file, 'utf8'));

export const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
