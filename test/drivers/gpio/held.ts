import { boardOf } from './boards.js';

// A program with the gate open, to be killed: node held.js KIND DIR.
const [kind = '', dir = ''] = process.argv.slice(2);
const gate = { line: 'gate' };
const low = { line: 'low', activeLow: true };
const gpio = await boardOf(kind, dir).open({ outputs: [gate, low], inputs: [] });
const lines = [gpio.output(gate, 'off'), gpio.output(low, 'off')];
for (const line of lines) line.set(true);
setInterval(() => {}, 3_600_000);
process.on('message', () => process.exit(0));
process.on('exit', () => {
  for (const line of lines) line.set(false);
});
process.send?.('open');
