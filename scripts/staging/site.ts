import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '../cli/command.js';
import { runCardpad, Service, type ServiceOptions } from './children.js';
import { peopleFile, type StagedPerson } from './people.js';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface GateOptions {
  readonly device: string;
  readonly brokerUrl: string;
  readonly readerPort: number;
  /** The name of the place. */
  readonly site?: string;
  readonly service?: ServiceOptions;
}

export interface StagedGate {
  readonly service: Service;
  /** Where its lines are, and their trace. */
  readonly gpio: string;
}

/** Central and gates in one temporary folder: the real programs, made ready by the real commands. */
export class StagedSite {
  readonly central: string;
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(readonly folder: string) {
    this.central = join(folder, 'central');
    this.onClose(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  }

  /** Makes the folder. A signal that ends this program closes the site first: nothing is left running or lying about. */
  static async make(purpose: string): Promise<StagedSite> {
    const site = new StagedSite(await mkdtemp(join(tmpdir(), `cardpad-${purpose}-`)));
    const stop = () => {
      site.close().finally(() => process.exit(EXIT.no));
    };
    for (const signal of STOP_SIGNALS) process.once(signal, stop);
    site.onClose(async () => {
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
    });
    return site;
  }

  /** What is to be closed when the site is: last come, first closed. */
  onClose(closer: () => Promise<unknown>): void {
    this.#closers.push(closer);
  }

  async close(): Promise<void> {
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) await closer();
  }

  /** Makes central's keys, rules and people. */
  async initCentral(people: readonly StagedPerson[]): Promise<void> {
    await runCardpad(['central', 'init', '--data', this.central]);
    await writeFile(join(this.folder, 'people.json'), peopleFile(people));
  }

  /** @param questionRate questions a second that a gate may ask, and at once */
  async startCentral(brokerUrl: string, questionRate: number, options?: ServiceOptions): Promise<Service> {
    const argv = [
      ...['central', 'run', '--data', this.central, '--broker', brokerUrl],
      ...['--people', join(this.folder, 'people.json')],
      ...['--question-rate', String(questionRate), '--question-burst', String(questionRate)],
    ];
    const service = new Service('central', argv, options);
    this.onClose(() => service.stop());
    await service.line('central ready');
    return service;
  }

  /** Makes a gate's keys and tells central of them. */
  async enroll(device: string): Promise<void> {
    const publicFile = join(this.central, 'central.public.json');
    const data = join(this.folder, device);
    const argv = ['provision', '--data', data, '--device', device, '--central', publicFile];
    await runCardpad(['central', 'enroll', '--data', this.central], await runCardpad(argv));
  }

  /** Starts the daemon of an enrolled gate; resolves when it can ask central and read cards. */
  async startGate({ device, brokerUrl, readerPort, site, service }: GateOptions): Promise<StagedGate> {
    const gpio = join(this.folder, `${device}-gpio`);
    const file = join(this.folder, `${device}.json`);
    await mkdir(gpio, { recursive: true });
    const config = {
      device,
      site: site ?? 'stage',
      lane: { name: 'A1', direction: 'entry' },
      broker: { url: brokerUrl },
      readers: [{ kind: 'id-card', port: `tcp://127.0.0.1:${readerPort}`, pollMs: 100 }],
      gpio: { backend: `sim:${gpio}` },
      outputs: {
        lamps: { green: 'green', yellow: 'yellow', red: 'red' },
        buzzer: 'buzzer',
        gate: { line: 'gate' },
      },
      dataDir: join(this.folder, device),
    };
    await writeFile(file, JSON.stringify(config));
    const gate = new Service(device, ['run', '--config', file], service);
    this.onClose(() => gate.stop());
    await Promise.all([gate.line('session open'), gate.line('reader: ready')]);
    return { service: gate, gpio };
  }

  /** Lines of `central events`. */
  async events(): Promise<readonly Record<string, unknown>[]> {
    const lines = (await runCardpad(['central', 'events', '--data', this.central])).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** What `central verify` says; rejects unless every chain at central is whole. */
  verify(): Promise<string> {
    return runCardpad(['central', 'verify', '--data', this.central]);
  }
}
