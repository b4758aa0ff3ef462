import type { Service, ServiceOptions } from '../staging/children.js';
import { LAPSE_VARIABLE, SAMPLE_REQUEST, type Sample } from './sample.js';

const WATCHER = new URL('./watcher.js', import.meta.url).href;
const SAMPLE_WITHIN_MS = 30_000;

/** A process of the product that can be asked how it stands. */
export class Watched {
  #take: (sample: Sample) => void = () => {};
  /** For the start of the process. */
  readonly options: ServiceOptions;

  /** @param lapse how many times as fast time runs in it; a whole number */
  constructor(lapse = 1) {
    this.options = {
      nodeFlags: ['--expose-gc', '--import', WATCHER],
      env: { [LAPSE_VARIABLE]: String(lapse) },
      onMessage: (message) => this.#take(message as Sample),
    };
  }

  sample(service: Service): Promise<Sample> {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => reject(new Error('no sample came')), SAMPLE_WITHIN_MS);
      this.#take = (sample) => {
        clearTimeout(giveUp);
        resolve(sample);
      };
      service.send(SAMPLE_REQUEST);
    });
  }
}
