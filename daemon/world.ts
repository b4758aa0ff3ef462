import { randomBytes } from 'node:crypto';
import { uptime } from 'node:os';
import { join } from 'node:path';
import type { Gpio } from '../drivers/gpio/gpio.js';
import { openGpio } from '../drivers/gpio/open.js';
import { opener } from '../drivers/ports/open.js';
import type { OpenPort } from '../drivers/ports/port.js';
import { brokerAccess } from '../platform/brokerAccess.js';
import { type Clock, systemClock } from '../platform/clock.js';
import { readCredential } from '../platform/credentials.js';
import { type Disk, folderDisk } from '../platform/disk.js';
import { readFileIfThere, refuseExposedFolder } from '../platform/files.js';
import { holdLock } from '../platform/lock.js';
import type { Log } from '../platform/log.js';
import { mqttOpener } from '../platform/mqtt/link.js';
import type { MqttOptions, OpenMqtt } from '../platform/mqtt.js';
import { createSm2Pool } from '../platform/sm2/pool.js';
import type { Sm2Service } from '../platform/sm2/service.js';
import { codeOf } from '../protocol/errors.js';
import { sm3 } from '../protocol/sm/sm3.js';
import type { Close } from './closing.js';
import type { Config } from './config/config.js';
import { documentsIn, type OpenDocument } from './documents.js';
import { type Identity, loadIdentity } from './identity.js';
import { linePatience, linePlan, planKeeper } from './linePlan.js';

/** How to reach the broker: the URL, and the login that files hold. */
export type BrokerAccess = Pick<MqttOptions, 'url' | 'protocol' | 'username' | 'password' | 'ca'>;

/**
 * Everything outside of a gate that it touches. Nothing of the gate reaches past this, so that a simulation can hand
 * in a world of its own: time, chance, disk, network, lines and readers.
 */
export interface GateWorld {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1): for jitter, never for secrets. */
  readonly random: () => number;
  readonly randomBytes: (length: number) => Buffer;
  /** 16 hex characters that tell this boot of the system from the one before; monotonic times compare within one. */
  readonly bootId: () => Promise<string>;
  /** Seconds since the system booted. */
  readonly uptimeS: () => number;
  /** Keeps others out of the data folder. @throws CardpadError `files.in-use` (fatal) */
  readonly lock: () => Promise<Close>;
  readonly identity: () => Promise<Identity>;
  readonly journalDisk: Disk;
  /** The small documents beside the journal. */
  readonly openDocument: OpenDocument;
  /** Every output is at its safe level then. */
  readonly openGpio: () => Gpio | Promise<Gpio>;
  readonly openPort: (url: string) => OpenPort;
  readonly brokerAccess: () => Promise<BrokerAccess>;
  readonly openMqtt: OpenMqtt;
  /** The gate closes it. */
  readonly openSm2: () => Sm2Service;
}

/** Tells this boot of the system from the one before. */
async function bootId(): Promise<string> {
  const id = (await readFileIfThere('/proc/sys/kernel/random/boot_id')) ?? randomBytes(16);
  return sm3(Buffer.from('cardpad/v1/boot\n', 'utf8'), id).subarray(0, 8).toString('hex');
}

/** One daemon a data folder: two would take turns at the broker, and write two histories into one journal. */
async function lockDataDir(dataDir: string): Promise<Close> {
  try {
    return await holdLock(join(dataDir, 'run.lock'), `the data folder ${dataDir}`);
  } catch (thrown) {
    if (codeOf(thrown) === 'files.in-use') throw thrown;
    // A folder that is missing or cannot be written is told where keys and journal are looked for, outputs safe.
    return () => {};
  }
}

/** What the service may be handed instead of files: device.json, and the password for the broker. */
const DEVICE_CREDENTIAL = 'cardpad.device';
const PASSWORD_CREDENTIAL = 'cardpad.broker-password';

async function accessOf(broker: Config['broker']): Promise<BrokerAccess> {
  const { url, protocol, username, passwordFile } = broker;
  const access = { url, protocol, ...(await brokerAccess(broker)) };
  // The configuration comes first; a password without a user name is nothing that MQTT 3.1.1 knows (3.1.2.9).
  if (passwordFile !== undefined || username === undefined) return access;
  const password = (await readCredential(PASSWORD_CREDENTIAL))?.toString('utf8').trim();
  return password === undefined ? access : { ...access, password };
}

/** The world as this machine and the configuration have it. */
export function machineWorld(config: Config, log: Log): GateWorld {
  const { dataDir, device, gpio, broker } = config;
  const clock = systemClock;
  const journal = join(dataDir, 'journal');
  return {
    clock,
    log,
    random: Math.random,
    randomBytes,
    bootId,
    uptimeS: uptime,
    lock: () => lockDataDir(dataDir),
    identity: async () => {
      await refuseExposedFolder(journal);
      return loadIdentity(dataDir, device, await readCredential(DEVICE_CREDENTIAL));
    },
    journalDisk: folderDisk(journal),
    openDocument: documentsIn(dataDir),
    openGpio: () => {
      const willDrive = planKeeper(process.env, log);
      return openGpio(gpio, linePlan(config), clock, { willDrive, patience: linePatience(log) });
    },
    openPort: (url) => opener(url, clock),
    brokerAccess: () => accessOf(broker),
    openMqtt: mqttOpener(clock, Math.random, log.named('broker')),
    openSm2: () => createSm2Pool({ size: 1, eager: true, log: log.named('sm2') }),
  };
}
