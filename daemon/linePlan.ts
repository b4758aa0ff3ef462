import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinePlan, LineRef } from '../drivers/gpio/gpio.js';
import type { Patience } from '../drivers/gpio/ready.js';
import { SAFE_PLAN, safePlanText, type WillDrive } from '../drivers/gpio/safePlan.js';
import type { Log } from '../platform/log.js';
import { messageOf } from '../protocol/errors.js';
import { type Config, INPUT_NAMES } from './config/config.js';

/** Every line that a gate drives, the relay first. */
export function outputLines({ gate, lamps, buzzer, staff }: Config['outputs']): readonly LineRef[] {
  return [gate, ...Object.values(lamps), buzzer, staff].filter((line) => line !== undefined);
}

/** Every line that a gate uses. */
export function linePlan({ outputs, inputs }: Config): LinePlan {
  return { outputs: outputLines(outputs), inputs: INPUT_NAMES.flatMap((name) => inputs[name] ?? []) };
}

/** What systemd gives a service for its run (systemd.exec(5)). */
export interface RunEnvironment {
  readonly RUNTIME_DIRECTORY?: string | undefined;
  readonly INVOCATION_ID?: string | undefined;
}

/**
 * Leaves behind what puts the outputs off when this process is killed: `SAFE_SCRIPT`, which the service runs then, has no
 * time to read a configuration. Does nothing outside of a service.
 */
export function planKeeper(
  { RUNTIME_DIRECTORY: folder, INVOCATION_ID: run }: RunEnvironment,
  log: Log,
): WillDrive {
  if (folder === undefined || run === undefined || !/^[0-9a-f]{32}$/.test(run)) return () => {};
  return (lines) => {
    const path = join(folder, SAFE_PLAN);
    try {
      writeFileSync(`${path}.new`, safePlanText(run, lines), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (thrown) {
      log.warn('the plan for a kill cannot be written', { problem: messageOf(thrown) });
    }
  };
}

/**
 * For the udev of a board that is busy with its start: the service manager is told meanwhile that the start goes on. Less
 * than it gives a stop, which is not heard before.
 */
const READY_WITHIN_MS = 20_000;

/** How a gate waits for its lines. */
export function linePatience(log: Log): Patience {
  return {
    withinMs: READY_WITHIN_MS,
    onSlow: ({ code, message, help }) =>
      log.warn('still waiting for a line', { code, problem: message, help }),
  };
}
