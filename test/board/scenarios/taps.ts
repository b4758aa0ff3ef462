import { inSeconds } from '../report.js';
import { type Bench, expect, type Scenario, serving } from './scenario.js';

/** The places of the taps that central has of the gate, a line each. */
export async function tapsOf({ outside, choices }: Bench): Promise<readonly string[]> {
  const lines = await outside.site.events(choices.device);
  return lines.filter(({ kind }) => kind === 'tap').map(({ epoch, seq }) => `${epoch}/${seq}`);
}

export const taps: Scenario = {
  name: 'taps',
  title: 'a card raises the gate line online by the word of central, offline by the local rule',
  short: true,
  architectures: ['amd64', 'arm64'],
  async run(bench) {
    const { gate, outside, choices, note } = bench;
    await serving(bench);
    const before = (await tapsOf(bench)).length;
    const online = await gate.tap();
    expect('the outcome online', online.decided.outcome, 'pass');
    expect('who decided online', online.decided.by, 'central');
    note(
      `online: card to edge ${inSeconds(online.toEdgeMs)}, of it the decision ${online.decided.tookMs} ms`,
    );
    await outside.hasTap(choices.device, online.decided.tap);
    expect('the number of taps at central', (await tapsOf(bench)).length - before, 1);

    await gate.machine.monitor.do('set_link', { name: 'net', up: false });
    const offline = await gate.tap();
    expect('the action offline', offline.decided.action, 'open');
    expect('who decided offline', offline.decided.by, 'local');
    note(
      `offline: card to edge ${inSeconds(offline.toEdgeMs)}, of it the decision ${offline.decided.tookMs} ms`,
    );
    await gate.machine.monitor.do('set_link', { name: 'net', up: true });
    await outside.hasTap(choices.device, offline.decided.tap);
    expect('the number of taps at central', (await tapsOf(bench)).length - before, 2);
  },
};
