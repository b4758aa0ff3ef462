import type { MqttProtocol, MqttVersion } from '../../platform/mqtt/version.js';
import type { MqttOptions } from '../../platform/mqtt.js';
import { startAedes } from './aedes.js';
import { Authority, type Certificate } from './certificates.js';
import { type RunningBroker, startMosquitto } from './mosquitto.js';

interface TestScope {
  teardown(call: () => unknown): unknown;
}

/** A broker that the tests run against, and how it is reached. */
export interface BrokerKind {
  readonly name: string;
  /** What clients are told to speak. */
  readonly protocol: MqttProtocol;
  /** What comes of it. */
  readonly speaks: MqttVersion;
  /** Who may come, and how they know it. Asked for when a test runs: certificates cost a moment. */
  login(): Pick<MqttOptions, 'username' | 'password' | 'ca'>;
  /** @param port to bring one back where it was */
  start(t: TestScope, port?: number): Promise<RunningBroker>;
}

const LOGIN = { username: 'gate', password: 'not a secret' };
let keys: { readonly authority: Authority; readonly certificate: Certificate } | undefined;

/** One authority and one server for the whole process, so that a broker comes back as who it was. */
function serverKeys() {
  if (keys === undefined) {
    const authority = new Authority();
    keys = { authority, certificate: authority.certify() };
  }
  return keys;
}

const open = { login: () => ({}) };

/** Both versions of MQTT, two brokers, with and without TLS and a login. */
export const BROKERS: readonly BrokerKind[] = [
  {
    name: 'Mosquitto',
    protocol: 'auto',
    speaks: '5',
    ...open,
    start: startMosquitto,
  },
  {
    name: 'Mosquitto, told to speak 3.1.1',
    protocol: '3.1.1',
    speaks: '3.1.1',
    ...open,
    start: startMosquitto,
  },
  { name: 'aedes, which speaks 3.1.1 only', protocol: 'auto', speaks: '3.1.1', ...open, start: startAedes },
  {
    name: 'Mosquitto with TLS and a password',
    protocol: 'auto',
    speaks: '5',
    login: () => ({ ...LOGIN, ca: serverKeys().authority.pem }),
    start: (t, port) => startMosquitto(t, port, { certificate: serverKeys().certificate, login: LOGIN }),
  },
];

/**
 * The broker that end-to-end tests take where they name none: Mosquitto, or the one whose name `CARDPAD_TEST_BROKER`
 * holds.
 */
export function defaultBroker(wanted = process.env.CARDPAD_TEST_BROKER ?? 'Mosquitto'): BrokerKind {
  const found = BROKERS.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = BROKERS.map(({ name }) => `"${name}"`).join(', ');
  throw new Error(`CARDPAD_TEST_BROKER is "${wanted}"; there are ${names}`);
}
