import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IClientOptions } from 'mqtt';
import { type BrokerKind, defaultBroker } from '../../support/brokers.js';
import type { RunningBroker } from '../../support/mosquitto.js';
import { Capture } from './capture.js';
import { type Child, cardpad, type Finished, mustRun, startCardpad, type TestScope } from './child.js';
import type { Person } from './people.js';

/** A line of `central events`. */
export interface EventLine {
  readonly device: string;
  readonly epoch: number;
  readonly seq: number;
  readonly kind: string;
  readonly at: string;
  readonly [field: string]: unknown;
}

export interface SiteOptions {
  readonly people?: readonly Person[];
  /** In place of the rules that `central init` writes. */
  readonly rules?: unknown;
  readonly log?: 'debug' | 'info';
  /** Default: the one that `CARDPAD_TEST_BROKER` names, or else Mosquitto, open to everybody. */
  readonly broker?: BrokerKind;
}

/** How gates and central get into the broker, as a configuration has it. */
interface BrokerAccess {
  readonly url: string;
  readonly protocol: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
}

async function accessTo({ url }: RunningBroker, folder: string, kind: BrokerKind): Promise<BrokerAccess> {
  const { username, password, ca } = kind.login();
  const passwordFile = join(folder, 'broker-password');
  const caFile = join(folder, 'broker-ca.pem');
  if (password !== undefined) await writeFile(passwordFile, password, { mode: 0o600 });
  if (ca !== undefined) await writeFile(caFile, ca);
  return {
    url,
    protocol: kind.protocol,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { passwordFile }),
    ...(ca === undefined ? {} : { caFile }),
  };
}

/** The same as options of `central run`. */
const brokerOptions = ({ url, protocol, username, passwordFile, caFile }: BrokerAccess): string[] =>
  Object.entries({
    '--broker': url,
    '--mqtt': protocol,
    '--username': username,
    '--password-file': passwordFile,
    '--ca': caFile,
  }).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));

/** A real broker, a real central beside it, and one temporary folder for everything that a test makes. */
export class Site {
  readonly folder: string;
  /** The folder of the central that runs. */
  central: string;
  broker: RunningBroker;
  service: Child;
  #follower: Child;

  private constructor(
    readonly t: TestScope,
    folder: string,
    broker: RunningBroker,
    private readonly start: (central: string, nodeOptions: readonly string[]) => Child,
    /** Of a gate's configuration. */
    readonly access: BrokerAccess,
    private readonly kind: BrokerKind,
  ) {
    this.folder = folder;
    this.central = join(folder, 'central');
    this.broker = broker;
    this.service = start(this.central, []);
    this.#follower = this.#follow();
  }

  static async open(t: TestScope, options: SiteOptions = {}): Promise<Site> {
    const { people = [], rules, log = 'info', broker: kind = defaultBroker() } = options;
    const folder = await mkdtemp(join(tmpdir(), 'cardpad-e2e-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    // Where the test crashes, no teardown comes.
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const central = join(folder, 'central');
    const peopleFile = join(folder, 'people.json');
    const known = people.filter(({ healthCode, visits }) => healthCode !== undefined || visits !== undefined);
    await writeFile(peopleFile, JSON.stringify(known));
    const [broker] = await Promise.all([kind.start(t), mustRun(t, ['central', 'init', '--data', central])]);
    if (rules !== undefined) await writeFile(join(central, 'rules.json'), JSON.stringify(rules));
    const access = await accessTo(broker, folder, kind);
    const start = (data: string, nodeOptions: readonly string[]) =>
      startCardpad(
        t,
        [
          ...['central', 'run', '--data', data, '--people', peopleFile],
          ...brokerOptions(access),
          ...['--question-rate', '50', '--question-burst', '50', '--log-level', log],
        ],
        nodeOptions,
      );
    const site = new Site(t, folder, broker, start, access, kind);
    await site.service.line(/central ready/);
    return site;
  }

  /** Starts central again after its end, in that folder from here on, and waits until it takes questions. */
  async startCentral(central = this.central, nodeOptions: readonly string[] = []): Promise<void> {
    if (central !== this.central) {
      this.central = central;
      await this.#follower.end('SIGTERM');
      this.#follower = this.#follow();
    }
    this.service = this.start(central, nodeOptions);
    await this.service.line(/central ready/);
  }

  #follow(): Child {
    return startCardpad(this.t, ['central', 'events', '--data', this.central, '--follow']);
  }

  /** Makes a device's keys and enrols them. */
  async enroll(device: string, data: string): Promise<void> {
    const central = join(this.central, 'central.public.json');
    const argv = ['provision', '--data', data, '--device', device, '--central', central];
    const enrolment = await mustRun(this.t, argv);
    await mustRun(this.t, ['central', 'enroll', '--data', this.central], enrolment);
  }

  /** What central has of a device, as it comes: waits until `look` finds what it wants among the lines. */
  record<T>(
    device: string,
    look: (lines: readonly EventLine[]) => T | undefined | false,
    what: string,
    withinMs?: number,
  ): Promise<T> {
    return this.#follower.output(
      (lines) => look(parse(lines).filter((line) => line.device === device)),
      what,
      withinMs,
    );
  }

  /** Waits until central has that record. @param withinMs more, where many stand before it */
  async arrived(device: string, epoch: number, seq: number, withinMs?: number): Promise<void> {
    const beginning = `{"device":"${device}","epoch":${epoch},"seq":${seq},`;
    await this.#follower.output(
      (lines) => lines.findLast((line) => line.startsWith(beginning)),
      `record ${epoch}/${seq}`,
      withinMs,
    );
  }

  /** All that central has of a device, by a command of its own. */
  async events(device: string): Promise<EventLine[]> {
    const argv = ['central', 'events', '--data', this.central, '--device', device];
    return parse((await mustRun(this.t, argv)).split('\n'));
  }

  verify(folder = this.central): Promise<Finished> {
    return cardpad(this.t, ['central', 'verify', '--data', folder]);
  }

  /** How somebody else than gates and central gets into the broker. */
  asClient(): IClientOptions {
    const { username, password, ca } = this.kind.login();
    return {
      protocolVersion: this.kind.speaks === '5' ? 5 : 4,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { ca }),
    };
  }

  lookOn(t = this.t): Promise<Capture> {
    return Capture.open(t, this.broker.url, this.asClient());
  }

  /** The broker dies, as by a power cut. */
  async pullNetwork(): Promise<void> {
    await this.broker.stop();
  }

  /** The broker is back, where it was. */
  async restoreNetwork(): Promise<void> {
    this.broker = await this.kind.start(this.t, this.broker.port);
  }
}

function parse(lines: readonly string[]): EventLine[] {
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as EventLine);
}
