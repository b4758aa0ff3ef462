import type { OpenPort, Port } from '../../../drivers/ports/port.js';
import { portPair } from '../../../drivers/simulated/portPair.js';
import type { Random } from '../../../drivers/simulated/random.js';
import { SamModule } from '../../../drivers/simulated/samModule.js';
import { CardpadError } from '../../../protocol/errors.js';
import { encodeSamFrame } from '../../../protocol/reader/samFrame.js';
import { SAM_STATUSES } from '../../../protocol/reader/samStatus.js';
import { faultyPort, noPortFaults } from '../../support/faultyPort.js';
import { between, exactClock, type LifeClock, type SimTime } from './clock.js';

const BAUD = 115_200;
const FOUND = encodeSamFrame(
  Uint8Array.of(0, 0, SAM_STATUSES.find(({ name }) => name === 'found')?.code ?? 0, 0, 0, 0, 0),
);

export interface SimReaderOptions {
  readonly time: SimTime;
  readonly random: Random;
  readonly refind: 'until-lifted' | 'always';
  /** The module has said that it found a card. */
  readonly onFound: () => void;
}

/** A byte-true reader module on a serial line of its own pace, its cable and its pad. */
export class SimReader {
  readonly faults = noPortFaults();
  /** The device server turns connections away. */
  refuses = false;
  #module: SamModule;
  #far: Port | undefined;
  #card: Uint8Array | undefined;
  /** What the module had begun to send when the card was lifted does not go on. */
  #isCutShort = false;

  constructor(private readonly options: SimReaderOptions) {
    this.#module = this.#newModule();
  }

  put(card: Uint8Array): void {
    this.#card = card;
    this.#module.put(card);
  }

  /** @param cutShort the field was lost in the middle of an answer */
  lift(cutShort: boolean): void {
    this.#card = undefined;
    this.#module.lift();
    this.#isCutShort = cutShort;
  }

  /** The module starts anew with the power; a card on the pad still lies there. */
  powerUp(): void {
    this.#module = this.#newModule();
    if (this.#card !== undefined) this.#module.put(this.#card);
  }

  /** The line ends, as when a device server is switched off. */
  close(): void {
    this.#far?.close().catch(() => {});
  }

  /** The way to the module for one life of the gate. */
  opener(clock: LifeClock): OpenPort {
    const { random } = this.options;
    return async () => {
      await clock.sleep(between(random, 1, 20));
      if (this.refuses) throw new CardpadError('port.refused', 'reconnect', 'nothing answers');
      const { near, far } = portPair();
      this.#far = far;
      far.onData((bytes) => {
        this.#isCutShort = false;
        this.#module.receive(bytes);
      });
      return deadWith(clock, faultyPort(near, this.faults, random, clock));
    };
  }

  #newModule(): SamModule {
    const { time, random, refind, onFound } = this.options;
    const module: SamModule = new SamModule({
      clock: exactClock(time),
      refind,
      seed: random(),
      baud: BAUD,
      send: (bytes) => {
        if (this.#isCutShort || this.#module !== module) return;
        if (FOUND.equals(bytes)) onFound();
        this.#far?.write(bytes).catch(() => {});
      },
    });
    return module;
  }
}

/** A port whose listeners hear nothing any more once their process is gone. */
function deadWith(clock: LifeClock, port: Port): Port {
  return {
    name: port.name,
    write: (bytes) => (clock.alive ? port.write(bytes) : new Promise(() => {})),
    onData: (listener) => port.onData((bytes) => clock.enter(() => listener(bytes))),
    onClose: (listener) => port.onClose((cause) => clock.enter(() => listener(cause))),
    close: () => port.close(),
  };
}
