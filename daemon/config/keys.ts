import * as v from 'valibot';
import { BOARD_BACKENDS } from '../../drivers/gpio/backends.js';
import { isLoopback, parsePortUrl } from '../../drivers/ports/open.js';
import { BROKER_URL, isBrokerUrl } from '../../platform/brokerAccess.js';
import { MQTT_PROTOCOLS } from '../../platform/mqtt/version.js';
import { ASSURANCES, VALIDITIES } from '../../protocol/credential.js';
import { DECIDERS, OUTCOMES } from '../../protocol/verdict.js';
import { DIRECTIONS, LaneNameSchema, SchemesSchema, SiteSchema } from '../../protocol/wire/messages.js';
import { DEVICE_ID } from '../../protocol/wire/topics.js';
import { LANE_MODES, ROW_ACTIONS } from '../lane/policy.js';
import { INPUT_KEYS } from './inputKeys.js';
import { type ConfigKey, LINE, LINE_NAME, LineSchema, milliseconds, text, wholeNumber } from './key.js';

const LineAtSchema = v.strictObject({
  chip: text(/^[\x21-\x7e]{1,31}$/),
  offset: wholeNumber(0, 1023),
  bias: v.optional(v.picklist(['pull-up', 'pull-down', 'disabled'])),
});

const list = <const T extends readonly string[]>(words: T) =>
  v.optional(v.pipe(v.array(v.picklist(words)), v.minLength(1)));
const PolicyRowSchema = v.strictObject({
  outcome: list(OUTCOMES),
  decidedBy: list(DECIDERS),
  assurance: list(ASSURANCES),
  validity: list(VALIDITIES),
  direction: list(DIRECTIONS),
  mode: list(LANE_MODES),
  action: v.picklist(ROW_ACTIONS),
});

const isReaderPort = (url: string) => parsePortUrl(url).ok;

/** Whether a reader's port is a bus, which no kind of reader speaks yet. */
export function isBusPort(url: string): boolean {
  const parsed = parsePortUrl(url);
  return parsed.ok && parsed.port.kind === 'i2c';
}

/** Whether a reader's port is a socket on another machine: who holds that cable can be anyone. */
export function isRemotePort(url: string): boolean {
  const parsed = parsePortUrl(url);
  return parsed.ok && !isLoopback(parsed.port);
}

const oneOf = (words: readonly string[]) => words.map((word) => `"${word}"`).join(' or ');

