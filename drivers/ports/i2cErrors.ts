import { CardpadError, codeOf, type Disposition, messageOf } from '../../protocol/errors.js';

interface Meaning {
  readonly code: string;
  readonly disposition: Exclude<Disposition, 'fatal'>;
  readonly what: string;
  readonly help: string;
}

const NO_ANSWER: Meaning = {
  code: 'i2c.no-answer',
  disposition: 'retry',
  what: 'does not answer',
  help: 'Is the device on, wired to this bus, and is this its address? `i2cdetect -y BUS` lists who answers.',
};
const STUCK: Meaning = {
  code: 'i2c.timeout',
  disposition: 'retry',
  what: 'keeps the bus waiting',
  help: 'A device holds a wire down: switch it off and on. On a Pi up to 4 a slower bus (dtparam=i2c_arm_baudrate=10000) helps devices that stretch the clock.',
};

/** What Linux says of a transfer: Documentation/i2c/fault-codes.rst. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENXIO: NO_ANSWER,
  EREMOTEIO: NO_ANSWER,
  ETIMEDOUT: STUCK,
  EAGAIN: {
    code: 'i2c.arbitration',
    disposition: 'retry',
    what: 'lost the bus to another master',
    help: 'Two computers share this bus, or a wire is disturbed: keep wires short and away from motors and relays.',
  },
  EIO: {
    code: 'i2c.failed',
    disposition: 'retry',
    what: 'broke a transfer off',
    help: 'Check wires, pull-up resistors and supply of the device.',
  },
  EBUSY: {
    code: 'i2c.in-use',
    disposition: 'reconnect',
    what: 'belongs to a driver of the kernel',
    help: 'Take the device out of the device tree (config.txt), or use it through its driver.',
  },
  EOPNOTSUPP: {
    code: 'i2c.no-raw',
    disposition: 'reject',
    what: 'is on an adapter that knows SMBus commands only',
    help: 'Use a bus whose adapter does plain I2C, as those of a Raspberry Pi do.',
  },
  ENOENT: {
    code: 'port.missing',
    disposition: 'reconnect',
    what: 'is on a bus that does not exist',
    help: 'Switch I2C on (raspi-config, or dtparam=i2c_arm=on in config.txt) and load i2c-dev. `ls /dev/i2c-*` shows the buses.',
  },
  EACCES: {
    code: 'port.denied',
    disposition: 'reconnect',
    what: 'is on a bus that this user may not use',
    help: 'Add the user to the group i2c (usermod -aG i2c cardpad) and start the service again.',
  },
};

const SAME: Readonly<Record<string, string>> = { EPERM: 'EACCES', ENODEV: 'ENOENT', ENOTSUP: 'EOPNOTSUPP' };

/** An error of the system about a bus, in the words of this page. @param name of the port */
export function busError(name: string, thrown: unknown): CardpadError {
  const errno = codeOf(thrown) ?? '';
  const meaning = MEANINGS[SAME[errno] ?? errno];
  if (meaning === undefined) {
    const what = `${name} failed: ${messageOf(thrown)}`;
    return new CardpadError('i2c.failed', 'retry', what, { cause: thrown });
  }
  const { code, disposition, what, help } = meaning;
  return new CardpadError(code, disposition, `${name} ${what} (${errno}).`, { help, cause: thrown });
}

/** No answer from the system itself in the time that a transfer may take. */
export const stuckError = (name: string): CardpadError =>
  new CardpadError(STUCK.code, STUCK.disposition, `${name} ${STUCK.what}.`, { help: STUCK.help });
