import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { Child, type Finished, ROOT } from '../../e2e/support/child.js';
import type { Step } from './steps.js';

interface Terminal {
  readonly command: string;
  readonly child: Child;
}

/** The folder and the ports that the pages use; a test has its own. */
const FOLDER = '/tmp/cardpad-try';
const PORTS = ['18830', '9601', '9602'];
/** Below the ports that a system gives to outgoing connections. */
const LOWEST_PORT = 20_000;
const PORTS_TRIED_FROM = 10_000;
/** Longer than anything takes on a busy machine; only a failing test waits so long. */
const WITHIN_MS = 90_000;
const REPEAT_EVERY_MS = 300;

async function freePort(not: ReadonlySet<string>): Promise<string> {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * PORTS_TRIED_FROM);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree && !not.has(`${port}`)) return `${port}`;
  }
}

const literally = (text: string) => new RegExp(text.replaceAll(/[^\w ]/g, '\\$&'));

/** Follows a document as somebody at a keyboard would, in a folder and at ports of its own. */
export class Follower {
  readonly #terminals: Terminal[] = [];
  /** "In every new terminal set it again." */
  #exports = '';

  private constructor(
    private readonly t: Test,
    private readonly own: ReadonlyMap<string, string>,
  ) {}

  static async open(t: Test): Promise<Follower> {
    const own = new Map([[FOLDER, t.testdir({})]]);
    for (const port of PORTS) own.set(port, await freePort(new Set(own.values())));
    return new Follower(t, own);
  }

  /** Does one step. Rejects when what the page promises does not come. */
  async follow(step: Step): Promise<void> {
    if (step.kind === 'typed') return this.#type(step);
    if (step.kind === 'background') return this.#start(step);
    if (step.stopsAll) await this.stopAll();
    await this.#run(step);
  }

  /** Ctrl-C everywhere: each program ends in order. */
  async stopAll(): Promise<void> {
    for (const { command, child } of this.#terminals.splice(0).reverse()) {
      const { code } = await child.end('SIGINT');
      this.t.equal(code, 0, `Ctrl-C ends in order: ${command}`);
    }
  }

  async #run({ script, prints, repeated }: Step & { kind: 'run' }): Promise<void> {
    const endMs = performance.now() + WITHIN_MS;
    for (;;) {
      const { code, stdout, stderr } = await this.#toEnd(script);
      const missing = prints.filter((text) => !stdout.includes(text));
      if (code === 0 && missing.length === 0) break;
      const said = `exit code ${code}, without ${missing.join(' and ') || 'fault'}:\n${stdout}\n${stderr}`;
      if (!repeated || performance.now() > endMs) throw new Error(said);
      await pause(REPEAT_EVERY_MS);
    }
    for (const [line] of script.matchAll(/^export .*$/gm)) this.#exports += `${line}\n`;
  }

  async #toEnd(script: string): Promise<Finished> {
    const child = this.#shell(`set -e\n${this.#exports}${script}`, script);
    child.hush();
    const { code } = await child.exited;
    return { code, stdout: child.stdout, stderr: child.stderr };
  }

  /** The program takes the shell's place, so that it is what gets the Ctrl-C. */
  async #start({ script, ready, left }: Step & { kind: 'background' }): Promise<void> {
    const child = this.#shell(`exec 1>&2\n${this.#exports}exec ${script}`, script);
    await child.line(literally(ready), 0, 1, WITHIN_MS);
    if (left) await child.end('SIGINT');
    else this.#terminals.push({ command: script, child });
  }

  async #type({ lines, into, program, says }: Step & { kind: 'typed' }): Promise<void> {
    const listener = this.#with(program);
    const from = listener.written;
    for (const line of lines) this.#with(into).say(line);
    await listener.line(literally(says), from, 1, WITHIN_MS);
  }

  /** The newest terminal with that in its command. */
  #with(words: string): Child {
    const found = this.#terminals.findLast(({ command }) => command.includes(words));
    if (found === undefined) throw new Error(`no terminal runs "${words}"`);
    return found.child;
  }

  #shell(script: string, name: string): Child {
    let mine = `cd '${ROOT}'\nPATH=$PATH:/usr/sbin\n${script}`;
    for (const [word, own] of this.own) mine = mine.replaceAll(word, own);
    return new Child(this.t, name.split('\n')[0] ?? '', 'sh', ['-c', mine]);
  }
}
