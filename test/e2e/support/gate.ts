import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SamServer, serveSamModule } from '../../../drivers/simulated/samServer.js';
import { PREAMBLE } from '../../../protocol/reader/samFrame.js';
import { Changes } from './changes.js';
import { type Child, startCardpad } from './child.js';
import { Edges } from './edges.js';
import { MountedDisk } from './mountedDisk.js';
import { cardOf, type Person } from './people.js';
import type { EventLine, Site } from './site.js';

/** A reply that carries a card; every other one is shorter. */
const CARD_FRAME_BYTES = 1024;
const OUTCOME_LAMPS = ['green', 'yellow', 'red'];

export interface GateOptions {
  readonly device: string;
  readonly site?: string;
  readonly schemes?: readonly string[];
  readonly lane?: Readonly<Record<string, unknown>>;
  readonly journal?: Readonly<Record<string, unknown>>;
  readonly pulseMs?: number;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly refind?: 'until-lifted' | 'always';
  /** Whether the module reads a card a second time, which a card that says "expired" takes to be believed. */
  readonly reread?: 'refused' | 'allowed';
  /** Line speed of the reader module; without it, replies come at once. */
  readonly baud?: number;
  readonly log?: 'debug' | 'info';
  /** What happens in the enrolled gate's data folder before its first start. */
  readonly prepare?: (data: string) => Promise<void>;
  /** The data folder lies on a disk of its own, of so many kilobytes. */
  readonly disk?: { readonly kind: 'tmpfs' | 'ext4'; readonly sizeKb: number };
  /** A data folder beside the first one's, copied from there: two gates with one identity. */
  readonly copyOf?: TestGate;
  /** Another way to the reader than the TCP port of the module in the test. */
  readonly port?: string;
  /** A module of the test's own. */
  readonly reader?: SamServer;
  /** A broker's port elsewhere than at the site's: a proxy in front of it. */
  readonly brokerPort?: number;
}

/** Where a gate is at home; mostly a whole site. */
export type GateHome = Pick<Site, 't' | 'folder' | 'access' | 'enroll' | 'record'>;

/** What one visit left at central. */
export interface Visit {
  readonly tap: EventLine;
  readonly verdict: EventLine;
}

/** What the gate's own log says of a tap that was decided. */
export interface Decided {
  readonly epoch: number;
  readonly seq: number;
  readonly outcome: string;
  readonly reasons: readonly string[];
  readonly action: string;
  readonly by: string;
  readonly tookMs: number;
}

const DECIDED =
  /info {2}tap tap=(\d+)\/(\d+) outcome=(\S+) reasons=(\S+) action=(\S+) by=(\S+) tookMs=([\d.]+)/;

/** The real daemon, with its reader module in the test and its lines in a folder. */
export class TestGate {
  readonly data: string;
  readonly gpio: string;
  readonly edges: Edges;
  /** How often the module has handed out a whole card. */
  cardsRead = 0;
  process: Child;
  readonly #reads = new Changes();
  #replyBytes = 0;

  private constructor(
    private readonly site: GateHome,
    private readonly options: GateOptions,
    readonly reader: SamServer,
    private readonly start: () => Child,
    private readonly mounted: MountedDisk | undefined,
  ) {
    this.data = join(site.folder, nameOf(options));
    this.gpio = `${this.data}-gpio`;
    this.edges = new Edges(this.gpio);
    this.process = start();
  }

  static async open(site: GateHome, options: GateOptions): Promise<TestGate> {
    const { device, refind = 'until-lifted', reread = 'refused', baud, log = 'info', copyOf } = options;
    const data = join(site.folder, nameOf(options));
    await mkdir(`${data}-gpio`);
    if (copyOf === undefined) await site.enroll(device, data);
    else await cp(copyOf.data, data, { recursive: true, filter: (path) => !path.endsWith('run.lock') });
    await options.prepare?.(data);
    let gate: TestGate | undefined;
    const reader =
      options.reader ??
      (await serveSamModule({
        host: '127.0.0.1',
        tcpPort: 0,
        refind,
        reread,
        ...(baud === undefined ? {} : { baud }),
        onSend: (bytes) => gate?.sent(bytes),
      }));
    site.t.teardown(() => reader.close());
    const config = configOf(data);
    await writeFile(config, JSON.stringify(document(site, options, reader.tcpPort)));
    const disk =
      options.disk && (await MountedDisk.mount(site.t, options.disk.kind, data, options.disk.sizeKb));
    const argv = ['run', '--config', config, '--log-level', log];
    const start = () => disk?.startCardpad(argv) ?? startCardpad(site.t, argv);
    gate = new TestGate(site, options, reader, start, disk);
    const { edges } = gate;
    site.t.teardown(() => edges.close());
    await gate.ready();
    return gate;
  }

  /** The file that it was started with. */
  get config(): string {
    return configOf(this.data);
  }

  /** Of a gate that was given one. */
  get disk(): MountedDisk {
    if (this.mounted === undefined) throw new Error('this gate has no disk of its own');
    return this.mounted;
  }

