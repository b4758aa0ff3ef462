import { ADDRCONFIG, type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

type Answer = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;

/** How a name is looked up; the system's way where nothing else is handed in. */
export type LookupAll = (name: string, answer: Answer) => void;

/** As Node does for a connection: no addresses of a family that this machine has none of. */
const systemLookup: LookupAll = (name, answer) => lookup(name, { all: true, hints: ADDRCONFIG }, answer);

/**
 * Looks names up, each at most once at a time. A look-up occupies one of the four threads that the disk is written
 * with, for as long as the resolver cares to wait (resolv.conf(5): 5 s, twice, for each server and search domain), and
 * cannot be called back: a new one at every try to connect would take them all, and the journal would stand still.
 */
export class NameLookup {
  readonly #waiting = new Map<string, Answer[]>();

  constructor(private readonly lookupAll: LookupAll = systemLookup) {}

  /** Whether one is under way: `process.exit` waits for its end. */
  get pending(): boolean {
    return this.#waiting.size > 0;
  }

  /** As an option of `connect`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.#join(name, (error, addresses) => {
      const [first] = addresses;
      if (error !== null || first === undefined) callback(error ?? new Error(`${name} has no address`), '');
      else if (options.all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };

  #join(name: string, answer: Answer): void {
    const others = this.#waiting.get(name);
    if (others !== undefined) {
      others.push(answer);
      return;
    }
    const all = [answer];
    this.#waiting.set(name, all);
    this.lookupAll(name, (error, addresses) => {
      this.#waiting.delete(name);
      for (const each of all) each(error, error === null ? addresses : []);
    });
  }
}

/** For every connection of this process. */
export const names = new NameLookup();
