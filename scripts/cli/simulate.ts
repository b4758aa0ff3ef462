import { type Command, dispatch } from './command.js';
import { gateCommand } from './simulate/gate.js';
import { readerCommand } from './simulate/reader.js';

export const simulateCommand: Command = {
  name: 'simulate',
  summary: 'simulated hardware, to try a gate without any',
  help: '',
  run: (argv) =>
    dispatch(
      'cardpad simulate',
      'usage: cardpad simulate DEVICE [OPTIONS]',
      [readerCommand, gateCommand],
      argv,
    ),
};
