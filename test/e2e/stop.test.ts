import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Exit } from './support/child.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const STOP_WITHIN_MS = 2_000;
const LINES = ['gate', 'green', 'yellow', 'red', 'buzzer', 'staff'];
const LISTENER = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
  console.log(this.address().port);
})`;

/** A port of which nobody ever hears: a stopped listener whose queue of two is full. Linux drops what comes then. */
async function blackHole(): Promise<number> {
  const argv = ['--pdeathsig', 'KILL', 'env', '-u', 'NODE_OPTIONS', process.execPath, '-e', LISTENER];
  const listener: ChildProcess = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => listener.kill('SIGKILL'));
  if (listener.stdout === null) throw new Error('no output');
  const [line] = await once(listener.stdout, 'data');
  const port = Number(String(line));
  listener.kill('SIGSTOP');
  for (let filler = 0; filler < 4; filler++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
  }
  return port;
}

const person = elder(90, { healthCode: 'green' });
const site = await Site.open(t, { people: [person] });
const gate = await TestGate.open(site, { device: 'gate-1', pulseMs: 1000 });

async function stop(): Promise<{ readonly exit: Exit; readonly tookMs: number }> {
  const startMs = performance.now();
  const exit = await gate.process.end('SIGTERM');
  return { exit, tookMs: performance.now() - startMs };
}

function journal(): string {
  const folder = join(gate.data, 'journal');
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('');
}

t.test('a silent broker: the gate shuts at once, the tap is on disk, exit 0', async (t) => {
  const thaw = site.broker.freeze();
  const from = gate.edges.count;
  gate.put(person);
  // Nobody answers, so that it opens by its own rule at the deadline.
  await gate.edges.edge('gate', 1, from);
  const { exit, tookMs } = await stop();
  t.same(exit, { code: 0, signal: null }, gate.process.stderr);
  t.ok(tookMs < STOP_WITHIN_MS, `stopped after ${Math.round(tookMs)} ms`);
  for (const line of LINES) t.equal(gate.edges.level(line), '0', line);
  const [on, off] = gate.edges.since(from, 'gate');
  const pulseMs = Number(BigInt(off?.ns ?? 0) - BigInt(on?.ns ?? 0)) / 1e6;
  t.ok(pulseMs < 900, `the pulse was cut short, not waited for: ${pulseMs} ms`);
  for (const kind of ['tap', 'verdict']) t.match(journal(), `"kind":"${kind}"`);
  t.match(gate.process.stderr, /gate stopped/);
  t.match(gate.process.stderr, /reader: counters rxBytes=\d+.* reads=1/);
  thaw();
});

t.test('a silent broker and a reader port that never opens: exit 0 within 2 s', async (t) => {
  const file = join(site.folder, 'gate-1.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  config.readers[0].port = `tcp://127.0.0.1:${await blackHole()}`;
  writeFileSync(file, JSON.stringify(config));
  gate.startAgain();
  await gate.process.line(/session open/);
  site.broker.freeze();
  const { exit, tookMs } = await stop();
  t.same(exit, { code: 0, signal: null }, gate.process.stderr);
  t.ok(tookMs < STOP_WITHIN_MS, `stopped after ${Math.round(tookMs)} ms`);
  t.notMatch(gate.process.stderr, /reader: ready/);
  for (const line of LINES) t.equal(gate.edges.level(line), '0', line);
});
