import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Gpio, LineRef } from '../../../drivers/gpio/gpio.js';
import type { Checks, Tests } from '../../support/checks.js';
import { until } from '../../support/waiting.js';
import { type Board, newBoard } from './boards.js';

const GATE: LineRef = { line: 'gate' };
const LOW: LineRef = { line: 'low', activeLow: true };
const HELP: LineRef = { line: 'help' };
const FIRE: LineRef = { line: 'fire', activeLow: true };
const PLAN = { outputs: [GATE, LOW], inputs: [HELP, FIRE] };

interface Opened {
  readonly board: Board;
  readonly dir: string;
  readonly gpio: Gpio;
}

/** What every GPIO must do, as seen at the terminals. */
export async function gpioContract(t: Tests, kind: string): Promise<void> {
  const start = (t: Checks) => {
    const { board, dir } = newBoard(kind);
    t.teardown(() => board.remove());
    board.drive('help', 0);
    board.drive('fire', 1);
    return { board, dir };
  };
  const open = async (t: Checks): Promise<Opened> => {
    const { board, dir } = start(t);
    const gpio = await board.open(PLAN);
    t.teardown(() => gpio.close());
    return { board, dir, gpio };
  };

  await t.test(
    `${kind} outputs are at their safe level once they are open, and never at the other`,
    async (t) => {
      const { board, gpio } = await open(t);
      gpio.output(GATE, 'off');
      gpio.output(LOW, 'off');
      await until(() => board.level('gate') === 0 && board.level('low') === 1, 'the safe levels');
      if (board.trace === undefined) return;
      t.ok(/^0+$/.test(board.trace('gate')), `active high: ${board.trace('gate')}`);
      t.ok(/^1+$/.test(board.trace('low')), `active low: ${board.trace('low')}`);
    },
  );

  for (const [ref, off, on] of [
    [GATE, 0, 1],
    [LOW, 1, 0],
  ] as const) {
    await t.test(`${kind} ${ref.line} is switched on and off`, async (t) => {
      const { board, gpio } = await open(t);
      const line = gpio.output(ref, 'off');
      for (const isOn of [true, false, true, false]) {
        line.set(isOn);
        t.equal(line.isOn, isOn);
        await until(() => board.level(ref.line) === (isOn ? on : off), `${ref.line} ${isOn}`);
      }
    });
  }

  await t.test(
    `${kind} closing drives outputs to their safe level, and only off can be set then`,
    async (t) => {
      const { board, gpio } = await open(t);
      const gate = gpio.output(GATE, 'off');
      const low = gpio.output(LOW, 'off');
      gate.set(true);
      low.set(true);
      gpio.close();
      gpio.close();
      gate.set(false);
      t.throws(() => gate.set(true), { code: 'gpio.closed' });
      await until(() => board.level('gate') === 0, 'the gate is shut');
      const { trace } = board;
      if (trace !== undefined) await until(() => trace('low').endsWith('1'), 'and the other is off');
    },
  );

  await t.test(`${kind} lines are there again for the next start`, async (t) => {
    const { board, gpio } = await open(t);
    gpio.output(GATE, 'off').set(true);
    gpio.input(HELP, () => {});
    gpio.close();
    const next = await board.open(PLAN);
    t.teardown(() => next.close());
    const gate = next.output(GATE, 'off');
    await until(() => board.level('gate') === 0, 'off');
    gate.set(true);
    await until(() => board.level('gate') === 1, 'on again');
  });

  await t.test(`${kind} one line for two uses is refused`, async (t) => {
    const { gpio } = await open(t);
    gpio.output(GATE, 'off');
    t.throws(() => gpio.output(GATE, 'off'), { code: 'gpio.line-in-use' });
    t.throws(() => gpio.input(GATE, () => {}), { code: 'gpio.line-in-use' });
    t.throws(() => gpio.output({ line: '../gate' }, 'off'), { code: 'gpio.line-name' });
  });

  await t.test(`${kind} a state found at opening is no edge; each change is one`, async (t) => {
    const { board } = start(t);
    board.drive('help', 1);
    const gpio = await board.open(PLAN);
    t.teardown(() => gpio.close());
    const edges: string[] = [];
    const help = gpio.input(HELP, (on) => edges.push(`help ${on}`));
    const fire = gpio.input(FIRE, (on) => edges.push(`fire ${on}`));
    t.same([help.isOn, fire.isOn], [true, false]);
    board.drive('fire', 0);
    await until(() => edges.length === 1, 'fire');
    board.drive('help', 0);
    await until(() => edges.length === 2, 'help let go');
    board.drive('fire', 1);
    await until(() => edges.length === 3, 'fire over');
    t.same(edges, ['fire true', 'help false', 'fire false']);
    t.same([help.isOn, fire.isOn], [false, false]);
  });

  await t.test(`${kind} an input active for 400 ms is seen to come and to go, each time`, async (t) => {
    const { board, gpio } = await open(t);
    const edges: boolean[] = [];
    gpio.input(HELP, (on) => edges.push(on));
    for (let press = 0; press < 3; press++) {
      board.drive('help', 1);
      await passing(400);
      board.drive('help', 0);
      await passing(400);
    }
    await until(() => edges.length >= 6, 'three presses');
    t.same(edges, [true, false, true, false, true, false]);
  });

  await pulses(t, kind, open);
  await killed(t, kind, start);
}

