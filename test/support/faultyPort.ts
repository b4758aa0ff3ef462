import type { Port } from '../../drivers/ports/port.js';
import type { Random } from '../../drivers/simulated/random.js';
import type { Clock } from '../../platform/clock.js';

/** What a bad line does to the bytes on it; each rate is a probability for each byte. All may change at any moment. */
export interface PortFaults {
  lost: number;
  flipped: number;
  inserted: number;
  /** Chunks arrive cut into pieces of any size. */
  split: boolean;
  /** Bytes wait up to so long and arrive together with what came meanwhile. */
  mergeMs: number;
  /** Nothing arrives, in either direction, and nobody is told. */
  mute: boolean;
}

export const noPortFaults = (): PortFaults => ({
  lost: 0,
  flipped: 0,
  inserted: 0,
  split: false,
  mergeMs: 0,
  mute: false,
});

/**
 * Wraps any port so that its bytes suffer in both directions. The same seed and the same bytes give the same damage.
 * Without faults it is the port itself.
 */
export function faultyPort(port: Port, faults: Readonly<PortFaults>, random: Random, clock: Clock): Port {
  const happens = (probability: number) => probability > 0 && random() / 2 ** 32 < probability;
  const spoil = (bytes: Uint8Array): Uint8Array => {
    if (faults.lost === 0 && faults.flipped === 0 && faults.inserted === 0) return bytes;
    const spoilt: number[] = [];
    for (const byte of bytes) {
      if (happens(faults.inserted)) spoilt.push(random() & 0xff);
      if (happens(faults.lost)) continue;
      spoilt.push(happens(faults.flipped) ? byte ^ (1 << (random() & 7)) : byte);
    }
    return Uint8Array.from(spoilt);
  };
  const pieces = (bytes: Uint8Array): Uint8Array[] => {
    if (!faults.split || bytes.length < 2) return [bytes];
    const at = 1 + (random() % (bytes.length - 1));
    return [bytes.subarray(0, at), bytes.subarray(at)];
  };
  let listener: (bytes: Uint8Array) => void = () => {};
  let waiting: Uint8Array[] = [];
  let isOpen = true;
  const tell = (bytes: Uint8Array) => {
    if (isOpen && bytes.length > 0) for (const piece of pieces(bytes)) listener(piece);
  };
  const flush = () => {
    const bytes = Buffer.concat(waiting);
    waiting = [];
    tell(bytes);
  };
  port.onData((bytes) => {
    if (faults.mute) return;
    const arrived = spoil(bytes);
    if (waiting.length > 0) waiting.push(arrived);
    else if (faults.mergeMs > 0) {
      waiting.push(arrived);
      clock.schedule(random() % (faults.mergeMs + 1), flush);
    } else tell(arrived);
  });
  return {
    name: port.name,
    write: async (bytes) => {
      if (faults.mute) return;
      // All at once: the pieces of a next write must not come between.
      await Promise.all(pieces(spoil(bytes)).map((piece) => port.write(piece)));
    },
    onData: (call) => {
      listener = call;
    },
    onClose: (call) =>
      port.onClose((cause) => {
        flush();
        isOpen = false;
        call(cause);
      }),
    close: () => port.close(),
  };
}
