import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { guardOutputs } from '../../drivers/safety.js';

const root = new URL('../../', import.meta.url).href;

/** Runs a program with an open gate that ends in `ending`, and gives its exit code and the gate's level. */
async function endOf(ending: string): Promise<{ code: number | null; level: string; stderr: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'cardpad-safety-'));
  const program = `
    const { SimulatedGpio } = await import('${root}drivers/gpio/simulated.js');
    const { Gate } = await import('${root}drivers/gate.js');
    const { guardOutputs } = await import('${root}drivers/safety.js');
    const { systemClock } = await import('${root}platform/clock.js');
    const gate = new Gate(new SimulatedGpio(process.argv[1], systemClock).output({ line: 'gate' }, 'off'), systemClock, { pulseMs: 1000 });
    guardOutputs([gate]);
    setInterval(() => {}, 10_000);
    gate.pulse();
    ${ending}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH },
  });
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const trace = readFileSync(join(dir, 'trace.ndjson'), 'utf8').trimEnd().split('\n');
  t.equal(trace.length, 2, 'the gate was opened and shut');
  const level = readFileSync(join(dir, 'gate'), 'latin1');
  rmSync(dir, { recursive: true });
  return { code, level, stderr };
}

for (const { name, ending, expectedCode } of [
  { name: 'that exits', ending: 'process.exit(0)', expectedCode: 0 },
  { name: 'that throws', ending: 'throw new Error("on purpose")', expectedCode: 1 },
  {
    name: 'that throws out of a timer',
    ending: 'setTimeout(() => { throw new Error("on purpose") }, 1)',
    expectedCode: 1,
  },
  {
    name: 'that leaves a rejection unhandled',
    ending: 'setTimeout(() => { Promise.reject(new Error("on purpose")) }, 1)',
    expectedCode: 1,
  },
]) {
  t.test(`a program ${name} leaves the gate shut`, async (t) => {
    const { code, level, stderr } = await endOf(ending);
    t.equal(level, '0');
    t.equal(code, expectedCode);
    if (expectedCode === 1) t.match(stderr, /on purpose/, 'and its error can be read');
  });
}

t.test('an output that cannot be made safe does not keep the next one from it', async (t) => {
  const events = new EventEmitter();
  const made: string[] = [];
  const broken = {
    safe: () => {
      throw new Error('no');
    },
  };
  guardOutputs([broken, { safe: () => made.push('gate') }], events);
  events.emit('exit');
  events.emit('uncaughtExceptionMonitor', new Error('x'));
  t.same(made, ['gate', 'gate']);
});

t.test('an unhandled rejection is thrown on', async (t) => {
  const events = new EventEmitter();
  const made: string[] = [];
  guardOutputs([{ safe: () => made.push('gate') }], events);
  t.throws(() => events.emit('unhandledRejection', new Error('why')), { message: 'why' });
  t.same(made, ['gate']);
});

t.test('taken off, the guard listens no more', async (t) => {
  const events = new EventEmitter();
  const unguard = guardOutputs([{ safe: () => t.fail('guarded still') }], events);
  unguard();
  events.emit('exit');
  t.same(events.eventNames(), []);
});
