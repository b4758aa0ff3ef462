import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type SamServer, serveSamModule } from '../../drivers/simulated/samServer.js';
import { BOOTED, BootedDisk } from './bootedDisk.js';
import { Gate } from './gate.js';
import { aptInstall, setUp, takePayload } from './install.js';
import type { Architecture, MachineOptions } from './machine/arguments.js';
import { Machine } from './machine/machine.js';
import { Outside } from './outside.js';
import { packContracts } from './payload.js';
import { inSeconds, type Report } from './report.js';
import type { Bench } from './scenarios/scenario.js';
import type { Scope } from './scope.js';
import type { ConfigChoices } from './wiring.js';
import { WIRINGS } from './wiring.js';

export interface RigOptions {
  readonly cache: string;
  readonly architecture: Architecture;
  readonly deb: string;
  readonly previous: string;
  /** Whether to boot even where a booted machine is kept: the time of a boot is a result. */
  readonly boot: boolean;
  /** Where everything of this run is. */
  readonly folder: string;
}

const PAYLOAD_BYTES = 64 * 1024 * 1024;
/** A whole second: a kill by hand has to come before its end. */
const PULSE_MS = 1000;
const INSTALLED = 'installed';

/** One board with its surroundings, as scenarios find it. */
export class Rig {
  #machines = 0;
  /** The one that is on: no two can write to one disk. */
  #machine: Machine | undefined;
  #enrolled = '';
  readonly #choices: ConfigChoices;

  private constructor(
    private readonly scope: Scope,
    private readonly options: RigOptions,
    private readonly report: Report,
    private readonly outside: Outside,
    private readonly uart: SamServer,
  ) {
    const readerPort = WIRINGS[options.architecture].uart;
    this.#choices = { device: 'board-1', backend: 'sysfs:', readerPort, pulseMs: PULSE_MS };
  }

  static async open(scope: Scope, options: RigOptions, report: Report): Promise<Rig> {
    const outside = await Outside.open(scope);
    const uart = await serveSamModule({
      host: '127.0.0.1',
      tcpPort: 0,
      refind: 'until-lifted',
      baud: 115_200,
    });
    scope.teardown(() => uart.close());
    const rig = new Rig(scope, options, report, outside, uart);
    await rig.#pack();
    return rig;
  }

  /** Boots, installs, enrols. */
  async install(): Promise<Gate> {
    const machine = await this.#booted();
    const booted = performance.now();
    await takePayload(machine);
    await aptInstall(machine, 'cardpad.deb');
    const installed = performance.now();
    this.report.note(`apt install: ${inSeconds(installed - booted)}`);
    const gate = new Gate(machine, this.uart.module);
    await setUp(gate, this.outside, this.#choices);
    this.report.note(`config check, provision, enroll: ${inSeconds(performance.now() - installed)}`);
    return gate;
  }

  /** A machine that was booted now, or in an earlier run and kept since. */
  async #booted(): Promise<Machine> {
    const { cache, architecture, boot } = this.options;
    const disk = new BootedDisk(cache, architecture);
    const began = performance.now();
    if (!boot && disk.isThere) {
      await disk.copyTo(this.#disk);
      const machine = await this.#start({ snapshot: BOOTED });
      this.report.note(`a booted machine, restored: ${inSeconds(performance.now() - began)}`);
      return machine;
    }
    disk.empty(this.#disk);
    const machine = await this.#start({});
    this.report.note(`boot: ${inSeconds(performance.now() - began)}, by its own account:`);
    const account = (await machine.agent.run('uname -r; systemd-analyze 2>&1 | head -1')).split('\n');
    for (const line of account) this.report.note(`  ${line}`);
    if (architecture === 'amd64') {
      await machine.agent.run('sync');
      await machine.save(BOOTED, () => disk.keep(this.#disk));
    }
    return machine;
  }

  /** Keeps the installed machine, to begin each scenario from. */
  async keep(gate: Gate): Promise<void> {
    await gate.machine.agent.run('sync');
    await gate.machine.save(INSTALLED);
    await this.powerOff();
    this.#enrolled = await this.outside.keepCentral();
  }

  /** A machine as it was when it was kept, with a central that remembers no more than it does. */
  async restored(): Promise<Gate> {
    // What a scenario that failed has left on the pad.
    this.uart.module.lift();
    await this.outside.freshCentral(this.#enrolled);
    return new Gate(await this.#start({ snapshot: INSTALLED }), this.uart.module);
  }

  bench(gate: Gate): Bench {
    return {
      gate,
      outside: this.outside,
      choices: this.#choices,
      note: (words) => this.report.note(words),
      bootAgain: async (clock) =>
        new Gate(await this.#start(clock === undefined ? {} : { clock }), this.uart.module),
    };
  }

  get #disk(): string {
    return join(this.options.folder, 'disk.qcow2');
  }

  get #payload(): string {
    return join(this.options.folder, 'payload.img');
  }

  async #start(how: Pick<MachineOptions, 'snapshot' | 'clock'>): Promise<Machine> {
    const { cache, architecture, folder } = this.options;
    await this.powerOff();
    this.#machines += 1;
    this.#machine = await Machine.start(this.scope, {
      architecture,
      kernel: join(cache, `kernel-${architecture}`),
      disk: this.#disk,
      payload: this.#payload,
      folder: join(folder, `machine-${this.#machines}`),
      uartPort: this.uart.tcpPort,
      brokerPort: this.outside.brokerPort,
      ...how,
    });
    return this.#machine;
  }

  /** Takes the power from the machine that is on. */
  async powerOff(): Promise<void> {
    await this.#machine?.cutPower();
  }

  /** What the machine is given, as its second disk. */
  async #pack(): Promise<void> {
    const { deb, previous, folder } = this.options;
    const content = join(folder, 'payload');
    await mkdir(content);
    await copyFile(deb, join(content, 'cardpad.deb'));
    if (previous !== '') await copyFile(previous, join(content, 'previous.deb'));
    await copyFile(this.outside.publicFile, join(content, 'central.public.json'));
    await packContracts(join(content, 'contracts'));
    execFileSync('tar', ['-c', '-f', this.#payload, '-C', content, '.']);
    await truncate(this.#payload, PAYLOAD_BYTES);
  }
}
