/** What a row found. */
export interface RowResult {
  /** For the JSON document, under the row's name. Times in ms, to the microsecond. */
  readonly figures: Readonly<Record<string, number>>;
  /** For people: what was measured beside, so that a figure can be judged on a machine that nobody knows. */
  readonly beside: Readonly<Record<string, number>>;
}

/**
 * One question that the bench answers. Whatever is compared is measured in one run and taken in turns, since a machine
 * that is busy for a minute would otherwise decide.
 */
export interface Row {
  /** The name in the JSON document. */
  readonly name: string;
  /** One sentence for people. */
  readonly about: string;
  /** @param rounds how often everything is measured once; default: as often as the figures need to be steady */
  measure(say: (line: string) => void, rounds?: number): Promise<RowResult>;
}
