/**
 * The 256 bytes of text on an identity card: UTF-16LE fields at fixed places, padded with U+0020 (GA 490; offsets
 * agree in at least two published readers each). A letter at byte 248 tells which of four layouts it is.
 */
export const TEXT_BLOCK_BYTES = 256;

/** Where a field stands: offset and length in bytes. */
type Slot = readonly [offset: number, bytes: number];
type Layout = Readonly<Record<string, Slot>>;

/** The texts of a layout's fields. */
export type Fields<L> = { readonly [K in keyof L]: string };

export const KIND_SLOT: Slot = [248, 2];

export const RESIDENT_LAYOUT = {
  name: [0, 30],
  sex: [30, 2],
  nation: [32, 4],
  birth: [36, 16],
  address: [52, 70],
  number: [122, 36],
  authority: [158, 30],
  validFrom: [188, 16],
  validTo: [204, 16],
  reserved: [220, 36],
} as const satisfies Layout;

/** Residence permit for Hong Kong, Macao and Taiwan residents. */
export const PERMIT_LAYOUT = {
  name: [0, 30],
  sex: [30, 2],
  reservedNation: [32, 4],
  birth: [36, 16],
  address: [52, 70],
  number: [122, 36],
  authority: [158, 30],
  validFrom: [188, 16],
  validTo: [204, 16],
  travelPermit: [220, 18],
  issueCount: [238, 4],
  reservedBeforeKind: [242, 6],
  kind: KIND_SLOT,
  reservedEnd: [250, 6],
} as const satisfies Layout;

/** Foreign permanent resident's card, 2017. */
export const FOREIGNER_2017_LAYOUT = {
  name: [0, 120],
  sex: [120, 2],
  number: [122, 30],
  nationality: [152, 6],
  chineseName: [158, 30],
  validFrom: [188, 16],
  validTo: [204, 16],
  birth: [220, 16],
  cardVersion: [236, 4],
  authorityCode: [240, 8],
  kind: KIND_SLOT,
  reserved: [250, 6],
} as const satisfies Layout;

/**
 * Foreign permanent resident's card, 2023. Two published readers name 32/4 differently (renewal count, nation)
 * and 158/30 (reserved, issuer), one ends the English name at 238, and only one knows the link to the earlier number.
 */
export const FOREIGNER_2023_LAYOUT = {
  chineseName: [0, 30],
  sex: [30, 2],
  renewalCount: [32, 4],
  birth: [36, 16],
  nameStart: [52, 70],
  number: [122, 36],
  reservedOrIssuer: [158, 30],
  validFrom: [188, 16],
  validTo: [204, 16],
  nameRest: [220, 18],
  nameEnd: [238, 4],
  nationality: [242, 6],
  kind: KIND_SLOT,
  earlierNumberLink: [250, 6],
} as const satisfies Layout;

/** Cuts the block into its fields, padding included; any unit, also a lone surrogate, is kept as it is. */
export function cutFields<L extends Layout>(block: Uint8Array, layout: L): Fields<L> {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
  const cut = Object.entries(layout).map(([field, [offset, length]]) => [
    field,
    bytes.toString('utf16le', offset, offset + length),
  ]);
  return Object.fromEntries(cut) as Fields<L>;
}

/** Characters (UTF-16 units) that a field holds. */
export function unitsOf(slot: Slot): number {
  return slot[1] / 2;
}

/**
 * Writes the fields of a layout into a new block, padded.
 *
 * @returns the block, or the name of the first field whose text is too long
 */
export function fillFields<L extends Layout>(layout: L, fields: Fields<L>): Buffer | (keyof L & string) {
  const block = Buffer.from(' '.repeat(TEXT_BLOCK_BYTES / 2), 'utf16le');
  for (const field in layout) {
    const [offset, length] = layout[field] as Slot;
    const text = Buffer.from(fields[field], 'utf16le');
    if (text.length > length) return field;
    text.copy(block, offset);
  }
  return block;
}
