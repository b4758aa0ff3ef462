import type { OutputLine } from '../../drivers/gpio/gpio.js';
import type { Clock } from '../../platform/clock.js';

export interface Edge {
  readonly atMs: number;
  readonly on: boolean;
}

/** An output that remembers its edges. */
export class RecordedLine implements OutputLine {
  readonly edges: Edge[] = [];
  isOn = false;

  constructor(
    readonly name: string,
    private readonly clock: Clock,
  ) {}

  set(on: boolean): void {
    if (on === this.isOn) return;
    this.isOn = on;
    this.edges.push({ atMs: this.clock.monotonicMs(), on });
  }

  /** The edges as `+0 -300`: on at 0 ms, off at 300 ms. */
  get drawn(): string {
    return this.edges.map(({ atMs, on }) => `${on ? '+' : '-'}${atMs}`).join(' ');
  }
}
