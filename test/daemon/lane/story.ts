import t from 'tap';
import { LaneBench } from './bench.js';

/** Name, then what happens and what the lane orders at each step. */
export type Story = readonly (readonly [(bench: LaneBench) => LaneBench, readonly string[]])[];

export function tell(name: string, settings: ConstructorParameters<typeof LaneBench>[0], story: Story): void {
  t.test(name, async (t) => {
    const bench = new LaneBench(settings);
    for (const [happen, expected] of story) {
      happen(bench);
      t.same(bench.take(), expected);
    }
  });
}

export const tapped = (tap: number, withinMs = 1500) => [
  'reading',
  'uploads paused',
  'checking',
  `tap ${tap}`,
  `ask ${tap} within ${withinMs}`,
];
export const TAPPED = tapped(1);
export const decided = (tap: number, line: string) => `verdict ${tap} ${line}`;
export const BARRED = 'central pass call-staff test.pass+journal.not-durable';
export const CENTRAL_PASS = 'central pass open test.pass';
export const OFFLINE_OPEN = 'local undetermined open sys.offline';
export const NOTHING: readonly string[] = [];
