import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { scanFrames } from '../../../protocol/journal/frame.js';
import { parseRecord } from '../../../protocol/journal/record.js';

/** Records in files. A tap that was voided counts as a record, and not as a tap. */
export interface Held {
  readonly records: number;
  readonly taps: number;
}

function countFile(path: string): Held {
  let records = 0;
  let taps = 0;
  for (const { body } of scanFrames(readFileSync(path)).frames) {
    const parsed = parseRecord(body);
    if (!parsed.ok) continue;
    records += 1;
    if (parsed.value.kind === 'tap') taps += 1;
    if (parsed.value.kind === 'tap-void') taps -= 1;
  }
  return { records, taps };
}

/** Counts the records in a folder of journal files, at the gate or at central: kinds stand in the clear. */
export class RecordFiles {
  readonly #counted = new Map<string, Held & { readonly size: number }>();

  constructor(
    private readonly folder: string,
    private readonly isOurs: (name: string) => boolean,
  ) {}

  count(): Held {
    let records = 0;
    let taps = 0;
    for (const name of this.#names()) {
      const path = join(this.folder, name);
      const { size } = statSync(path);
      let held = this.#counted.get(name);
      if (held?.size !== size) {
        held = { ...countFile(path), size };
        this.#counted.set(name, held);
      }
      records += held.records;
      taps += held.taps;
    }
    return { records, taps };
  }

  #names(): string[] {
    try {
      return readdirSync(this.folder).filter(this.isOurs);
    } catch {
      // Central has no ledger before the first record came.
      return [];
    }
  }
}
