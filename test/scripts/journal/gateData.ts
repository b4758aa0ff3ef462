import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '../../../platform/clock.js';
import { folderDisk } from '../../../platform/disk.js';
import { scanFrames } from '../../../protocol/journal/frame.js';
import { generateSm2KeyPair, sm2Sign } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { DEVICE, openOn, tap, verdictOn } from '../../daemon/journal/bench.js';

/** The fields of `device.json` that the commands read. */
const KEY = generateSm2KeyPair();
const SIGNER = {
  id: keyId(KEY.publicKey),
  sign: async (message: Uint8Array) => sm2Sign(message, KEY.privateKey, KEY.publicKey),
};
export const BEGAN_MS = Date.UTC(2026, 5, 1, 8);

/** So many go into one flush. */
const RECORDS_AT_ONCE = 32;

export interface Start {
  /** Taps, each with its verdict: two records. */
  readonly taps: number;
  readonly trusted?: boolean;
  /** When it began, milliseconds since 1970. */
  readonly wallMs?: number;
  /** Time between two taps. */
  readonly everyMs?: number;
}

/** A gate's data folder as it lies on a disk after some starts, written by the gate's own journal. */
export class GateData {
  constructor(readonly path: string) {
    mkdirSync(join(path, 'journal'), { recursive: true, mode: 0o700 });
    writeFileSync(join(path, 'device.json'), JSON.stringify({ device: DEVICE, publicKey: KEY.publicKey }));
  }

  get journal(): string {
    return join(this.path, 'journal');
  }

  /** The journal's files, oldest first. */
  get files(): string[] {
    return readdirSync(this.journal)
      .filter((name) => name.endsWith('.cpj'))
      .sort();
  }

  pathOf(at: number): string {
    const name = this.files.at(at);
    if (name === undefined) throw new RangeError(`there is no file ${at}`);
    return join(this.journal, name);
  }

  bytesOf(at: number): Buffer {
    return readFileSync(this.pathOf(at));
  }

  /** One start of the gate. @returns its last place */
  async start({ taps, trusted = true, wallMs = BEGAN_MS, everyMs = 10 }: Start) {
    const clock = new ManualClock(wallMs);
    const { journal } = await openOn(folderDisk(this.journal), clock, { trusted, signer: SIGNER });
    for (let count = 0; count < taps; count++) {
      const { id } = journal.append(tap);
      const { durable } = journal.append(verdictOn(id));
      if (count % RECORDS_AT_ONCE === 0) await durable;
      clock.advance(everyMs);
    }
    const { newest } = journal;
    await journal.close();
    return newest;
  }

  acknowledged(place: { epoch: number; seq: number; head: string }, wallMs = BEGAN_MS): void {
    const acknowledged = { place, wallMs, trusted: true };
    writeFileSync(join(this.path, 'acknowledged.json'), JSON.stringify({ v: 1, acknowledged }));
  }

  /** Where frame `nth` of a file begins and ends. */
  frame(at: number, nth: number): { readonly from: number; readonly to: number } {
    const frame = scanFrames(this.bytesOf(at)).frames.at(nth);
    if (frame === undefined) throw new RangeError(`file ${at} has no frame ${nth}`);
    return frame;
  }
}
