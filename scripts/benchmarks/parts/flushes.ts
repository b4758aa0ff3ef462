import type { Service, ServiceOptions } from '../../staging/children.js';
import type { Flushes } from './flushCounter.js';

const COUNTER = new URL('./flushCounter.js', import.meta.url).href;

/** Counts the flushes of a process of the product. */
export class FlushCount {
  #take: (flushes: number) => void = () => {};
  /** For the start of the process. */
  readonly options: ServiceOptions = {
    nodeFlags: ['--import', COUNTER],
    onMessage: (message) => this.#take((message as Flushes).flushes),
  };

  /** How many there were so far. */
  of(service: Service): Promise<number> {
    return new Promise((resolve) => {
      this.#take = resolve;
      service.send({ ask: 'flushes' });
    });
  }
}
