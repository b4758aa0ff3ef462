import t from 'tap';
import { HelloQueue } from '../../../central/session/helloQueue.js';
import { ManualClock } from '../../../platform/clock.js';
import { settle } from '../../support/waiting.js';

const AT_WORK = 4;

class Bench {
  readonly clock = new ManualClock();
  readonly drops: string[] = [];
  readonly begun: string[] = [];
  readonly ended: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly queue = new HelloQueue(this.clock, (device, reason) => this.drops.push(`${device} ${reason}`));

  add(device: string, name = device): void {
    const work = () =>
      new Promise<void>((resolve) => {
        this.begun.push(name);
        this.#ends.set(name, resolve);
      });
    void this.queue.add(device, work).then(() => this.ended.push(name));
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    await settle(2);
  }

  /** As many devices as are worked on at once. */
  fill(): void {
    for (let i = 0; i < AT_WORK; i++) this.add(`busy-${i}`);
  }
}

t.test('a few are at work at once, the others wait and follow in order of coming', async (t) => {
  const bench = new Bench();
  bench.fill();
  for (const name of ['a', 'b', 'c']) {
    bench.clock.advance(1);
    bench.add(name);
  }
  t.equal(bench.begun.length, AT_WORK);
  for (let i = 0; i < 3; i++) await bench.end(`busy-${i}`);
  t.same(bench.begun.slice(AT_WORK), ['a', 'b', 'c']);
  t.same(bench.ended, ['busy-0', 'busy-1', 'busy-2']);
});

t.test('a hello whose gate has given up is no work any more', async (t) => {
  const bench = new Bench();
  bench.fill();
  bench.add('old');
  bench.clock.advance(2_000);
  bench.add('newer');
  bench.clock.advance(1_500);
  await bench.end('busy-0');
  t.same(bench.drops, ['old stale']);
  t.same(bench.begun.slice(AT_WORK), ['newer']);
  t.ok(bench.ended.includes('old'), 'and nobody waits for it');
});

t.test('of one gate the newest hello counts, and it waits for the one at work', async (t) => {
  const bench = new Bench();
  bench.add('a', 'a1');
  bench.add('a', 'a2');
  bench.add('a', 'a3');
  t.same(bench.begun, ['a1']);
  t.same(bench.drops, ['a superseded']);
  await bench.end('a1');
  t.same(bench.begun, ['a1', 'a3']);
});

t.test('who was not served last time comes before who asks for the first time', async (t) => {
  const bench = new Bench();
  bench.fill();
  bench.add('patient', 'patient-1');
  bench.clock.advance(4_000);
  bench.add('newcomer');
  bench.clock.advance(1_000);
  bench.add('patient', 'patient-2');
  await bench.end('busy-0');
  t.same(bench.begun.slice(AT_WORK), ['patient-2']);
  await bench.end('patient-2');
  bench.clock.advance(1);
  bench.add('patient', 'patient-3');
  await bench.end('busy-1');
  t.same(bench.begun.slice(AT_WORK), ['patient-2', 'newcomer', 'patient-3'], 'once served it is one of many');
});

t.test('what waits is bounded', (t) => {
  const bench = new Bench();
  bench.fill();
  for (let i = 0; i < 5_000; i++) bench.add(`gate-${i}`);
  t.equal(bench.drops.length, 5_000 - 4_096);
  t.equal(bench.drops.at(-1), 'gate-4999 busy');
  t.end();
});