/** Lets real time pass: that is what the contract is about. */
async function passing(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  await until(() => performance.now() >= endMs, 'time to pass');
}

async function pulses(t: Tests, kind: string, open: (t: Checks) => Promise<Opened>): Promise<void> {
  await t.test(
    `${kind} a contact that bounces is told in turn, and ends in the state that it shows`,
    async (t) => {
      const { board, gpio } = await open(t);
      const edges: boolean[] = [];
      const help = gpio.input(HELP, (on) => edges.push(on));
      for (let bounce = 0; bounce < 5; bounce++) {
        board.drive('help', 1);
        board.drive('help', 0);
      }
      board.drive('help', 1);
      await until(() => help.isOn, 'the state that it ends in');
      t.ok(
        edges.every((on, index) => on === (index % 2 === 0)),
        edges.join(),
      );
    },
  );

  await t.test(`${kind} a contact that was on and off before anybody looked is told as both`, async (t) => {
    const { board, gpio } = await open(t);
    if (!board.seesPulses) return;
    const edges: boolean[] = [];
    gpio.input(HELP, (on) => edges.push(on));
    board.drive('help', 1);
    board.drive('help', 0);
    await until(() => edges.length === 2, 'both edges');
    t.same(edges, [true, false]);
  });
}

async function killed(
  t: Tests,
  kind: string,
  start: (t: Checks) => { board: Board; dir: string },
): Promise<void> {
  const hold = async (t: Checks) => {
    const { board, dir } = start(t);
    const child = fork(new URL('held.js', import.meta.url), [kind, dir], { stdio: 'inherit' });
    t.teardown(() => child.kill('SIGKILL'));
    const [word] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    t.equal(word, 'open');
    await until(() => board.level('gate') === 1 && board.level('low') === 0, 'the gate is open');
    return { board, child };
  };

  await t.test(
    `${kind} after kill -9 an output ${boardWord(kind)}; the next start puts it off`,
    async (t) => {
      const { board, child } = await hold(t);
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      if (board.afterKill === 'stays') {
        await passing(300);
        t.same([board.level('gate'), board.level('low')], [1, 0]);
      } else {
        await until(() => board.level('gate') === 0 && board.level('low') === 1, 'both off');
      }
      const gpio = await board.open({ outputs: [GATE, LOW], inputs: [] });
      for (const ref of [GATE, LOW]) gpio.output(ref, 'off');
      await until(() => board.level('gate') === 0 && board.level('low') === 1, 'both off again');
      gpio.close();
    },
  );

  await t.test(`${kind} what is set in the last moment of a process is set`, async (t) => {
    const { board, child } = await hold(t);
    const gone = once(child, 'exit');
    child.send('exit');
    await gone;
    await until(() => board.level('gate') === 0, 'the gate is shut');
  });
}

const boardWord = (kind: string): string =>
  kind === 'fake:' || kind === 'gpiochip:' ? 'is driven to its safe level' : 'stays as it was';
