import type { SerialPort } from 'serialport';
import type { Cancel, Clock } from '../../platform/clock.js';
import { CardpadError, messageOf } from '../../protocol/errors.js';
import type { Port } from './port.js';
import { StreamPort } from './streamPort.js';

type SerialModule = Pick<typeof import('serialport'), 'SerialPort'>;

const OPEN_TIMEOUT_MS = 3000;
/** A close that takes longer is not waited for: a USB driver may hold it for as long as it has bytes to send. */
const CLOSE_TIMEOUT_MS = 1000;

/** How often a quiet line is asked whether it is still there. */
const LIVENESS_MS = 1000;

const loadSerialport = (): Promise<SerialModule> => import('serialport');

/** The add-on says what went wrong in words only: strerror() and its own "Cannot lock port". */
const OPEN_ERRORS = [
  {
    says: /cannot lock port|resource busy/i,
    code: 'port.refused',
    what: 'is held by another program',
    help: 'Stop what else uses it: a serial console (raspi-config can switch it off), ModemManager, a second cardpad.',
  },
  {
    says: /permission denied|operation not permitted/i,
    code: 'port.denied',
    what: 'may not be opened by this user',
    help: 'Add the user to the group dialout (usermod -aG dialout cardpad) and start the service again.',
  },
  {
    says: /no such file|no such device|not a directory/i,
    code: 'port.missing',
    what: 'does not exist',
    help: 'Is the reader plugged in, and the UART switched on? `ls /dev/serial/by-id /dev/ttyAMA*` shows what is there.',
  },
] as const;

function coded(name: string, thrown: unknown): CardpadError {
  const said = messageOf(thrown);
  for (const { says, code, what, help } of OPEN_ERRORS) {
    if (says.test(said)) {
      return new CardpadError(code, 'reconnect', `${name} ${what}.`, { help, cause: thrown });
    }
  }
  return new CardpadError('port.refused', 'reconnect', `${name} cannot be opened: ${said}`, {
    help: 'Check that the path is a serial line and that it can run at this baud rate.',
    cause: thrown,
  });
}

async function serialClass(load: () => Promise<SerialModule>): Promise<SerialModule['SerialPort']> {
  try {
    return (await load()).SerialPort;
  } catch (thrown) {
    throw new CardpadError('port.addon-missing', 'fatal', 'The serial port add-on is not installed.', {
      help: 'Run `npm install serialport@13` in the cardpad folder, or reach the reader by tcp:// through ser2net.',
      cause: thrown,
    });
  }
}

function openWithin(stream: SerialPort, name: string, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    let late = false;
    const cancel = clock.schedule(OPEN_TIMEOUT_MS, () => {
      late = true;
      reject(new CardpadError('port.timeout', 'reconnect', `${name} did not open in time.`));
    });
    stream.open((error) => {
      cancel();
      if (error) reject(coded(name, error));
      else if (late) stream.close(() => {});
      else resolve();
    });
  });
}

/**
 * Asks a quiet line for its baud rate now and then. Linux answers a read on an unplugged USB line with nothing,
 * for ever, so the add-on spins and tells nobody until something is written (node-serialport#2043).
 */
function watchLiveness(stream: SerialPort, clock: Clock, dead: (cause: Error) => void): Cancel {
  let cancel: Cancel = () => {};
  const check = () => {
    stream.port?.getBaudRate().then(arm, (error: unknown) => {
      if (/input\/output error|no such device|bad file/i.test(messageOf(error))) {
        dead(new Error('the device was unplugged'));
      } else {
        arm();
      }
    });
  };
  const arm = () => {
    if (stream.isOpen) cancel = clock.schedule(LIVENESS_MS, check);
  };
  arm();
  return () => cancel();
}

/**
 * Opens a serial line, 8N1, locked against other programs.
 *
 * @param path such as /dev/ttyAMA0
 * @param baud bits per second
 * @throws CardpadError `port.addon-missing` (fatal) when the optional package serialport is absent;
 *   `port.refused` | `port.timeout` | `port.missing` | `port.denied` (reconnect)
 */
export async function openSerial(
  path: string,
  baud: number,
  clock: Clock,
  load = loadSerialport,
): Promise<Port> {
  const name = `serial:${path}`;
  const Serial = await serialClass(load);
  // A new object every time: re-opening an old one meets its own lock (node-serialport#2735).
  const stream = new Serial({ path, baudRate: baud, autoOpen: false, lock: true });
  await openWithin(stream, name, clock);
  const port = new StreamPort(name, stream, {
    shut: (gone) => {
      stopWatching();
      const cancel = clock.schedule(CLOSE_TIMEOUT_MS, gone);
      stream.once('close', cancel);
      if (!stream.isOpen) return;
      stream.close((error) => {
        // The add-on has no `close` event for a close that failed, as of a line that is unplugged.
        if (!error) return;
        cancel();
        gone();
      });
    },
  });
  const stopWatching = watchLiveness(stream, clock, (cause) => port.fail(cause));
  stream.once('close', stopWatching);
  return port;
}
