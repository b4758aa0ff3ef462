import { type SamServer, serveSamModule } from '../../drivers/simulated/samServer.js';
import { PHOTO_BYTES } from '../../protocol/reader/samCommands.js';
import { encodeSamFrame } from '../../protocol/reader/samFrame.js';
import { SAM_STATUSES } from '../../protocol/reader/samStatus.js';
import type { StagedPerson } from '../staging/people.js';

const NO_CARD = encodeSamFrame(
  Uint8Array.of(0, 0, SAM_STATUSES.find(({ name }) => name === 'no-card')?.code ?? 0),
);

/**
 * People who follow one another as fast as the gate takes them: a card goes as soon as it was read, and the next one
 * comes as soon as the gate has seen the empty pad.
 */
export class Crowd {
  #server: SamServer | undefined;
  /** Cards that were read so far. */
  taps = 0;
  #until = 0;
  #arrived: () => void = () => {};

  constructor(private readonly people: readonly StagedPerson[]) {}

  /** Opens the reader module; gives its port. */
  async open(): Promise<number> {
    this.#server = await serveSamModule({
      host: '127.0.0.1',
      tcpPort: 0,
      refind: 'until-lifted',
      onSend: (bytes) => this.#sent(bytes),
    });
    return this.#server.tcpPort;
  }

  /** Lets people come until so many cards were read in all. */
  come(taps: number): Promise<void> {
    this.#until = taps;
    return new Promise((resolve) => {
      this.#arrived = resolve;
    });
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #sent(bytes: Uint8Array): void {
    // After the module is through with the request at hand.
    if (bytes.length > PHOTO_BYTES) setImmediate(() => this.#leave());
    else if (this.taps < this.#until && NO_CARD.equals(bytes)) setImmediate(() => this.#enter());
  }

  #leave(): void {
    this.#server?.module.lift();
    this.taps += 1;
    if (this.taps === this.#until) this.#arrived();
  }

  #enter(): void {
    const person = this.people[this.taps % this.people.length];
    if (person !== undefined) this.#server?.module.put(person.idNumber);
  }
}
