import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openGpio } from '../../../drivers/gpio/open.js';
import { systemClock } from '../../../platform/clock.js';

const NOTHING = { outputs: [], inputs: [] };
const GATE = { line: 'gate' };

t.test('sim: and a folder is a board made of files', async (t) => {
  const dir = join(t.testdir(), 'a', 'b');
  const gpio = await openGpio({ backend: `sim:${dir}`, lines: {} }, NOTHING, systemClock);
  gpio.output(GATE, 'off');
  t.equal(readFileSync(join(dir, 'gate'), 'latin1'), '0');
  gpio.close();
});

for (const backend of ['sim:', 'sim', 'mock:/x', 'gpiochip:gpiochip0', '']) {
  t.test(`the backend ${JSON.stringify(backend)} is refused in words`, async (t) => {
    await t.rejects(openGpio({ backend, lines: {} }, NOTHING, systemClock), {
      code: 'gpio.unsupported',
      disposition: 'fatal',
      help: /auto:, sysfs:, gpiochip: or to "sim:" and a folder/,
    });
  });
}

for (const backend of ['sysfs:', 'gpiochip:'] as const) {
  const plan = { outputs: [GATE], inputs: [] };

  t.test(`${backend} without a place for a line is refused by its name`, async (t) => {
    await t.rejects(openGpio({ backend, lines: {} }, plan, systemClock), {
      code: 'gpio.line-unknown',
      message: /line gate/,
    });
  });

  t.test(`${backend} with a chip that this machine does not have is refused by its name`, async (t) => {
    const lines = { gate: { chip: 'no-such-chip', offset: 1 } };
    await t.rejects(openGpio({ backend, lines }, plan, systemClock), {
      code: 'gpio.chip-missing',
      message: /no-such-chip/,
    });
  });
}
