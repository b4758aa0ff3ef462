import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../e2e/support/child.js';
import { type EventLine, Site } from '../e2e/support/site.js';
import { people } from './gate.js';
import type { Scope } from './scope.js';

/** How often more than once a wait of tests on the host itself is waited: an emulated processor is that much slower. */
const PATIENCE = 4;

/** What the board is connected to: a broker and a central on the host. */
export class Outside {
  #central = 0;

  private constructor(
    private readonly scope: Scope,
    readonly site: Site,
  ) {}

  static async open(scope: Scope): Promise<Outside> {
    return new Outside(scope, await Site.open(scope, { people }));
  }

  get brokerPort(): number {
    return this.site.broker.port;
  }

  /** What a gate has to know of central. */
  get publicFile(): string {
    return join(this.site.central, 'central.public.json');
  }

  async enroll(enrolment: string): Promise<void> {
    await mustRun(this.scope, ['central', 'enroll', '--data', this.site.central], enrolment);
  }

  /**
   * A central that knows the gate as it was enrolled and nothing of what it did since: a machine that goes on from a
   * snapshot does not know of that either, and would look like a gate with somebody else's disk.
   */
  async freshCentral(enrolled: string): Promise<void> {
    this.#central += 1;
    const folder = join(this.site.folder, `central-${this.#central}`);
    await this.site.service.end('SIGTERM');
    await cp(enrolled, folder, { recursive: true });
    await this.site.startCentral(folder);
  }

  /** A copy of central's folder, for `freshCentral`. */
  async keepCentral(): Promise<string> {
    const folder = join(this.site.folder, 'central-enrolled');
    await this.site.service.end('SIGTERM');
    await cp(this.site.central, folder, { recursive: true });
    await this.site.startCentral();
    return folder;
  }

  /** Waits until central has that tap of the gate and its verdict; gives all that it has of the gate. */
  async hasTap(device: string, tap: string): Promise<readonly EventLine[]> {
    const [epoch, seq] = tap.split('/').map(Number);
    for (let patience = PATIENCE; ; patience--) {
      const thrown = await this.site.arrived(device, epoch ?? 0, seq ?? 0).catch((cause: unknown) => cause);
      if (thrown === undefined) return this.site.events(device);
      if (patience === 0) throw thrown;
    }
  }
}
