import { expect, type Scenario, serving } from './scenario.js';

const WITHIN_MS = 240_000;
const RESIDENT = "sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$P/status";

const megabytes = (kilobytes: string) => `${(Number(kilobytes) / 1024).toFixed(1)} MB`;

const inMegabytes = (bytes = '') => megabytes(String(Number(bytes) / 1024));

/** Node with nothing to do, started as the daemon is. */
const BARE_NODE = `
  node -e 'setInterval(() => {}, 1e6); require("fs").writeFileSync("/run/bare-node", "up")' & P=$!
  until [ -e /run/bare-node ]; do sleep 0.05; done; sleep 2; ${RESIDENT}; kill $P`;
const millisecondsOf = (command: string) =>
  `s=$(date +%s%N); ${command}; echo $((($(date +%s%N) - s) / 1000000))`;
const START_OF_NODE = millisecondsOf('node -e 0');
/** Without a plan it goes on to the command behind it, here one that does nothing. */
const START_OF_SAFE = millisecondsOf('/usr/lib/cardpad/outputs-safe / true 2>/dev/null');

export const figures: Scenario = {
  name: 'figures',
  title: 'what the installed gate costs and how it is fenced in, by the accounts of system and kernel',
  async run(bench) {
    const { gate, note } = bench;
    const { agent } = gate.machine;
    await agent.run(START_OF_NODE, WITHIN_MS);
    const node = await agent.run(START_OF_NODE, WITHIN_MS);
    const from = gate.mark;
    await gate.order('start');
    const starting = await gate.said(/^Starting/, from);
    const started = await gate.said(/^Started/, from);
    await gate.ready(from);
    note(`start of the service until it says ready: ${(started.atMs - starting.atMs).toFixed(0)} ms`);
    note(`start and end of bare Node: ${node} ms`);
    await agent.run(START_OF_SAFE);
    note(`start and end of outputs-safe: ${await agent.run(START_OF_SAFE)} ms`);
    await serving(bench);
    for (let round = 0; round < 5; round++) await gate.tap();
    const process = await gate.processId();
    const resident = await agent.run(`P=${process}; ${RESIDENT}`);
    const bare = await agent.run(BARE_NODE, WITHIN_MS);
    note(`resident after five taps: ${megabytes(resident)}; bare Node: ${megabytes(bare)}`);
    const [most, limit] = await Promise.all(['MemoryPeak', 'MemoryHigh'].map((name) => gate.property(name)));
    note(
      `most memory of the control group: ${inMegabytes(most)} of ${inMegabytes(limit)} before it is slowed down`,
    );
    expect('whether that limit is in force and was not reached', Number(most) < Number(limit), true);
    const security = await agent.run(
      'systemd-analyze security --no-pager cardpad.service | tail -1',
      WITHIN_MS,
    );
    note(`systemd-analyze security: ${security.replace(/^\W+/, '')}`);
  },
};
