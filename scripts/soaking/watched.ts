import { fork } from 'node:child_process';
import type { ServiceOptions } from '../staging/children.js';
import { LAPSE_VARIABLE, SAMPLE_REQUEST, type Sample } from './sample.js';

const WATCHER = new URL('./watcher.js', import.meta.url).href;
const IDLE = new URL('./idle.js', import.meta.url);
const SAMPLE_WITHIN_MS = 30_000;

/** A process that can be told something through its channel. */
export interface Reached {
  send(message: Readonly<Record<string, unknown>>): unknown;
}

/** A process that can be asked how it stands. */
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

  sample(service: Reached): Promise<Sample> {
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

/** A process that does nothing: how late its event loop is tells what the machine alone does to the others. */
export class Idle {
  readonly #watched = new Watched();
  readonly #child = fork(IDLE, {
    execArgv: [...(this.#watched.options.nodeFlags ?? [])],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  }).on('message', (message) => this.#watched.options.onMessage?.(message));

  sample(): Promise<Sample> {
    return this.#watched.sample(this.#child);
  }

  close(): void {
    this.#child.kill();
  }
}
