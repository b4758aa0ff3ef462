import type { Architecture } from './machine/arguments.js';

export type LineName = 'gate' | 'green' | 'yellow' | 'red' | 'buzzer' | 'staff' | 'help' | 'fire';
export type Backend = 'sysfs:' | 'gpiochip:' | 'auto:';

/** What is where on a board. */
export interface Wiring {
  /** What a configuration calls the chip. */
  readonly chip: string;
  /** The numbers of the lines on the chip. */
  readonly offsets: Readonly<Partial<Record<LineName, number>>>;
  /** The serial line that the reader is on. */
  readonly uart: string;
}

export const WIRINGS: Readonly<Record<Architecture, Wiring>> = {
  // As somebody would wire a Pi's header.
  amd64: {
    chip: 'raspberry-pi',
    offsets: { gate: 17, yellow: 22, red: 23, buzzer: 24, staff: 25, green: 27, help: 5, fire: 6 },
    uart: 'serial:/dev/ttyS1?baud=115200',
  },
  // Eight lines, of which number 3 is the power key.
  arm64: {
    chip: '9030000.pl061',
    offsets: { green: 0, yellow: 1, red: 2, buzzer: 4, gate: 5, staff: 6, help: 7 },
    uart: 'serial:/dev/ttyS0?baud=115200',
  },
};

/** @throws Error where that board has no such line */
export function offsetOf({ offsets }: Wiring, line: LineName): number {
  const offset = offsets[line];
  if (offset === undefined) throw new Error(`this board has no line ${line}`);
  return offset;
}

export interface ConfigChoices {
  readonly device: string;
  readonly backend: Backend;
  readonly readerPort: string;
  readonly pulseMs: number;
  /** Those that are wired. */
  readonly inputs?: readonly ('help' | 'fire')[];
}

/** /etc/cardpad/config.json of the board. */
export function boardConfig({ chip, offsets }: Wiring, choices: ConfigChoices): string {
  const { device, backend, readerPort, pulseMs, inputs = [] } = choices;
  const lines = Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, { chip, offset }]));
  return JSON.stringify(
    {
      device,
      site: 'board',
      lane: { name: 'A1', direction: 'entry' },
      broker: { url: 'mqtt://10.0.2.100:1883' },
      readers: [{ kind: 'id-card', port: readerPort, pollMs: 300 }],
      gpio: { backend, lines },
      outputs: {
        lamps: { green: 'green', yellow: 'yellow', red: 'red' },
        buzzer: 'buzzer',
        staff: 'staff',
        gate: { line: 'gate', pulseMs },
      },
      ...(inputs.length === 0 ? {} : { inputs: Object.fromEntries(inputs.map((name) => [name, name])) }),
      dataDir: '/var/lib/cardpad',
    },
    undefined,
    2,
  );
}