/** The configuration, key by key. */
export const CONFIG_KEYS: readonly ConfigKey[] = [
  {
    path: 'device',
    schema: text(DEVICE_ID),
    expected: 'a device id: 1 to 63 lower-case letters, digits and hyphens, no hyphen first',
    live: false,
    about: 'Names this device everywhere; the same as at `provision`.',
  },
  {
    path: 'site',
    schema: SiteSchema,
    expected: 'a site id: 1 to 63 lower-case letters, digits and hyphens, no hyphen first',
    live: false,
    about: 'Names the place; visitor rules go by it.',
  },
  {
    path: 'schemes',
    schema: SchemesSchema,
    expected: 'a list of 1 to 8 schemes such as "health-code@1"',
    default: ['health-code@1'],
    live: true,
    about: 'The rule sets at central that a card is checked against; the worst outcome counts.',
  },
  {
    path: 'dataDir',
    schema: text(/^[^\0]{1,256}$/),
    expected: 'the path of a folder',
    live: false,
    about: 'Where `provision` put the keys and where the journal is kept.',
  },
  {
    path: 'lane.name',
    schema: LaneNameSchema,
    expected: '1 to 32 letters, digits, spaces, dots, underscores or hyphens',
    live: true,
    about: 'The name on the lane, for people.',
  },
  {
    path: 'lane.direction',
    schema: v.picklist(DIRECTIONS),
    expected: oneOf(DIRECTIONS),
    live: true,
    about: 'Which way people pass. An exit is never held.',
  },
  {
    path: 'lane.mode',
    schema: v.picklist(LANE_MODES),
    expected: oneOf(LANE_MODES),
    default: 'standard',
    live: true,
    about:
      '`standard` decides by the table; `assisted` is the lane without a health code; `closed` lets nobody in.',
  },
  {
    path: 'lane.policy',
    schema: v.pipe(v.array(PolicyRowSchema), v.maxLength(64)),
    expected:
      'a list of rows {outcome, decidedBy, assurance, validity, direction, mode: lists of words; action: one word}',
    default: [],
    live: true,
    about: 'Rows that come before the default table; the first row that fits decides.',
  },
  {
    path: 'lane.deadlineMs',
    schema: milliseconds(300, 5000),
    expected: 'a whole number from 300 to 5000',
    default: 1500,
    unit: 'ms',
    live: true,
    about: 'How long a verdict is waited for before the gate decides by itself.',
  },
  {
    path: 'lane.dwellMs',
    schema: milliseconds(3000, 30_000),
    expected: 'a whole number from 3000 to 30000',
    default: 3000,
    unit: 'ms',
    live: true,
    about: 'How long an outcome stays shown, unless a next card comes.',
  },
  {
    path: 'lane.sameCardMs',
    schema: milliseconds(1000, 60_000),
    expected: 'a whole number from 1000 to 60000',
    default: 3000,
    unit: 'ms',
    live: true,
    about: 'The same identity counts again this long after it was last seen.',
  },
  {
    path: 'lane.passageMs',
    schema: milliseconds(1000, 60_000),
    expected: 'a whole number from 1000 to 60000',
    default: 8000,
    unit: 'ms',
    live: true,
    about:
      'How long after the gate was opened a passage, or the opening of the door, belongs to that opening. Turnstiles wait 5 s, speed gates 8 s.',
  },
  {
    path: 'lane.doorHeldMs',
    schema: milliseconds(5000, 600_000),
    expected: 'a whole number from 5000 to 600000',
    default: 20_000,
    unit: 'ms',
    live: true,
    about: 'How long the door may stay open before that is an alarm.',
  },
  {
    path: 'lane.callMs',
    schema: milliseconds(10_000, 600_000),
    expected: 'a whole number from 10000 to 600000',
    default: 30_000,
    unit: 'ms',
    live: true,
    about: 'How long a person stays called by the help button, or for a door.',
  },
  {
    path: 'broker.url',
    schema: v.pipe(v.string(), v.check(isBrokerUrl)),
    expected: BROKER_URL,
    live: false,
    about: 'The MQTT broker. Keep the login out of it: username and passwordFile are there for that.',
  },
  {
    path: 'broker.protocol',
    schema: v.picklist(MQTT_PROTOCOLS),
    expected: oneOf(MQTT_PROTOCOLS),
    default: 'auto',
    live: false,
    about: 'The version of MQTT. `auto` is 5 where the broker speaks it, else 3.1.1.',
  },
  {
    path: 'broker.username',
    schema: text(/^\P{Cc}{1,256}$/u),
    expected: '1 to 256 characters',
    optional: true,
    live: false,
    about: 'The user at the broker.',
  },
  {
    path: 'broker.passwordFile',
    schema: text(/^[^\0]{1,256}$/),
    expected: 'the path of a file',
    optional: true,
    live: false,
    about: 'A file that holds the password, readable by its owner alone.',
  },
  {
    path: 'broker.caFile',
    schema: text(/^[^\0]{1,256}$/),
    expected: 'the path of a file',
    optional: true,
    live: false,
    about: "The certificate authority of an mqtts broker (PEM), where it is not the system's.",
  },
  {
    path: 'readers[].kind',
    schema: v.picklist(['id-card']),
    expected: '"id-card"',
    live: false,
    about: 'What kind of reader it is.',
  },
  {
    path: 'readers[].port',
    schema: v.pipe(v.string(), v.check(isReaderPort)),
    expected: 'serial:/dev/NAME?baud=115200 or tcp://HOST:PORT',
    live: false,
    about: 'Where the reader is connected.',
  },
  {
    path: 'readers[].allowNetwork',
    schema: v.boolean(),
    expected: 'true or false',
    default: false,
    live: false,
    about: 'Allows a port on another machine. Whoever can reach that connection can pretend to be anybody.',
  },
  {
    path: 'readers[].pollMs',
    schema: milliseconds(100, 2000),
    expected: 'a whole number from 100 to 2000',
    default: 300,
    unit: 'ms',
    live: false,
    about: 'How often the pad is asked for a card; modules want 300 or more.',
  },
  {
    path: 'gpio.backend',
    schema: v.union([v.picklist(BOARD_BACKENDS), text(/^sim:[^\0]{1,256}$/)]),
    expected: `${oneOf(BOARD_BACKENDS)} or sim:FOLDER`,
    live: false,
    about:
      'Who drives the lines: `sysfs:` or `gpiochip:` (the character device) of the kernel, `auto:` whichever of the two serves, sysfs first; `sim:FOLDER` keeps a file a line in that folder.',
  },
  {
    path: 'gpio.lines.{}',
    schema: LineAtSchema,
    expected:
      '{"chip": LABEL, "offset": NUMBER}; for an input also "bias": "pull-up", "pull-down" or "disabled"',
    optional: true,
    live: false,
    about:
      'Where a line is, by its name: the label of its chip and the number on that chip. `raspberry-pi` as chip is the header of every Pi from Zero to 5, by BCM numbers. Not needed for `sim:`.',
  },
  {
    path: 'outputs.lamps.{}',
    schema: LineSchema,
    expected: LINE,
    live: false,
    about: 'The lamps by name: green, yellow, red, and white where there is one.',
  },
  {
    path: 'outputs.buzzer',
    schema: LineSchema,
    expected: LINE,
    optional: true,
    live: false,
    about: 'The buzzer.',
  },
  {
    path: 'outputs.staff',
    schema: LineSchema,
    expected: LINE,
    optional: true,
    live: false,
    about: 'A line that is on while a person is called: a bell or a beacon at the desk.',
  },
  {
    path: 'outputs.gate.line',
    schema: text(LINE_NAME),
    expected: 'the name of a GPIO line',
    live: false,
    about: 'The relay that frees the gate.',
  },
  {
    path: 'outputs.gate.activeLow',
    schema: v.boolean(),
    expected: 'true or false',
    default: false,
    live: false,
    about: 'The relay board energises on low.',
  },
  {
    path: 'outputs.gate.pulseMs',
    schema: milliseconds(100, 1000),
    expected: 'a whole number from 100 to 1000',
    default: 300,
    unit: 'ms',
    live: false,
    about: 'How long the relay is on for one person.',
  },
  {
    path: 'outputs.gate.whenFire',
    schema: v.picklist(['hold', 'leave']),
    expected: '"hold" or "leave"',
    default: 'hold',
    live: false,
    about:
      'Whether the relay is held on while the fire input is active. `leave` is for a controller that takes pulses alone; the wires of the fire alarm free the gate in both cases.',
  },
  ...INPUT_KEYS,
  {
    path: 'journal.durableWaitMs',
    schema: milliseconds(100, 2000),
    expected: 'a whole number from 100 to 2000',
    default: 500,
    unit: 'ms',
    live: true,
    about: 'How long the relay waits for the tap to be on disk.',
  },
  {
    path: 'journal.whenNotDurable',
    schema: v.picklist(['call-staff', 'open']),
    expected: '"call-staff" or "open"',
    default: 'call-staff',
    live: true,
    about: 'What an entry does when the tap cannot be written to disk. An exit opens always.',
  },
  {
    path: 'journal.flushWithinMs',
    schema: milliseconds(0, 10_000),
    expected: 'a whole number from 0 to 10000',
    default: 2000,
    unit: 'ms',
    live: false,
    about:
      'How long the record of an outcome, written at once, may wait to be flushed with the next tap: fewer flushes, and a power cut leaves fewer than so many milliseconds of outcomes unknown. A tap itself never waits.',
  },
  {
    path: 'journal.maxRecords',
    schema: wholeNumber(1_000, 5_000_000),
    expected: 'a whole number from 1000 to 5000000',
    default: 250_000,
    live: false,
    about:
      'How many events are kept on disk. When full, first those go that central has, then the least important of the oldest; what was dropped is recorded.',
  },
  {
    path: 'journal.maxMb',
    schema: wholeNumber(4, 100_000),
    expected: 'a whole number from 4 to 100000',
    default: 256,
    live: false,
    about:
      'How many millions of bytes the journal may take on disk. An event takes about 0.7 KB. Keep it well below the size of the disk.',
  },
  {
    path: 'journal.retentionHours',
    schema: wholeNumber(0, 336),
    expected: 'a whole number from 0 to 336',
    default: 72,
    live: false,
    about:
      'How long what central has stays on disk, for a central that is restored from a backup; until room is needed, and 14 days at most.',
  },
];
