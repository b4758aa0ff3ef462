import t from 'tap';
import type { LineAt } from '../../../drivers/gpio/gpio.js';
import { chipOf, chooseInterface, isSameLine, labelsOf, sysfsChips } from '../../../drivers/gpio/probe.js';
import { BOARDS, filesOf, treeOf } from './recordedTrees.js';

const at = (chip: string, offset = 17): LineAt => ({ chip, offset });

for (const [board, { chips, gpio17 }] of Object.entries(BOARDS)) {
  t.test(`${board}: one configuration finds GPIO 17 at ${gpio17}`, async (t) => {
    const tree = treeOf(filesOf(chips));
    t.equal(chooseInterface({ gate: at('raspberry-pi') }, tree), 'sysfs');
    const found = chipOf('gate', at('raspberry-pi'), sysfsChips(tree));
    t.equal(found.base + 17, gpio17);
    t.same(chipOf('gate', at(found.label), sysfsChips(tree)), found, 'by its label as well');
  });

  t.test(`${board}, sysfs switched off: the character device`, async (t) => {
    const tree = treeOf(filesOf(chips, { sysfs: false }));
    t.equal(chooseInterface({ gate: at('raspberry-pi') }, tree), 'gpiochip');
    t.same(sysfsChips(tree), []);
  });
}

t.test('the header of a Pi goes by three labels', async (t) => {
  t.same(labelsOf('raspberry-pi'), ['pinctrl-bcm2835', 'pinctrl-bcm2711', 'pinctrl-rp1']);
  t.same(labelsOf('pcf8574'), ['pcf8574']);
  t.ok(isSameLine(at('raspberry-pi'), at('pinctrl-rp1')));
  t.notOk(isSameLine(at('raspberry-pi'), at('pinctrl-rp1', 18)));
  t.notOk(isSameLine(at('raspberry-pi'), at('raspberrypi-exp-gpio')));
});

const PI4 = BOARDS['Pi 4, kernel 6.6']?.chips ?? [];

t.test('sysfs is not taken when its export may not be written: the character device is', async (t) => {
  const tree = treeOf(filesOf(PI4), ['/sys/class/gpio/export']);
  t.equal(chooseInterface({ gate: at('raspberry-pi') }, tree), 'gpiochip');
});

t.test(
  'sysfs that may not be written, on a system without another way, is what the error will be about',
  async (t) => {
    const tree = treeOf(filesOf(PI4, { devices: 0 }), ['/sys/class/gpio/export']);
    t.equal(chooseInterface({ gate: at('raspberry-pi') }, tree), 'sysfs');
  },
);

t.test('a chip that sysfs does not show is looked for on the character device', async (t) => {
  const tree = treeOf(filesOf(PI4));
  t.equal(chooseInterface({ gate: at('raspberry-pi'), bell: at('pcf8574', 3) }, tree), 'gpiochip');
});

t.test('a pull resistor takes the character device, since sysfs has none', async (t) => {
  const tree = treeOf(filesOf(PI4));
  t.equal(chooseInterface({ help: { ...at('raspberry-pi'), bias: 'pull-up' } }, tree), 'gpiochip');
});

t.test('sysfs without the old numbers (chip folders that have no base) is not taken', async (t) => {
  const files = { ...filesOf([], { devices: 1 }), '/sys/class/gpio/chip0/label': 'pinctrl-bcm2711\n' };
  t.equal(chooseInterface({ gate: at('raspberry-pi') }, treeOf(files)), 'gpiochip');
});

t.test('a system with no GPIO at all is told so', async (t) => {
  t.throws(() => chooseInterface({ gate: at('raspberry-pi') }, treeOf({})), {
    code: 'gpio.none',
    disposition: 'fatal',
  });
});

t.test('files that hold no numbers are no chip', async (t) => {
  const files = filesOf(PI4);
  files['/sys/class/gpio/gpiochip512/base'] = 'many\n';
  files['/sys/class/gpio/gpiochip570/ngpio'] = '-8\n';
  t.same(sysfsChips(treeOf(files)), []);
});

for (const { name, chips, line, code, message } of [
  {
    name: 'a chip that is not there',
    chips: PI4,
    line: at('pcf8574'),
    code: 'gpio.chip-missing',
    message: /Line gate: there is no chip pcf8574/,
  },
  {
    name: 'two chips of one label',
    chips: [
      { base: 512, label: 'pinctrl-rp1', lineCount: 54 },
      { base: 566, label: 'pinctrl-rp1', lineCount: 54 },
    ],
    line: at('raspberry-pi'),
    code: 'gpio.chip-ambiguous',
    message: /gpiochip512 and gpiochip566 are both labelled pinctrl-rp1/,
  },
  {
    name: 'two chips that a header may be',
    chips: [
      { base: 512, label: 'pinctrl-bcm2835', lineCount: 54 },
      { base: 566, label: 'pinctrl-rp1', lineCount: 54 },
    ],
    line: at('raspberry-pi'),
    code: 'gpio.chip-ambiguous',
    message: /both labelled raspberry-pi/,
  },
  {
    name: 'a line that the chip does not have',
    chips: PI4,
    line: at('pinctrl-bcm2711', 58),
    code: 'gpio.offset',
    message: /has no line 58, only 0 to 57/,
  },
] as const) {
  t.test(`${name} is refused by name`, async (t) => {
    t.throws(() => chipOf('gate', line, sysfsChips(treeOf(filesOf(chips)))), {
      code,
      message,
      disposition: 'fatal',
    });
  });
}
