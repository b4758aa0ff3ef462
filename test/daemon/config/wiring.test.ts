import t from 'tap';
import { errorLine, readConfig } from '../../../daemon/config/config.js';
import { MINIMAL, withValue } from './samples.js';

const at = (offset: number, chip = 'raspberry-pi') => ({ chip, offset });
const LINES = { green: at(5), yellow: at(6), red: at(13), buzzer: at(19), gate: at(26) };
const BOARD = withValue('gpio', { backend: 'auto:', lines: LINES });

const problems = (document: unknown) => {
  const result = readConfig(document);
  return result.ok ? [] : result.errors.map(errorLine);
};

for (const backend of ['auto:', 'sysfs:', 'gpiochip:']) {
  t.test(`${backend} with a place for every line is a right configuration`, async (t) => {
    t.same(problems(withValue('gpio.backend', backend, BOARD)), []);
  });

  t.test(`${backend} without a line that is used is refused, by the path of its use`, async (t) => {
    const document = withValue('gpio.lines.gate', undefined, withValue('gpio.backend', backend, BOARD));
    t.same(problems(document), [
      'outputs.gate: uses the line "gate", and gpio.lines does not say where that is (config.line-unknown)',
    ]);
  });
}

t.test('a back-end of the board without any places is refused, once for each use', async (t) => {
  t.equal(problems(withValue('gpio.backend', 'sysfs:')).length, 5);
});

t.test('a name that is nearly the name of a line is guessed', async (t) => {
  t.match(problems(withValue('outputs.buzzer', 'buzer', BOARD)), [/did you mean buzzer\?/]);
});

t.test('a line that nobody uses may have a place', async (t) => {
  t.same(problems(withValue('gpio.lines.spare', at(27), BOARD)), []);
});

t.test('sim: needs no places, and takes a configuration that has them', async (t) => {
  t.same(problems(MINIMAL), []);
  t.same(problems(withValue('gpio.backend', 'sim:/run/cardpad/gpio', BOARD)), []);
});

for (const [name, other, shared] of [
  ['the same chip and offset', at(26), true],
  ['the chip by its label, the other by what stands for it', at(26, 'pinctrl-rp1'), true],
  ['the same offset on another chip', at(26, 'pcf8574'), false],
] as const) {
  t.test(`two names: ${name} is ${shared ? 'refused' : 'fine'}`, async (t) => {
    const found = problems(withValue('gpio.lines.bell', other, BOARD));
    t.equal(found.length, shared ? 1 : 0, found.join());
    if (shared) t.match(found[0], /^gpio\.lines\.bell: .*gpio\.lines\.gate \(config\.line-shared\)$/);
  });
}

t.test('a pull resistor is for inputs, and not for sysfs', async (t) => {
  const pulled = { ...at(22), bias: 'pull-up' };
  const onOutput = withValue('gpio.lines.gate', { ...at(26), bias: 'pull-up' }, BOARD);
  t.match(problems(onOutput), [/^gpio\.lines\.gate\.bias: is for inputs, and outputs\.gate drives/]);
  const document = withValue('gpio.lines.help', pulled, BOARD);
  t.same(problems(document), []);
  t.match(problems(withValue('gpio.backend', 'sysfs:', document)), [
    /^gpio\.lines\.help\.bias: cannot be set by sysfs/,
  ]);
});

for (const [path, value] of [
  ['gpio.backend', 'auto'],
  ['gpio.backend', 'sim:'],
  ['gpio.backend', 'gpiochip:gpiochip0'],
  ['gpio.lines.bell', 27],
  ['gpio.lines.bell', { chip: 'raspberry-pi' }],
  ['gpio.lines.bell', { chip: 'raspberry-pi', offset: -1 }],
  ['gpio.lines.bell', { chip: 'raspberry-pi', offset: 1.5 }],
  ['gpio.lines.bell', { chip: '', offset: 1 }],
  ['gpio.lines.bell', { chip: 'x'.repeat(32), offset: 1 }],
  ['gpio.lines.bell', { chip: 'raspberry-pi', offset: 27, bias: 'up' }],
  ['gpio.lines.bell', { chip: 'raspberry-pi', offset: 27, activeLow: true }],
] as const) {
  t.test(`${path} = ${JSON.stringify(value)} is refused by its path`, async (t) => {
    t.match(problems(withValue(path, value, BOARD)), [
      new RegExp(`^${path}: must be .*\\(config\\.value\\)$`),
    ]);
  });
}
