import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { startApart, whyNotApart } from './support/apart.js';
import { CLI } from './support/child.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const STOP_WITHIN_MS = 2_000;
/** An address of the loopback interface that nobody else uses. */
const MUTE = '127.77.53.1';

/** A name server that takes every question and answers none; why there is none where the port is not ours to have. */
async function listenMutely(): Promise<string | false> {
  const server = createSocket('udp4');
  t.teardown(() => server.close());
  server.bind(53, MUTE);
  return Promise.race([
    once(server, 'listening').then(() => false as const),
    once(server, 'error').then(([{ code }]) => `no name server can be played here: ${code}`),
  ]);
}

const skip = whyNotApart() || (await listenMutely());

t.test('a name server that is silent: the gate decides by itself, again and again', { skip }, async (t) => {
  const people = [elder(60), elder(61), elder(62)];
  const site = await Site.open(t, { people });
  const gate = await TestGate.open(site, { device: 'gate-1' });
  await gate.process.end('SIGTERM');

  const configFile = join(site.folder, 'gate-1.json');
  const config = JSON.parse(await readFile(configFile, 'utf8'));
  await writeFile(configFile, JSON.stringify({ ...config, broker: { url: 'mqtt://broker.example:1883' } }));
  const resolver = join(site.folder, 'resolv.conf');
  await writeFile(resolver, `nameserver ${MUTE}\noptions timeout:30 attempts:5\n`);
  const names = join(site.folder, 'nsswitch.conf');
  await writeFile(names, 'hosts: files dns\n');
  // Two threads for disk and names: a second name that is looked up at once would leave none for the journal.
  gate.process = startApart(
    t,
    `touch /etc/resolv.conf /etc/nsswitch.conf
    mount --bind "$1" /etc/resolv.conf; mount --bind "$2" /etc/nsswitch.conf; shift 2
    UV_THREADPOOL_SIZE=2 exec "$@"`,
    [resolver, names, process.execPath, CLI, 'run', '--config', configFile],
  );
  await gate.process.line(/reader: ready/);

  for (const [index, person] of people.entries()) {
    const from = { edges: gate.edges.count, lines: gate.process.written };
    gate.put(person);
    await gate.edges.edge('gate', 1, from.edges);
    gate.lift();
    const { by, action, tookMs } = await gate.decided(from.lines);
    t.same({ by, action }, { by: 'local', action: 'open' });
    t.ok(tookMs < 1_000, `decided after ${tookMs} ms`);
    if (index === 0) {
      const problem = /broker: cannot connect problem="the name broker\.example was not found in time"/;
      await gate.process.line(problem);
    } else await gate.edges.becomes('green', '0');
  }

  const startMs = performance.now();
  t.same(
    await gate.process.end('SIGTERM'),
    { code: null, signal: 'SIGTERM' },
    'an exit would wait for the resolver',
  );
  t.match(gate.process.stderr, /gate stopped/, 'an orderly stop all the same');
  const tookMs = performance.now() - startMs;
  t.ok(tookMs < STOP_WITHIN_MS, `stopped after ${Math.round(tookMs)} ms`);
});
