import type { Test } from 'tap';
import { TestGate } from './gate.js';
import { elder, type Person } from './people.js';
import { type EventLine, Site, type SiteOptions } from './site.js';

const PEOPLE = 24;
const DEVICE = 'gate-1';

/** A gate that nobody touches while its central is broken and comes back, and what must be true then. */
export class LeftAlone {
  readonly #people: Person[];

  private constructor(
    readonly site: Site,
    readonly gate: TestGate,
    people: Person[],
  ) {
    this.#people = people;
  }

  /** @param firstPerson another one for each test file, so that no two of them share faces */
  static async open(t: Test, firstPerson: number, options: SiteOptions = {}): Promise<LeftAlone> {
    const people = Array.from({ length: PEOPLE }, (_, index) =>
      elder(firstPerson + index, { healthCode: 'green' }),
    );
    const site = await Site.open(t, { ...options, people });
    const gate = await TestGate.open(site, { device: DEVICE });
    return new LeftAlone(site, gate, people);
  }

  /** The next one who comes. */
  somebody(): Person {
    const person = this.#people.shift();
    if (person === undefined) throw new Error('nobody is left');
    return person;
  }

  /** The places that central has. */
  async records(): Promise<string[]> {
    return (await this.site.events(DEVICE)).map(({ epoch, seq }) => `${epoch}/${seq}`);
  }

  /** The next card is decided by central; gives the line of its verdict. */
  async decidedByCentral(t: Test): Promise<EventLine> {
    const { gate, site } = this;
    const said = gate.process.written;
    gate.put(this.somebody());
    const decision = await gate.process.line(/ tap tap=/, said);
    gate.lift();
    t.match(decision, /outcome=pass .* by=central/, 'the next tap is decided by central');
    const [, epoch, seq] = /tap=(\d+)\/(\d+)/.exec(decision) ?? [];
    return site.record(
      DEVICE,
      (lines) => lines.find((line) => line.epoch === Number(epoch) && line.tap === Number(seq)),
      'its verdict',
    );
  }

  /** The gate has opened a session since it had written so many lines. */
  async greeted(t: Test, written: number): Promise<void> {
    const fromMs = performance.now();
    await this.gate.process.line(/session open/, written);
    t.comment(`a session ${Math.round(performance.now() - fromMs)} ms later`);
  }

  /** Everything is at central, once, in order, more than there was, and `verify` finds no fault. */
  async isWhole(t: Test, before: readonly string[]): Promise<void> {
    const places = await this.records();
    t.same(
      places,
      places.map((_, at) => `1/${at + 1}`),
      'nothing missing, nothing twice, in order',
    );
    t.ok(places.length > before.length, `${places.length} records`);
    const { code, stdout } = await this.site.verify();
    t.equal(code, 0, stdout);
  }
}
