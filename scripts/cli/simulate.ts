import type { CommandGroup } from './command.js';
import { gateCommand } from './simulate/gate.js';
import { readerCommand } from './simulate/reader.js';

export const simulateCommand: CommandGroup = {
  name: 'simulate',
  summary: 'simulated hardware, to try a gate without any: reader, gate',
  intro: `Simulated hardware, to try a gate without any.

usage: cardpad simulate COMMAND [OPTIONS]
example: cardpad simulate reader --listen tcp://127.0.0.1:9601`,
  commands: [readerCommand, gateCommand],
};
