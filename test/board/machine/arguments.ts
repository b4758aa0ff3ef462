import { join } from 'node:path';

export type Architecture = 'amd64' | 'arm64';

export interface MachineOptions {
  readonly architecture: Architecture;
  /** Kernel and first root. */
  readonly kernel: string;
  /** An overlay of the disk, which this machine writes to. */
  readonly disk: string;
  /** A tape archive that the machine finds as its second disk. */
  readonly payload: string;
  /** Where its sockets and its console's text are. */
  readonly folder: string;
  /** Of the module at the other end of the UART. */
  readonly uartPort: number;
  /** Of the broker, which the machine reaches as 10.0.2.100:1883. */
  readonly brokerPort: number;
  /** A snapshot to go on from, in place of a boot. */
  readonly snapshot?: string;
  /** What the clock shows when the system comes up, in seconds since 1970. */
  readonly clock?: number;
  readonly memoryMb?: number;
}

/** Ports of the machine, which QEMU connects to sockets of these names. */
export const CHANNELS = ['agent', 'trace', 'log'] as const;
export type ChannelName = (typeof CHANNELS)[number];

export const socketOf = (folder: string, name: ChannelName | 'monitor' | 'usb' | 'qtest'): string =>
  join(folder, `${name}.socket`);

const PROGRAM: Readonly<Record<Architecture, string>> = {
  amd64: 'qemu-system-x86_64',
  arm64: 'qemu-system-aarch64',
};

/**
 * Never KVM: there are hosts whose /dev/kvm opens, and on which no stock kernel boots. A processor without AVX: emulated,
 * wide registers cost more than they bring.
 */
const MACHINE: Readonly<Record<Architecture, readonly string[]>> = {
  amd64: ['-machine', 'q35', '-cpu', 'Nehalem'],
  arm64: ['-machine', 'virt', '-cpu', 'cortex-a53'],
};
const CONSOLE: Readonly<Record<Architecture, string>> = { amd64: 'ttyS0', arm64: 'ttyAMA0' };
const SAID_TO_KERNEL = 'quiet loglevel=4 mitigations=off panic=-1 net.ifnames=0 systemd.show_status=0';

/** The UART beside the console's: ttyS1 of a PC, and ttyS0 on PCI beside the PL011 of an ARM board. */
const UART: Readonly<Record<Architecture, readonly string[]>> = {
  amd64: ['-serial', 'chardev:uart'],
  arm64: ['-device', 'pci-serial,chardev=uart'],
};

/** How QEMU is called. */
export function qemuCommand(options: MachineOptions): readonly string[] {
  const { architecture, kernel, disk, payload, folder, uartPort, brokerPort, memoryMb = 512 } = options;
  const clock = options.clock === undefined ? '' : ` board.clock=${options.clock}`;
  return [
    PROGRAM[architecture],
    ...MACHINE[architecture],
    ...['-accel', 'tcg,thread=multi', '-smp', '2', '-m', String(memoryMb)],
    ...['-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-kernel', join(kernel, 'vmlinux'), '-initrd', join(kernel, 'initrd')],
    ...['-append', `console=${CONSOLE[architecture]} ${SAID_TO_KERNEL}${clock}`],
    ...['-drive', `file=${disk},if=none,id=disk,format=qcow2`, '-device', 'virtio-blk-pci,drive=disk'],
    ...['-drive', `file=${payload},if=none,id=payload,format=raw,readonly=on`],
    ...[
      '-device',
      'virtio-blk-pci,drive=payload',
      '-device',
      'virtio-rng-pci',
      '-device',
      'virtio-serial-pci',
    ],
    ...CHANNELS.flatMap((name) => [
      ...['-chardev', `socket,id=${name},path=${socketOf(folder, name)}`],
      ...['-device', `virtserialport,chardev=${name},name=board.${name}`],
    ]),
    ...['-netdev', `user,id=net,restrict=on,${brokerForward(brokerPort)}`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile=', '-device', 'qemu-xhci,id=xhci'],
    ...['-serial', `file:${join(folder, 'console.log')}`],
    ...['-chardev', `socket,id=uart,host=127.0.0.1,port=${uartPort}`, ...UART[architecture]],
    ...['-chardev', `socket,id=usb,path=${socketOf(folder, 'usb')},server=on,wait=off`],
    ...['-chardev', `socket,id=monitor,path=${socketOf(folder, 'monitor')}`],
    ...['-mon', 'chardev=monitor,mode=control'],
    // Beside TCG, not in its place.
    ...(architecture === 'arm64'
      ? ['-qtest', `unix:${socketOf(folder, 'qtest')}`, '-qtest-log', 'none']
      : []),
    ...(options.snapshot === undefined ? [] : ['-loadvm', options.snapshot]),
  ];
}

/** The one place that the machine reaches; each connection has a program of its own, which ends with it. */
const brokerForward = (port: number): string =>
  `guestfwd=tcp:10.0.2.100:1883-cmd:socat - TCP:127.0.0.1:${port}`;