  get device(): string {
    return this.options.device;
  }

  /** Waits until it can ask central and read cards. */
  async ready(): Promise<void> {
    await Promise.all([this.process.line(/session open/), this.process.line(/reader: ready/)]);
  }

  /** Starts the daemon again after its end. */
  startAgain(): void {
    this.process = this.start();
  }

  /** Ends the daemon and starts it with another broker in its configuration; waits for the reader alone. */
  async useBroker(broker: { readonly url: string; readonly caFile?: string }): Promise<void> {
    await this.process.end('SIGTERM');
    const config = JSON.parse(await readFile(this.config, 'utf8'));
    await writeFile(this.config, JSON.stringify({ ...config, broker }));
    this.startAgain();
    await this.process.line(/reader: ready/);
  }

  /** Somebody else than the daemon moves a line: a button, a contact. */
  async input(line: string, level: 0 | 1): Promise<void> {
    const fresh = join(this.gpio, `.${line}.test`);
    await writeFile(fresh, String(level));
    await rename(fresh, join(this.gpio, line));
  }

  put(person: Person): void {
    this.reader.module.put(cardOf(person));
  }

  lift(): void {
    this.reader.module.lift();
  }

  /** Waits until the module has handed out so many cards in all. */
  async read(cards: number): Promise<void> {
    await this.#reads.until(
      () => this.cardsRead >= cards,
      () => `${cards} cards read, ${this.cardsRead} were`,
    );
  }

  /** The first tap, or the `nth`, that was decided after so many lines of its log. */
  async decided(from: number, nth = 1): Promise<Decided> {
    const line = await this.process.line(DECIDED, from, nth);
    const [, epoch, seq, outcome = '', reasons = '', action = '', by = '', tookMs] = DECIDED.exec(line) ?? [];
    return {
      ...{ epoch: Number(epoch), seq: Number(seq), outcome, action, by, tookMs: Number(tookMs) },
      reasons: reasons.replaceAll('"', '').split(','),
    };
  }

  /** Which outcome lamps were lit since then. */
  lamps(from: number): string[] {
    return this.edges.litSince(from).filter((line) => OUTCOME_LAMPS.includes(line));
  }

  /** Card on the pad, the lamp that is expected, verdict at central, card taken away. */
  async visit(person: Person, lamp: 'green' | 'yellow' | 'red'): Promise<Visit> {
    const from = this.edges.count;
    const known = (await this.site.record(this.device, (lines) => lines, 'records')).length;
    this.put(person);
    await this.edges.edge(lamp, 1, from);
    this.lift();
    return this.stored(known);
  }

  /** The first tap that central has after so many records, and its verdict. */
  stored(after: number): Promise<Visit> {
    return this.site.record(
      this.device,
      (lines) => {
        const verdict = lines.slice(after).find(({ kind }) => kind === 'verdict');
        const tap = lines.find(({ epoch, seq }) => epoch === verdict?.epoch && seq === verdict.tap);
        return verdict !== undefined && tap !== undefined && { tap, verdict };
      },
      'a verdict',
    );
  }

  private sent(bytes: Uint8Array): void {
    // On a paced line a reply comes in pieces, the first of which tells how long it is.
    if (Buffer.from(bytes).indexOf(PREAMBLE) === 0) this.#replyBytes = 0;
    this.#replyBytes += bytes.length;
    if (this.#replyBytes < CARD_FRAME_BYTES) return;
    this.#replyBytes = Number.NEGATIVE_INFINITY;
    this.cardsRead += 1;
    this.#reads.happened();
  }
}

/** Of its folder; two gates with one identity have two. */
const nameOf = ({ device, copyOf }: GateOptions) => (copyOf === undefined ? device : `${device}-copy`);

const configOf = (data: string) => `${data}.json`;

function document(site: GateHome, options: GateOptions, tcpPort: number) {
  const folder = join(site.folder, nameOf(options));
  const {
    device,
    site: name = 'e2e',
    schemes,
    lane,
    journal,
    inputs,
    pulseMs = 300,
    port,
    brokerPort,
  } = options;
  return {
    device,
    site: name,
    ...(schemes === undefined ? {} : { schemes }),
    lane: { name: 'A1', direction: 'entry', ...lane },
    ...(journal === undefined ? {} : { journal }),
    ...(inputs === undefined ? {} : { inputs }),
    broker: brokerPort === undefined ? site.access : { url: `mqtt://127.0.0.1:${brokerPort}` },
    readers: [{ kind: 'id-card', port: port ?? `tcp://127.0.0.1:${tcpPort}`, pollMs: 100 }],
    gpio: { backend: `sim:${folder}-gpio` },
    outputs: {
      lamps: { green: 'green', yellow: 'yellow', red: 'red' },
      buzzer: 'buzzer',
      staff: 'staff',
      gate: { line: 'gate', pulseMs },
    },
    dataDir: folder,
  };
}
