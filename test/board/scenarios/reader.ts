import { inSeconds } from '../report.js';
import { UsbReader } from '../usbReader.js';
import { expect, type Scenario } from './scenario.js';

const WITHIN_MS = 60_000;

export const reader: Scenario = {
  name: 'reader',
  title: 'a reader on USB is pulled out and put in again: told of, and the next card opens',
  short: true,
  async run({ gate, choices, note }) {
    const usb = new UsbReader(gate.machine);
    await usb.plug();
    const { agent } = gate.machine;
    const name = await agent.run(
      'for i in $(seq 100); do ls /dev/cardpad/reader-* 2>/dev/null && exit; sleep 0.1; done; exit 1',
      WITHIN_MS,
    );
    const port = name.split('\n')[0] ?? '';
    note(`udev calls the reader ${name.split('\n').join(' and ')}`);
    await gate.configure({ ...choices, readerPort: `serial:${port}?baud=115200` });
    const from = gate.mark;
    await gate.order('restart');
    await gate.ready(from, false);
    gate.module = usb.module;
    await gate.tap();

    const pulled = gate.mark;
    const pulledMs = performance.now();
    usb.unplug();
    await gate.said(/reader: lost/, pulled);
    note(`pulled out: told of after ${inSeconds(performance.now() - pulledMs)}`);
    expect('the state of the service without its reader', await gate.property('ActiveState'), 'active');
    note(`systemctl says: ${await gate.property('StatusText')}`);
    const back = gate.mark;
    const backMs = performance.now();
    await usb.plug();
    await gate.said(/reader: ready/, back);
    note(`put in again: ready after ${inSeconds(performance.now() - backMs)}`);
    await gate.tap();
  },
};
