import type { Bench, Scenario } from './scenario.js';

const WITHIN_MS = 600_000;
/** Of the memory on the board's I2C bus. */
const MEMORY = '0x50';

/** Runs a contract program in the machine; notes its count. @throws Error with what it wrote, when one did not hold */
async function holds({ gate, note }: Bench, name: string, program: string): Promise<void> {
  const { status, output } = await gate.machine.agent.try(
    `cd /root/payload/contracts && node ${program} 2>&1`,
    WITHIN_MS,
  );
  const oks = output.split('\n').filter((line) => /^ *ok /.test(line)).length;
  note(`${name}: ${oks} held`);
  const told = output.split('\n').filter((line) => !/^ *(?:ok |# +at )/.test(line));
  if (status !== 0) throw new Error(`${name}: ${told.join('\n')}`);
}

export const contracts: Scenario = {
  name: 'contracts',
  title:
    'the contracts that simulated lines and buses are held to also hold on the kernel: GPIO twice, raw I2C',
  async run(bench) {
    const { agent } = bench.gate.machine;
    // The add-ons of the package are those for its Node.
    await agent.run(`
      cd /root/payload/contracts/node_modules
      cp /usr/lib/cardpad/native/epoll.node epoll/build/Release/
      cp /usr/lib/cardpad/native/i2c.node i2c-bus/build/Release/`);
    // First: the last that the other one does is to die with lines that stay exported, which are in use for this one.
    await holds(bench, 'character device', 'test/drivers/gpio/onBoard.js gpiochip:');
    await holds(bench, 'sysfs', 'test/drivers/gpio/onBoard.js sysfs:');
    // The service does this when it starts.
    const bus = await agent.run(
      'modprobe i2c-dev; for b in /sys/bus/i2c/devices/i2c-*; do grep -q "board memory" $b/name && basename $b; done',
    );
    await holds(bench, 'raw I2C', `test/drivers/ports/i2cOnBus.js /dev/${bus} ${MEMORY} 0x77 memory`);
  },
};
