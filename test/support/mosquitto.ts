import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificates.js';

const BINARY = process.env.MOSQUITTO ?? '/usr/sbin/mosquitto';

/** A broker in a process of its own. */
export interface RunningBroker {
  /** `mqtt://127.0.0.1:PORT`, or `mqtts:` where it has a certificate. */
  readonly url: string;
  readonly port: number;
  /** Stops it in its tracks: connections stay, nothing answers, until what this returns is called. */
  freeze(): () => void;
  /** Ends it as a power cut would: clients see their connection go. Idempotent. */
  stop(): Promise<void>;
}

export interface MosquittoOptions {
  readonly certificate?: Certificate;
  /** Without one, everybody may come. */
  readonly login?: { readonly username: string; readonly password: string };
}

/** What of a tap test is needed here. */
interface TestScope {
  teardown(call: () => unknown): unknown;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Resolves when the broker says that it runs; rejects with its own words when it ends instead. */
function running(broker: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    broker.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/mosquitto version .* running/.test(said)) resolve();
    });
    broker.once('error', reject);
    broker.once('exit', (code) => reject(new Error(`mosquitto ended (${code}): ${said}`)));
  });
}

function configOf(folder: string, port: number, { certificate, login }: MosquittoOptions): string {
  const passwords = join(folder, 'passwords');
  if (login !== undefined) {
    writeFileSync(passwords, '', { mode: 0o600 });
    execFileSync('mosquitto_passwd', ['-b', passwords, login.username, login.password], { stdio: 'pipe' });
  }
  return [
    `listener ${port} 127.0.0.1`,
    ...(certificate === undefined
      ? []
      : [`certfile ${certificate.certFile}`, `keyfile ${certificate.keyFile}`]),
    ...(login === undefined ? ['allow_anonymous true'] : [`password_file ${passwords}`]),
    'persistence false',
    'log_dest stderr',
    // A change of user would undo --pdeathsig.
    'user root',
    '',
  ].join('\n');
}

/**
 * A real broker on a free port of this machine, with no memory; it ends with the test.
 * @param atPort to bring a broker back where it was
 */
export async function startMosquitto(
  t: TestScope,
  atPort?: number,
  options: MosquittoOptions = {},
): Promise<RunningBroker> {
  const port = atPort ?? (await freePort());
  // Not in t.testdir, which would take away what the test has made there.
  const folder = mkdtempSync(join(tmpdir(), 'cardpad-mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, configOf(folder, port, options));
  // A test that is cut off or crashes takes its broker and its files with it.
  const argv = ['--pdeathsig', 'KILL', BINARY, '-c', file];
  const broker = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const sweep = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', sweep);
  const ended = once(broker, 'exit');
  const stop = async () => {
    if (broker.exitCode === null && broker.signalCode === null) broker.kill('SIGKILL');
    await ended;
    process.off('exit', sweep);
    sweep();
  };
  t.teardown(stop);
  await running(broker);
  const freeze = () => {
    broker.kill('SIGSTOP');
    return () => void broker.kill('SIGCONT');
  };
  const scheme = options.certificate === undefined ? 'mqtt' : 'mqtts';
  return { url: `${scheme}://127.0.0.1:${port}`, port, freeze, stop };
}
