import { join } from 'node:path';
import { readOutputsOnly } from '../../daemon/config/outputsOnly.js';
import type { GpioSettings } from '../../drivers/gpio/backends.js';
import { type Level, type LineRef, levelOf } from '../../drivers/gpio/gpio.js';
import { openGpio } from '../../drivers/gpio/open.js';
import { systemClock } from '../../platform/clock.js';
import { lockHolder } from '../../platform/lock.js';
import { CardpadError, messageOf } from '../../protocol/errors.js';
import { type Command, type CommandGroup, EXIT, toPeople, toResults } from './command.js';
import { noMorePositionals, parseCommandLine, required } from './options.js';

type Outcome =
  | { readonly line: string; readonly level: Level }
  | { readonly line: string; readonly error: CardpadError };

async function makeAllSafe(settings: GpioSettings, outputs: readonly LineRef[]): Promise<readonly Outcome[]> {
  const gpio = await openGpio(settings, { outputs, inputs: [] }, systemClock);
  for (const ref of outputs) gpio.output(ref, 'off');
  gpio.close();
  return outputs.map((ref) => ({ line: ref.line, level: levelOf(false, ref) }));
}

/** All at once, and where that fails each for itself: what is wrong with one line must not keep another on. */
async function makeSafe(settings: GpioSettings, outputs: readonly LineRef[]): Promise<readonly Outcome[]> {
  try {
    return await makeAllSafe(settings, outputs);
  } catch (thrown) {
    const [ref, second] = outputs;
    if (ref !== undefined && second === undefined) return [{ line: ref.line, error: asError(ref, thrown) }];
    return (await Promise.all(outputs.map((one) => makeSafe(settings, [one])))).flat();
  }
}

function asError({ line }: LineRef, thrown: unknown): CardpadError {
  if (thrown instanceof CardpadError) return thrown;
  return new CardpadError('gpio.failed', 'reject', `Line ${line}: ${messageOf(thrown)}`);
}

/** A gate at work drives its lines itself: from outside nothing may be put in between. */
async function refuseBesideGate(dataDir: string | undefined): Promise<void> {
  // A folder that cannot be read must not keep a relay on.
  const holder =
    dataDir === undefined ? undefined : await lockHolder(join(dataDir, 'run.lock')).catch(() => {});
  if (holder === undefined) return;
  throw new CardpadError(
    'files.in-use',
    'fatal',
    `the gate is running (process ${holder}) and drives its outputs`,
    {
      help: 'Stop the gate: it puts its outputs at their safe level itself.',
    },
  );
}

/** Words and results; resolves to the exit code. */
function tell(outcomes: readonly Outcome[], json: boolean): number {
  const done = outcomes.flatMap((outcome) => ('level' in outcome ? [outcome] : []));
  const failed = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome] : []));
  const words = failed.flatMap(({ error }) => [`${error.message} (${error.code})`, error.help ?? '']);
  for (const line of new Set(words)) if (line !== '') toPeople(`cardpad outputs safe: ${line}`);
  if (json) {
    const failures = failed.map(({ line, error }) => ({ line, code: error.code, problem: error.message }));
    toResults(JSON.stringify({ ok: failed.length === 0, lines: done, failed: failures }));
  } else for (const { line, level } of done) toResults(`${line}: off (electrical ${level})`);
  if (failed.length === 0) return EXIT.done;
  return failed.every(({ error }) => error.disposition === 'retry') ? EXIT.unreachable : EXIT.no;
}

const safe: Command = {
  name: 'safe',
  summary: 'puts every output of a gate that does not run at its safe level',
  help: `usage: cardpad outputs safe --config FILE [--json]

For a gate that died: its service runs this as ExecStopPost. It needs no keys, no journal and no network, and
reads of the configuration nothing but outputs, gpio and dataDir. It does nothing while the gate runs.

  --config FILE   the configuration of the gate
  --json          one JSON document: {"ok": true|false, "lines": [{"line", "level"}],
                  "failed": [{"line", "code", "problem"}]}

Exit codes: 0 every output is off, 1 the gate runs or the configuration is wrong (the outputs that could be
read are off), 3 a line could not be had.

example: cardpad outputs safe --config /etc/cardpad/config.json`,
  results: 'lines',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      config: { type: 'string' },
      json: { type: 'boolean' },
    });
    noMorePositionals(positionals);
    const file = required(values.config, '--config');
    const { gpio, outputs, dataDir, problems } = await readOutputsOnly(file);
    await refuseBesideGate(dataDir);
    // Waiting for a line does not keep a process alive.
    const alive = setInterval(() => {}, 3_600_000);
    const outcomes = gpio === undefined ? [] : await makeSafe(gpio, outputs);
    clearInterval(alive);
    for (const problem of problems) toPeople(`cardpad outputs safe: ${problem}`);
    if (problems.length > 0) toPeople(`Correct ${file}, until this says ok: cardpad config check ${file}`);
    const code = tell(outcomes, values.json ?? false);
    return problems.length > 0 ? EXIT.no : code;
  },
};

export const outputsCommand: CommandGroup = {
  name: 'outputs',
  summary: 'the lines that a gate drives: safe',
  intro: `The lines that a gate drives.

usage: cardpad outputs COMMAND [OPTIONS]
example: cardpad outputs safe --config /etc/cardpad/config.json`,
  commands: [safe],
};
