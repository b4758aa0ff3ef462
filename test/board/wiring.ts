/** The numbers of the lines on the chip, as somebody would wire a Pi's header. */
export const OFFSETS = {
  gate: 17,
  yellow: 22,
  red: 23,
  buzzer: 24,
  staff: 25,
  green: 27,
  help: 5,
  fire: 6,
} as const;

export type LineName = keyof typeof OFFSETS;
export type Backend = 'sysfs:' | 'gpiochip:' | 'auto:';

export interface ConfigChoices {
  readonly device: string;
  readonly backend: Backend;
  readonly readerPort: string;
  readonly pulseMs: number;
  /** Those that are wired. */
  readonly inputs?: readonly ('help' | 'fire')[];
}

export const UART_PORT = 'serial:/dev/ttyS1?baud=115200';

/** /etc/cardpad/config.json of the board. */
export function boardConfig({ device, backend, readerPort, pulseMs, inputs = [] }: ConfigChoices): string {
  const lines = Object.fromEntries(
    Object.entries(OFFSETS).map(([name, offset]) => [name, { chip: 'raspberry-pi', offset }]),
  );
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
