import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scope } from '../scope.js';
import { Agent } from './agent.js';
import { CHANNELS, type ChannelName, type MachineOptions, qemuCommand, socketOf } from './arguments.js';
import { type Channel, openChannel } from './channel.js';
import { gpioSim, pl061 } from './chip.js';
import { Lines } from './edges.js';
import { Log } from './log.js';
import { Monitor } from './monitor.js';
import { Qtest } from './qtest.js';

/** A host with nothing else to do has one up in 15 s, one that builds and tests beside it in minutes. */
const BOOT_WITHIN_MS = 600_000;

/** Where the one of `virt` stands among QEMU's objects. */
const PL061 = '/machine/unattached/device[7]';

/** A virtual board: QEMU, what it is told, and all that comes out of it. */
export class Machine {
  readonly agent: Agent;
  readonly lines: Lines;
  readonly log = new Log();
  #stopped = false;
  readonly #ended: Promise<void>;

  private constructor(
    readonly options: MachineOptions,
    private readonly qemu: ChildProcess,
    readonly monitor: Monitor,
    agent: Agent,
    /** Where the board's own lines are reached so. */
    readonly qtest: Qtest | undefined,
    channels: ReadonlyMap<ChannelName, Channel>,
  ) {
    this.agent = agent;
    this.lines = new Lines(agent, qtest === undefined ? gpioSim(agent) : pl061(qtest, PL061));
    let complaint = '';
    qemu.stderr?.on('data', (text) => {
      complaint += text;
    });
    this.#ended = new Promise((resolve) => {
      const end = (why: string) => {
        const reason = new Error(this.#stopped ? 'the machine was switched off' : `QEMU ended: ${why}`);
        for (const one of [agent, monitor, this.lines.edges, this.log.entries]) one.end(reason);
        qtest?.end(reason);
        for (const channel of channels.values()) channel.close();
        resolve();
      };
      qemu.once('error', ({ message }) => end(message));
      qemu.once('exit', (code, signal) => end(`${code ?? signal} ${complaint.trim()} ${this.#console()}`));
    });
  }

  /** Starts one; resolves when it does what it is told. */
  static async start(scope: Scope, options: MachineOptions): Promise<Machine> {
    const { folder } = options;
    await mkdir(folder, { recursive: true });
    const channels = new Map<ChannelName, Channel>();
    const agent = new Agent((line) => channels.get('agent')?.write(line));
    const takers: Record<ChannelName, (line: string) => void> = {
      agent: agent.take,
      trace: () => {},
      log: () => {},
    };
    for (const name of CHANNELS) {
      const keep = keeping(join(folder, `${name}.log`));
      channels.set(
        name,
        await openChannel(socketOf(folder, name), (line) => {
          keep.write(`${line}\n`);
          takers[name](line);
        }),
      );
    }
    const monitor = await Monitor.listen(socketOf(folder, 'monitor'));
    const [program = '', ...argv] = qemuCommand(options);
    const qtest =
      options.architecture === 'arm64' ? await Qtest.listen(socketOf(folder, 'qtest')) : undefined;
    // What ends this process ends the machine as well.
    const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...argv], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const machine = new Machine(options, qemu, monitor, agent, qtest, channels);
    takers.trace = machine.lines.take;
    takers.log = machine.log.take;
    scope.teardown(() => machine.cutPower());
    try {
      await machine.#comeUp();
    } catch (thrown) {
      // Its disk is free for the next one.
      await machine.cutPower();
      throw thrown;
    }
    return machine;
  }

  async #comeUp(): Promise<void> {
    await this.monitor.ready();
    if (this.qtest !== undefined) await interceptPins(this.monitor, this.qtest);
    if (this.options.snapshot === undefined) await this.agent.started(BOOT_WITHIN_MS);
    else await this.#wake();
    await this.lines.findBase();
  }

  /** The power goes: nothing is written any more, nobody says goodbye. */
  async cutPower(): Promise<void> {
    this.#stopped = true;
    this.qemu.kill('SIGKILL');
    await this.#ended;
  }

  /** Keeps all of it, running, under that name in its disk. @param whileStill is done before it goes on */
  async save(snapshot: string, whileStill = async () => {}): Promise<void> {
    await this.monitor.do('stop');
    await this.monitor.say(`savevm ${snapshot}`);
    await whileStill();
    await this.monitor.do('cont');
  }

  /** A machine from a snapshot believes that no time has passed, and has read another second disk. */
  async #wake(): Promise<void> {
    await this.agent.run(
      `date -s @${Math.round(Date.now() / 1000)} >/dev/null; blockdev --flushbufs /dev/vdb`,
    );
  }

  #console(): string {
    const file = join(this.options.folder, 'console.log');
    return existsSync(file) ? readFileSync(file, 'utf8').slice(-1500) : '';
  }
}

/** From here on each change of an output's pin is told. */
async function interceptPins(monitor: Monitor, qtest: Qtest): Promise<void> {
  const type = await monitor.do('qom-get', { path: PL061, property: 'type' });
  if (type !== 'pl061') throw new Error(`${PL061} of this QEMU is ${type}, not the PL061`);
  await qtest.say(`irq_intercept_out ${PL061}`);
}

function keeping(file: string): WriteStream {
  return createWriteStream(file, { flags: 'a' });
}
