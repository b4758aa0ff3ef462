import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { liveFlap } from '../flap/flap.js';
import { Scope } from '../flap/scope.js';
import { liveOutage } from '../outage.js';
import { cutFullJournal, cutJournal, type PowerCutResult } from '../power/run.js';

/** What is tried beside whole days. */
export type Proof =
  | { readonly kind: 'power-cut'; readonly tears: number }
  | { readonly kind: 'outage'; readonly hours: number; readonly taps: number; readonly powerCuts: number }
  | { readonly kind: 'flap'; readonly minutes: number }
  | { readonly kind: 'kills'; readonly kills: number };

export interface Proved {
  readonly held: boolean;
  /** As JSON can say it. */
  readonly report: Readonly<Record<string, unknown>>;
}

type Say = (text: string) => void;

/** Runs one of them. @param sayAside for what goes on meanwhile */
export async function prove(proof: Proof, seed: number, say: Say, sayAside: Say): Promise<Proved> {
  say(`${proof.kind} from seed ${seed}`);
  const fromMs = performance.now();
  const { held, report } = await run(proof, seed, say, sayAside);
  const wallSeconds = (performance.now() - fromMs) / 1000;
  say(held ? 'everything held' : `VIOLATED with seed ${seed}`);
  return { held, report: { ...proof, ...report, held, wallSeconds } };
}

function run(proof: Proof, seed: number, say: Say, sayAside: Say): Promise<Proved> {
  if (proof.kind === 'power-cut') return cutPower(proof.tears, seed, say, sayAside);
  if (proof.kind === 'outage') return outage(proof, seed, say);
  if (proof.kind === 'flap') return flap(proof.minutes, seed, say);
  return kill(proof.kills, seed, say, sayAside);
}

async function cutPower(tearsAWrite: number, seed: number, say: Say, sayAside: Say): Promise<Proved> {
  const onProgress = (images: number, faults: number) => sayAside(`${images} disks, ${faults} violations`);
  const options = { seed, tearsAWrite, largeEvery: 4, thoroughEvery: 20, onProgress };
  const journal = await cutJournal(options);
  sayCut('journal', journal, say);
  const full = await cutFullJournal(options);
  sayCut('full journal', full, say);
  say(`${full.thinned} disks with records that were dropped for want of room, each of them declared`);
  const held = journal.faults.length + full.faults.length === 0;
  return { held, report: { journal, full } };
}

function sayCut(what: string, result: PowerCutResult, say: Say): void {
  const { calls, instants, images, thorough, named, faults } = result;
  say(`${what}: ${calls} calls, ${instants} instants, ${images} disks`);
  for (const fault of faults) say(`  ${fault}`);
  say(`${thorough} disks delivered to a ledger and cut again; on ${named} a gap is named`);
}

async function outage(
  { hours, taps, powerCuts }: Extract<Proof, { kind: 'outage' }>,
  seed: number,
  say: Say,
): Promise<Proved> {
  const result = await liveOutage({ seed, hours, taps, powerCuts });
  const { tapsAtCentral, openings, lost, doubled, records, files, bytes, drainMs, violations } = result;
  say(`${hours} simulated hours offline, ${powerCuts} power cuts, ${result.visits} cards laid`);
  say(
    `${tapsAtCentral} taps at central, ${lost} lost, ${doubled} doubled; the gate opened ${openings} times`,
  );
  say(
    `${records} records, ${files} files, ${bytes} bytes; all delivered ${drainMs / 1000} s after the network`,
  );
  for (const violation of violations) say(`  ${violation}`);
  return { held: violations.length === 0 && lost === 0 && doubled === 0, report: { ...result } };
}

async function flap(minutes: number, seed: number, say: Say): Promise<Proved> {
  const scope = new Scope();
  try {
    const result = await liveFlap(scope, { seed, seconds: minutes * 60 });
    const { visits, byCentral, byLocal, records, cuts, connections, connected, hellos, sessions, drainMs } =
      result;
    say(`${cuts} times all connections cut in ${minutes} min, ${connections} made; ${visits} cards laid`);
    say(
      `${byCentral} decided by central, ${byLocal} locally; the gate connected ${connected} times: ${hellos} hellos, ${sessions} sessions`,
    );
    say(`${records} records at central, all of them ${drainMs / 1000} s after the last cut`);
    for (const [name, { before, after }] of Object.entries({ gate: result.gate, central: result.central }))
      say(`${name}: ${before.rssMb} to ${after.rssMb} MB, ${before.files} to ${after.files} open files`);
    for (const violation of result.violations) say(`  ${violation}`);
    return { held: result.violations.length === 0, report: { ...result } };
  } finally {
    await scope.end();
  }
}

const KILLS_TEST = fileURLToPath(new URL('../../e2e/kills.test.js', import.meta.url));
const SECONDS_A_KILL = 60;

/** The end-to-end test of kills, with more of them. */
function kill(kills: number, seed: number, say: Say, sayAside: Say): Promise<Proved> {
  const env = {
    ...process.env,
    PATH: `${process.env.PATH}:/usr/sbin`,
    CARDPAD_KILLS: String(kills),
    CARDPAD_SEED: String(seed),
    TAP_TIMEOUT: String(kills * SECONDS_A_KILL),
  };
  const child = spawn(process.execPath, [KILLS_TEST], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let figures: Record<string, unknown> = {};
  const failed: string[] = [];
  let rounds = 0;
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const found = /# figures (\{.*\})/.exec(line)?.[1];
      if (found !== undefined) figures = JSON.parse(found);
      if (/^ *not ok/.test(line)) failed.push(line.trim());
      if (/ok \d+ - round \d+:/.test(line) && ++rounds % 25 === 0) sayAside(`${rounds} kills`);
    }
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      for (const line of failed) say(`  ${line}`);
      say(`kills of a real gate: ${JSON.stringify(figures)}`);
      resolve({ held: code === 0, report: { figures, failed } });
    });
  });
}
