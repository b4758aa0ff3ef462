import { DebouncedInput, Turns } from '../drivers/debounced.js';
import type { Gpio } from '../drivers/gpio/gpio.js';
import type { Clock } from '../platform/clock.js';
import type { Config, InputName, Line } from './config/config.js';
import type { LaneInput } from './lane/state.js';

/** What a change of a line, or its state at the start, is to the lane. */
type Meaning = (isOn: boolean, nowMs: number, wasFound: boolean) => LaneInput | undefined;

const MEANINGS: Readonly<Record<InputName, Meaning>> = {
  fire: (isActive, nowMs) => ({ type: 'fire', nowMs, isActive }),
  help: (isPressed, nowMs) => ({ type: 'help', nowMs, isPressed }),
  door: (isOpen, nowMs, wasFound) => ({ type: 'door', nowMs, isOpen, wasFound }),
  // One passage is one rise; who stands in the sensor at the start came before it.
  passage: (isOn, nowMs, wasFound) => (isOn && !wasFound ? { type: 'passage', nowMs } : undefined),
};

/**
 * A fire is over when its contact has been quiet for so long: a loose wire must not have the gate shut and open in front
 * of people.
 */
const FIRE_RELEASE_MS = 1000;

/** Fire first: nothing else is heard before the lane is free. */
const ORDER: readonly InputName[] = ['fire', 'help', 'door', 'passage'];

export interface InputsOptions {
  readonly inputs: Config['inputs'];
  readonly gpio: Pick<Gpio, 'input'>;
  readonly clock: Clock;
  readonly dispatch: (input: LaneInput) => void;
}

/**
 * Listens to the gate's inputs, and tells the lane at once of those that are active already.
 * @returns stops listening
 * @throws CardpadError of `Gpio.input`
 */
export function openInputs({ inputs, gpio, clock, dispatch }: InputsOptions): () => void {
  const wired = ORDER.flatMap((name) => {
    const line = inputs[name];
    return line === undefined ? [] : [{ name, line }];
  });
  if (wired.length === 0) return () => {};
  const turns = new Turns(clock);
  const opened: DebouncedInput[] = [];
  const stop = () => {
    turns.stop();
    for (const input of opened) input.stop();
  };
  const listen = (name: InputName, line: Line) => {
    const tell = (isOn: boolean, wasFound: boolean) => {
      const input = MEANINGS[name](isOn, clock.monotonicMs(), wasFound);
      if (input !== undefined) dispatch(input);
    };
    const releaseMs = name === 'fire' ? FIRE_RELEASE_MS : undefined;
    const options = { debounceMs: inputs.debounceMs, releaseMs, clock, turns };
    const input = new DebouncedInput(gpio, line, options, (isOn) => tell(isOn, false));
    opened.push(input);
    if (input.isOn) tell(true, true);
  };
  try {
    for (const { name, line } of wired) listen(name, line);
  } catch (thrown) {
    stop();
    throw thrown;
  }
  return stop;
}
