import type { LinePlan, LineRef } from '../drivers/gpio/gpio.js';
import { type Config, INPUT_NAMES } from './config/config.js';

/** Every line that a gate drives, the relay first. */
export function outputLines({ gate, lamps, buzzer, staff }: Config['outputs']): readonly LineRef[] {
  return [gate, ...Object.values(lamps), buzzer, staff].filter((line) => line !== undefined);
}

/** Every line that a gate uses. */
export function linePlan({ outputs, inputs }: Config): LinePlan {
  return { outputs: outputLines(outputs), inputs: INPUT_NAMES.flatMap((name) => inputs[name] ?? []) };
}
