import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RunningBroker } from './mosquitto.js';

const MAIN = fileURLToPath(new URL('./aedesMain.js', import.meta.url));

interface TestScope {
  teardown(call: () => unknown): unknown;
}

/**
 * aedes 1, which speaks MQTT 3.1.1 only, in a process of its own; it ends with the test.
 * @param atPort to bring a broker back where it was
 */
export async function startAedes(t: TestScope, atPort = 0): Promise<RunningBroker> {
  const argv = ['--pdeathsig', 'KILL', 'env', '-u', 'NODE_OPTIONS', process.execPath, MAIN, `${atPort}`];
  const broker = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(broker, 'exit');
  const stop = async () => {
    if (broker.exitCode === null && broker.signalCode === null) broker.kill('SIGKILL');
    await ended;
  };
  t.teardown(stop);
  const failed = ended.then(([code]) => {
    throw new Error(`aedes ended (${code})`);
  });
  const [line] = await Promise.race([once(createInterface(broker.stdout), 'line'), failed]);
  failed.catch(() => {});
  const freeze = () => {
    broker.kill('SIGSTOP');
    return () => void broker.kill('SIGCONT');
  };
  return { url: `mqtt://127.0.0.1:${line}`, port: Number(line), freeze, stop };
}
