import type { SamModule } from '../../drivers/simulated/samModule.js';
import { cardOf, elder, type Person } from '../e2e/support/people.js';
import { gpioSimFile } from './machine/chip.js';
import type { Edge } from './machine/edges.js';
import type { Machine } from './machine/machine.js';
import { boardConfig, type ConfigChoices, type LineName, offsetOf, WIRINGS, type Wiring } from './wiring.js';

const UNIT = 'cardpad.service';
/** Node alone takes seconds to start in an emulated processor, and the machine may have other things to do. */
const WITHIN_MS = 240_000;

const PEOPLE = 40;

/** Everybody is green to central; each comes once, so that nobody is the same card again. */
export const people: readonly Person[] = Array.from({ length: PEOPLE }, (_, index) =>
  elder(300 + index, { healthCode: 'green' }),
);

/** What the daemon's log says of a decided tap. */
export interface Decided {
  readonly tap: string;
  readonly outcome: string;
  readonly action: string;
  readonly by: string;
  readonly tookMs: number;
}

/** A tap, as the person, the kernel and the daemon saw it. */
export interface Tap {
  /** From the card on the pad to the edge in the kernel's trace, as the host saw it arrive. */
  readonly toEdgeMs: number;
  readonly edge: Edge;
  readonly decided: Decided;
}

const DECIDED =
  /^tap tap=(?<tap>\S+) outcome=(?<outcome>\S+) reasons=\S+ action=(?<action>\S+) by=(?<by>\S+) tookMs=(?<tookMs>[\d.]+)/;

/** The installed daemon in the machine, with the module whose cards it reads. */
export class Gate {
  readonly #wiring: Wiring;
  #next = 0;

  constructor(
    readonly machine: Machine,
    public module: SamModule,
  ) {
    this.#wiring = WIRINGS[machine.options.architecture];
  }

  /** Writes the configuration. */
  async configure(choices: ConfigChoices): Promise<void> {
    const text = Buffer.from(boardConfig(this.#wiring, choices)).toString('base64');
    await this.machine.agent.run(`echo ${text} | base64 -d >/etc/cardpad/config.json`);
  }

  /** Runs systemctl on the daemon's unit, without waiting for its end. */
  async order(command: 'start' | 'stop' | 'restart'): Promise<void> {
    await this.machine.agent.run(`systemctl --no-block ${command} cardpad`);
  }

  async stop(): Promise<void> {
    await this.machine.agent.run('systemctl stop cardpad', WITHIN_MS);
  }

  /** Where a later wait in the log begins. */
  get mark(): number {
    return this.machine.log.entries.count;
  }

  /** Where a later wait for an edge begins. */
  get edgeMark(): number {
    return this.machine.lines.edges.count;
  }

  /** Waits for a line of the daemon, or of systemd about it. */
  said(pattern: RegExp, from: number): Promise<{ readonly message: string; readonly atMs: number }> {
    return this.machine.log.said(UNIT, pattern, from, WITHIN_MS);
  }

  /** Waits until cards are read, and with `online` also until central can be asked. */
  async ready(from: number, online = true): Promise<void> {
    await this.said(/reader: ready/, from);
    if (online) await this.said(/session open/, from);
  }

  async processId(): Promise<number> {
    return Number(await this.machine.agent.run('systemctl show --property=MainPID --value cardpad'));
  }

  property(name: string): Promise<string> {
    return this.machine.agent.run(`systemctl show --property=${name} --value cardpad`);
  }

  level(line: LineName): Promise<number> {
    return this.machine.lines.level(offsetOf(this.#wiring, line));
  }

  /** Where the machine itself reads the level of a line, below the daemon. */
  levelFile(line: LineName): string {
    return gpioSimFile(offsetOf(this.#wiring, line), 'value');
  }

  /** Presses or lets go what is wired to an input. */
  drive(line: LineName, level: 0 | 1): Promise<void> {
    return this.machine.lines.drive(offsetOf(this.#wiring, line), level);
  }

  edge(line: LineName, level: 0 | 1, from: number): Promise<Edge> {
    return this.machine.lines.set(offsetOf(this.#wiring, line), level, from, WITHIN_MS);
  }

  /** Somebody new puts a card on the pad; resolves when the gate's relay goes on, with the card still there. */
  async put(): Promise<{ readonly edge: Edge; readonly toEdgeMs: number }> {
    const person = people[this.#next];
    if (person === undefined) throw new Error('nobody new is left');
    this.#next += 1;
    const from = this.edgeMark;
    const putMs = performance.now();
    this.module.put(cardOf(person));
    const edge = await this.edge('gate', 1, from);
    return { edge, toEdgeMs: edge.seenMs - putMs };
  }

  /** One whole visit: card, relay on and off again, what was decided. */
  async tap(): Promise<Tap> {
    const from = this.mark;
    const edgesFrom = this.edgeMark;
    const { edge, toEdgeMs } = await this.put();
    const { message } = await this.said(DECIDED, from);
    await this.edge('gate', 0, edgesFrom);
    this.module.lift();
    return { edge, toEdgeMs, decided: decidedOf(message) };
  }
}

function decidedOf(message: string): Decided {
  const { tap = '', outcome = '', action = '', by = '', tookMs = '' } = DECIDED.exec(message)?.groups ?? {};
  return { tap, outcome, action, by, tookMs: Number(tookMs) };
}
