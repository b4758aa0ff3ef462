import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SamModule } from '../../drivers/simulated/samModule.js';
import { systemClock } from '../../platform/clock.js';
import { socketOf } from './machine/arguments.js';
import type { Machine } from './machine/machine.js';

const BAUD = 115_200;
const DEVICE = 'reader';

/** A reader module on a USB serial adapter, which can be pulled out and put in again. */
export class UsbReader {
  readonly module: SamModule;
  #socket: Socket | undefined;
  #isKnown = false;

  constructor(private readonly machine: Machine) {
    this.module = new SamModule({
      clock: systemClock,
      refind: 'until-lifted',
      baud: BAUD,
      send: (bytes) => this.#socket?.write(bytes),
    });
  }

  /** QEMU's adapter is in its socket as long as somebody is at the other end of its character device. */
  async plug(): Promise<void> {
    const socket = connect(socketOf(this.machine.options.folder, 'usb'));
    socket.on('error', () => {});
    socket.on('data', (bytes) => this.module.receive(bytes));
    await once(socket, 'connect');
    this.#socket = socket;
    if (!this.#isKnown)
      await this.machine.monitor.do('device_add', {
        driver: 'usb-serial',
        chardev: 'usb',
        id: DEVICE,
        bus: 'xhci.0',
      });
    this.#isKnown = true;
  }

  unplug(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}
