/** A map that forgets what was used longest ago: memory stays bounded, whatever a broker delivers. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();

  /**
   * @param most entries kept, at least 1
   * @param onForget told of each entry that had to go
   */
  constructor(
    private readonly most: number,
    private readonly onForget: (key: K, value: V) => void = () => {},
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** The value, which is thereby the one used last. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    while (this.#entries.size > this.most) this.#forgetOldest();
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  /** Forgets all, and tells nobody. */
  clear(): void {
    this.#entries.clear();
  }

  /** From the one used longest ago to the one used last. */
  entries(): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }

  #forgetOldest(): void {
    for (const [key, value] of this.#entries) {
      this.#entries.delete(key);
      this.onForget(key, value);
      return;
    }
  }
}
