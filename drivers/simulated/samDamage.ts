import {
  FOREIGNER_2017_LAYOUT,
  KIND_SLOT,
  RESIDENT_LAYOUT,
  TEXT_BLOCK_BYTES,
} from '../../protocol/card/textBlock.js';
import { PHOTO_BYTES } from '../../protocol/reader/samCommands.js';

/**
 * How a reply that carries a card's text can be spoiled.
 *
 * - `checksum`: the last byte is wrong.
 * - `text`: two bytes of the text have the same bit flipped, which the one-byte checksum cannot see.
 * - `photo`: a bit of the photo is flipped; the text was good, the frame is not.
 * - `truncate`: it ends in the middle of the photo.
 * - `insert`: a 00 too many stands in the text, as seen on a gate in the field.
 * - `false-header`: a header that announces 65,535 bytes comes first; the frame itself is good.
 */
export type FrameDamage = 'checksum' | 'text' | 'photo' | 'truncate' | 'insert' | 'false-header';

/** Bytes of a reply to 30 01; one to 30 10 is longer and has a third length before its text. */
const PLAIN_FRAME_BYTES = 1295;
/** Behind preamble, LEN, three status bytes and the lengths of text and photo. */
const PLAIN_TEXT_OFFSET = 14;
const FALSE_HEADER: Uint8Array = Uint8Array.of(0xaa, 0xaa, 0xaa, 0x96, 0x69, 0xff, 0xff);

/** A spoiled copy of a good reply to 30 01 or 30 10. */
export function damageFrame(frame: Buffer, damage: FrameDamage): Buffer {
  const text = PLAIN_TEXT_OFFSET + (frame.length === PLAIN_FRAME_BYTES ? 0 : 2);
  const textMiddle = text + TEXT_BLOCK_BYTES / 2;
  const textEnd = text + TEXT_BLOCK_BYTES;
  const photoMiddle = textEnd + PHOTO_BYTES / 2;
  switch (damage) {
    case 'checksum':
      return flipped(frame, [frame.length - 1]);
    case 'text':
      return flipped(frame, [text, text + lastDigitOfBirth(frame.subarray(text, textEnd))]);
    case 'photo':
      return flipped(frame, [photoMiddle]);
    case 'truncate':
      return frame.subarray(0, photoMiddle);
    case 'insert':
      return Buffer.concat([frame.subarray(0, textMiddle), Buffer.alloc(1), frame.subarray(textMiddle)]);
    case 'false-header':
      return Buffer.concat([FALSE_HEADER, frame]);
  }
}

/** The place in the text, in bytes, of a digit that no longer agrees with the number once it is flipped. */
function lastDigitOfBirth(block: Uint8Array): number {
  const isForeigner2017 = block[KIND_SLOT[0]] === 'I'.charCodeAt(0);
  const [offset, bytes] = (isForeigner2017 ? FOREIGNER_2017_LAYOUT : RESIDENT_LAYOUT).birth;
  return offset + bytes - 2;
}

function flipped(frame: Buffer, places: readonly number[]): Buffer {
  const copy = Buffer.from(frame);
  for (const place of places) copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}
