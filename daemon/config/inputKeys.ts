import { type ConfigKey, LINE, LineSchema, milliseconds } from './key.js';

/** What a gate listens to. */
export const INPUT_KEYS: readonly ConfigKey[] = [
  {
    path: 'inputs.help',
    schema: LineSchema,
    expected: LINE,
    optional: true,
    live: false,
    about: 'The help button.',
  },
  {
    path: 'inputs.fire',
    schema: LineSchema,
    expected: LINE,
    optional: true,
    live: false,
    about:
      'A contact of the fire alarm. A loop that is closed at rest, so that a broken wire counts as fire, is active when it opens.',
  },
  {
    path: 'inputs.passage',
    schema: LineSchema,
    expected: LINE,
    optional: true,
    live: false,
    about:
      "The passage sensor, or the turnstile's PASS output: active once for each person who walks through.",
  },
  {
    path: 'inputs.door',
    schema: LineSchema,
    expected: LINE,
    optional: true,
    live: false,
    about: 'The door contact: active while the door is open.',
  },
  {
    path: 'inputs.debounceMs',
    schema: milliseconds(5, 50),
    expected: 'a whole number from 5 to 50',
    default: 30,
    unit: 'ms',
    live: false,
    about:
      'What is shorter is the bouncing of a contact. An input that is active for 400 ms is never missed.',
  },
];
