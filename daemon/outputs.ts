import { Buzzer } from '../drivers/buzzer.js';
import { Gate } from '../drivers/gate.js';
import type { Gpio, OutputLine } from '../drivers/gpio/gpio.js';
import { Lamps } from '../drivers/lamps.js';
import type { SafeOutput } from '../drivers/safety.js';
import type { Clock } from '../platform/clock.js';
import type { Config } from './config/config.js';

/** Everything that a gate drives. */
export interface Outputs {
  readonly gate: Gate;
  readonly lamps: Lamps;
  readonly buzzer: Buzzer | undefined;
  readonly staff: OutputLine | undefined;
  /** All of them, the gate first. */
  readonly all: readonly SafeOutput[];
  close(): void;
}

/** Opens the lines, each at its safe level; the gate first: whatever fails after it, the relay is off. */
export function openOutputs({ outputs }: Config, gpio: Gpio, clock: Clock): Outputs {
  const gate = new Gate(gpio.output(outputs.gate, 'off'), clock, { pulseMs: outputs.gate.pulseMs });
  const lines = Object.entries(outputs.lamps).map(([name, line]): [string, OutputLine] => [
    name,
    gpio.output(line, 'off'),
  ]);
  const lamps = new Lamps(Object.fromEntries(lines), clock);
  const buzzer =
    outputs.buzzer === undefined ? undefined : new Buzzer(gpio.output(outputs.buzzer, 'off'), clock);
  const staff = outputs.staff === undefined ? undefined : gpio.output(outputs.staff, 'off');
  const all: SafeOutput[] = [gate, lamps];
  if (buzzer !== undefined) all.push(buzzer);
  if (staff !== undefined) all.push({ safe: () => staff.set(false) });
  return { gate, lamps, buzzer, staff, all, close: () => gpio.close() };
}
