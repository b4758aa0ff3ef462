import { setTimeout as pause } from 'node:timers/promises';
import { type SamServer, serveSamModule } from '../../../drivers/simulated/samServer.js';
import { CardWatch } from '../../staging/cardWatch.js';
import type { Service, ServiceOptions } from '../../staging/children.js';
import type { StagedPerson } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { Trace } from '../../staging/trace.js';
import { linesFolder } from './lines.js';

const LIGHT_WITHIN_MS = 6_000;
const NETWORK_MS = /\bnetworkMs=([\d.]+)/;

export interface VisitorsOptions {
  readonly device: string;
  readonly brokerUrl: string;
  /** They come one after another, and from the beginning again. */
  readonly people: readonly StagedPerson[];
  /** How the gate's process is started. */
  readonly service?: ServiceOptions;
}

/** From the card's last byte, in ms. */
export interface Visit {
  readonly lightMs: number;
  /** Until the gate's relay was on; undefined where it stayed off. */
  readonly gateMs: number | undefined;
}

/** What people come to: a reader module, and the lamps of a gate. */
interface Pad {
  readonly reader: SamServer;
  readonly watch: CardWatch;
  readonly trace: Trace;
  readonly relay: Trace;
  readonly gate: Service;
}

/** A gate of its own process, and people who come to it one at a time. */
export class Visitors {
  #came = 0;

  private constructor(
    private readonly pad: Pad,
    private readonly people: readonly StagedPerson[],
    /** Of each tap that central answered: from its question to the verdict, by the gate's own log, in ms. */
    readonly networkMs: readonly number[],
  ) {}

  /** Starts the gate; all of it ends with the site. */
  static async open(site: StagedSite, options: VisitorsOptions): Promise<Visitors> {
    const { device, brokerUrl, people } = options;
    const watch = new CardWatch();
    // No line speed: at 115,200 baud the question hides behind the photo, and the figure would be smaller.
    const reader = await serveSamModule({
      host: '127.0.0.1',
      tcpPort: 0,
      refind: 'until-lifted',
      onSend: watch.onSend,
    });
    site.onClose(() => reader.close());
    const networkMs: number[] = [];
    const onLine = (line: string) => {
      const took = NETWORK_MS.exec(line)?.[1];
      if (took !== undefined) networkMs.push(Number(took));
    };
    const readerPort = reader.tcpPort;
    const gpio = await linesFolder(site);
    const { service } = await site.startGate({
      device,
      brokerUrl,
      readerPort,
      gpio,
      service: { ...options.service, onLine },
    });
    const [trace, relay] = [new Trace(gpio), new Trace(gpio, new Set(['gate']))];
    site.onClose(() => Promise.all([trace.close(), relay.close()]));
    return new Visitors({ reader, watch, trace, relay, gate: service }, people, networkMs);
  }

  /** One person: card, lamp, relay, card taken away. */
  async visitToGate(): Promise<Visit> {
    const { relay, watch } = this.pad;
    const opens = relay.outcomeAfter(watch.cardReadNs, LIGHT_WITHIN_MS);
    const { lightNs, readNs } = await this.#visit();
    const gateNs = await opens;
    const sinceMs = (ns: bigint) => Number(ns - readNs) / 1e6;
    return { lightMs: sinceMs(lightNs), gateMs: gateNs === undefined ? undefined : sinceMs(gateNs) };
  }

  /** One person: card, lamp, card taken away. Gives the time from the card's last byte to the lamp, in ms. */
  async visit(): Promise<number> {
    const { lightNs, readNs } = await this.#visit();
    return Number(lightNs - readNs) / 1e6;
  }

  async #visit() {
    const { reader, watch, trace } = this.pad;
    watch.forget();
    reader.module.put(this.people[this.#came++ % this.people.length]?.idNumber ?? '');
    const lightNs = await trace.outcomeAfter(watch.cardReadNs, LIGHT_WITHIN_MS);
    const readNs = watch.cardReadNs();
    reader.module.lift();
    if (lightNs === undefined || readNs === undefined) throw new Error('a card was put and no lamp was lit');
    return { lightNs, readNs };
  }

  /** Somebody comes every so often, so many of them; gives the times from card to lamp. */
  async come(count: number, everyMs: number): Promise<number[]> {
    const lights: number[] = [];
    for (let tap = 0; tap < count; tap++) {
      const nextComes = pause(everyMs);
      lights.push(await this.visit());
      await nextComes;
    }
    return lights;
  }

  /** Stops the gate; whatever it has to say goodbye with is said. */
  stop(): Promise<void> {
    return this.pad.gate.stop();
  }
}
