import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, guardOutputs, toPeople, toResults } from '../../scripts/cli/command.js';
import type { Architecture } from './machine/arguments.js';
import { Report } from './report.js';
import { Rig } from './rig.js';
import { SCENARIOS } from './scenarios/all.js';
import type { Scenario } from './scenarios/scenario.js';
import { Scope } from './scope.js';

// Called by scripts/test-board, which has made ready what this needs.

const { values } = parseArgs({
  options: {
    cache: { type: 'string', default: '' },
    arch: { type: 'string', default: 'amd64' },
    deb: { type: 'string', default: '' },
    previous: { type: 'string', default: '' },
    scenario: { type: 'string', multiple: true },
    short: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const architecture: Architecture = values.arch === 'arm64' ? 'arm64' : 'amd64';
const runsHere = ({ architectures = ['amd64'] }: Scenario) => architectures.includes(architecture);

/** What is to be run; undefined when a name is wrong. */
function chosen(): readonly Scenario[] | undefined {
  const { scenario: names, short } = values;
  if (names === undefined) return SCENARIOS.filter((one) => runsHere(one) && (!short || one.short));
  const unknown = names.find((name) => !SCENARIOS.some((one) => one.name === name));
  if (unknown === undefined) return SCENARIOS.filter(({ name }) => names.includes(name));
  toPeople(`scripts/test-board: there is no scenario ${unknown}; --list names them`);
  return undefined;
}

async function attempt(report: Report, scenario: Scenario, run: () => Promise<void>): Promise<boolean> {
  const began = performance.now();
  try {
    await run();
    report.result(`${scenario.name}: ${scenario.title}`, performance.now() - began);
    return true;
  } catch (thrown) {
    report.result(`${scenario.name}: ${scenario.title}`, performance.now() - began, thrown);
    return false;
  }
}

async function runAll(scenarios: readonly Scenario[], rig: Rig, report: Report): Promise<void> {
  const installed = await rig.install();
  // Snapshots of arm64 are not relied on.
  if (values.short || architecture === 'arm64') {
    // One machine for all: what comes after one that failed would tell nothing.
    for (const scenario of scenarios)
      if (!(await attempt(report, scenario, () => scenario.run(rig.bench(installed))))) return;
    return;
  }
  await rig.keep(installed);
  for (const scenario of scenarios) {
    await attempt(report, scenario, async () => {
      const gate = await rig.restored();
      try {
        await scenario.run(rig.bench(gate));
      } finally {
        await rig.powerOff();
      }
    });
  }
}

async function main(): Promise<number> {
  if (values.list) {
    for (const { name, title, short } of SCENARIOS) toResults(`${name}${short ? ' (short)' : ''}: ${title}`);
    return EXIT.done;
  }
  const scenarios = chosen();
  if (scenarios === undefined) return EXIT.usage;
  const report = new Report(toResults);
  const scope = new Scope();
  const folder = await mkdtemp(join(tmpdir(), 'cardpad-board-'));
  // However this ends. The machines end with this process, too.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(EXIT.no));
  report.plan(scenarios.length);
  try {
    const { cache, deb, previous } = values;
    const rig = await Rig.open(
      scope,
      { cache, architecture, deb, previous, boot: values.short, folder },
      report,
    );
    await runAll(scenarios, rig, report);
  } catch (thrown) {
    report.result('the board, its system and the package are made ready', 0, thrown);
  } finally {
    await scope.close();
    await keepLogs(folder, report.failed > 0 || values.keep);
  }
  return report.failed === 0 ? EXIT.done : EXIT.no;
}

/** Console, journal and trace of each machine; not its disk. */
async function keepLogs(folder: string, wanted: boolean): Promise<void> {
  if (wanted) {
    const kept = join(values.cache, 'logs');
    await rm(kept, { recursive: true, force: true });
    await mkdir(kept, { recursive: true });
    await cp(folder, kept, { recursive: true, filter: (path) => !/\.(?:qcow2|img|deb|socket)$/.test(path) });
    toPeople(`# logs of the machines: ${kept}`);
  }
}

guardOutputs();
process.exitCode = await main();
