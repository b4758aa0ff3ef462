import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '../cli/command.js';
import { childWatchers, runCardpad, Service, type ServiceOptions } from './children.js';
import { Cleaner } from './cleaner.js';
import { peopleFile, type StagedPerson } from './people.js';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const REMOVAL = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } as const;

export interface GateOptions {
  readonly device: string;
  readonly brokerUrl: string;
  readonly readerPort: number;
  /** The name of the place. */
  readonly site?: string;
  /** The folder of its lines; default: beside its data. */
  readonly gpio?: string;
  /** How long the gate's relay is on; default: the product's own. */
  readonly pulseMs?: number;
  /** Default: info. */
  readonly logLevel?: 'info' | 'debug';
  readonly service?: ServiceOptions;
}

export interface StagedGate {
  /** The daemon: the one that was started last. */
  readonly service: Service;
  /** Where its keys and its journal are. */
  readonly data: string;
  /** Where its lines are, and their trace. */
  readonly gpio: string;
  /** Starts the daemon again after its end; does not wait until it is ready. */
  startAgain(): Service;
}

/** The file that the daemon reads. */
function gateConfig(
  { device, brokerUrl, readerPort, site, pulseMs }: GateOptions,
  data: string,
  gpio: string,
) {
  return JSON.stringify({
    device,
    site: site ?? 'stage',
    lane: { name: 'A1', direction: 'entry' },
    broker: { url: brokerUrl },
    readers: [{ kind: 'id-card', port: `tcp://127.0.0.1:${readerPort}`, pollMs: 100 }],
    gpio: { backend: `sim:${gpio}` },
    outputs: {
      lamps: { green: 'green', yellow: 'yellow', red: 'red' },
      buzzer: 'buzzer',
      staff: 'staff',
      gate: { line: 'gate', pulseMs },
    },
    dataDir: data,
  });
}

/**
 * Central and gates in one temporary folder: the real programs, made ready by the real commands. The folder and they are
 * gone when this process is, however it ends; a moment later after a SIGKILL.
 */
export class StagedSite {
  readonly central: string;
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(readonly folder: string) {
    this.central = join(folder, 'central');
    const cleaner = new Cleaner(folder);
    childWatchers.add(cleaner.watch);
    const removeNow = () => {
      rmSync(folder, REMOVAL);
      cleaner.dismiss();
    };
    // Not closed step by step: whatever is being set up would go on meanwhile. The end of the process takes it all.
    const stop = () => process.exit(EXIT.no);
    process.once('exit', removeNow);
    for (const signal of STOP_SIGNALS) process.once(signal, stop);
    this.onClose(async () => {
      process.off('exit', removeNow);
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
      childWatchers.delete(cleaner.watch);
      cleaner.dismiss();
    });
    this.onClose(() => rm(folder, REMOVAL));
  }

  static async make(purpose: string): Promise<StagedSite> {
    return new StagedSite(await mkdtemp(join(tmpdir(), `cardpad-${purpose}-`)));
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
  async startGate(options: GateOptions): Promise<StagedGate> {
    const { device, logLevel = 'info' } = options;
    const data = join(this.folder, device);
    const gpio = options.gpio ?? join(this.folder, `${device}-gpio`);
    const file = join(this.folder, `${device}.json`);
    await mkdir(gpio, { recursive: true });
    await writeFile(file, gateConfig(options, data, gpio));
    const start = () =>
      new Service(device, ['run', '--config', file, '--log-level', logLevel], options.service);
    let service = start();
    this.onClose(() => service.stop());
    await Promise.all([service.line('session open'), service.line('reader: ready')]);
    return {
      get service() {
        return service;
      },
      data,
      gpio,
      startAgain() {
        service = start();
        return service;
      },
    };
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
