/** What a row found. Times in ms, to the microsecond. */
export interface RowResult {
  /** For the JSON document, under the row's name: what `figures` of the row names, and nothing else. */
  readonly figures: Readonly<Record<string, number>>;
  /** For people: what was measured beside, so that a figure can be judged on a machine that nobody knows. */
  readonly beside: Readonly<Record<string, number>>;
}

/** `full`: as often as the figures need to be steady. `quick`: once or twice, to see that everything can be measured. */
export type Effort = 'full' | 'quick';

/**
 * One question that the bench answers. Whatever is compared is measured in one run and taken in turns, since a machine
 * that is busy for a minute would otherwise decide.
 */
export interface Row {
  /** The name in the JSON document. */
  readonly name: string;
  /** One sentence for people. */
  readonly about: string;
  /** The figures in their order, and what each of them is: one plain sentence. */
  readonly figures: Readonly<Record<string, string>>;
  measure(say: (line: string) => void, effort: Effort): Promise<RowResult>;
}
