import { readFileSync } from 'node:fs';
import type { IdCard } from '../../../protocol/card/idCard.js';

interface IdCardVectors {
  readonly cards: readonly {
    readonly title: string;
    /** The text block, 256 bytes in hex. */
    readonly block: string;
    /** CHK of the reply to 30 01 that carries this block and a photo of zeros. */
    readonly wireCheck: string;
    readonly card: IdCard;
  }[];
}

const file = new URL('../../../../test/vectors/idCards.json', import.meta.url);

export const idCards: IdCardVectors = JSON.parse(readFileSync(file, 'utf8'));

/** The text block of the vector card of that kind; a fresh copy. */
export function blockOf(kind: IdCard['kind']): Buffer {
  const found = idCards.cards.find(({ card }) => card.kind === kind);
  return Buffer.from(found?.block ?? '', 'hex');
}
