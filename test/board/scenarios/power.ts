import { inSeconds } from '../report.js';
import { type Bench, expect, type Scenario, serving } from './scenario.js';
import { tapsOf } from './taps.js';

const ROUNDS = 2;

/** Takes the power away while a tap is being written; the same disk goes on. */
async function cutInTap(bench: Bench): Promise<Bench> {
  await bench.gate.put();
  const began = performance.now();
  const gate = await bench.bootAgain();
  gate.module.lift();
  await gate.ready(0);
  bench.note(
    `power cut at the edge: ready again ${inSeconds(performance.now() - began)} after it, boot included`,
  );
  return { ...bench, gate };
}

export const power: Scenario = {
  name: 'power',
  title: 'the power goes while a tap is written: the journal is whole, and central has every tap once',
  async run(bench) {
    await serving(bench);
    // Central is silent, so that all of it has to come from the disk.
    await bench.outside.site.pullNetwork();
    const seen = [(await bench.gate.tap()).decided.tap, (await bench.gate.tap()).decided.tap];
    await bench.outside.site.restoreNetwork();
    let now = bench;
    for (let round = 0; round < ROUNDS; round++) {
      now = await cutInTap(now);
      const { output } = await now.gate.machine.agent.try('dmesg | grep -i "ext4.*recovery\\|ext4.*error"');
      bench.note(`the file system says: ${output.split('\n')[0] ?? ''}`);
      expect('errors of the file system', /error/i.test(output), false);
      seen.push((await now.gate.tap()).decided.tap);
    }
    const { gate, outside, choices } = now;
    const verified = await gate.machine.agent.run(
      'runuser -u cardpad -- cardpad journal verify --data /var/lib/cardpad 2>&1',
      240_000,
    );
    bench.note(`cardpad journal verify: ${verified.split('\n').at(-1) ?? ''}`);
    await outside.hasTap(choices.device, seen.at(-1) ?? '');
    const taps = await tapsOf(now);
    expect(
      'taps that central has twice',
      taps.filter((tap, index) => taps.indexOf(tap) !== index).join(' '),
      '',
    );
    // Each that was finished, and each whose relay went on: the record is on disk before it does.
    for (const tap of seen) expect(`whether central has ${tap}`, taps.includes(tap), true);
    expect('the number of taps at central', taps.length, seen.length + ROUNDS);
    const { code, stdout, stderr } = await outside.site.verify();
    expect(`what central verify says (${stdout}${stderr})`, code, 0);
  },
};
