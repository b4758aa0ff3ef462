import { readNeededFile, readSecretFile } from './files.js';
import type { MqttOptions } from './mqtt.js';

/** How a configuration or a command line names the way into a broker: secrets by file. */
export interface BrokerLogin {
  readonly username?: string | undefined;
  /** A command line is there for every user of the machine to see, hence a file. */
  readonly passwordFile?: string | undefined;
  /** PEM of the certificate authority, where it is not the system's. */
  readonly caFile?: string | undefined;
}

/** What a broker's URL looks like, to end the sentence "must be ...". */
export const BROKER_URL = 'mqtt://HOST:PORT or mqtts://HOST:PORT';

/** Whether this is `mqtt://HOST:PORT` or `mqtts://HOST:PORT` (port optional), with nothing behind it. */
export function isBrokerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash } = new URL(text);
  const bare = (pathname === '' || pathname === '/') && search === '' && hash === '';
  return (protocol === 'mqtt:' || protocol === 'mqtts:') && hostname !== '' && bare;
}

/**
 * Reads what the login names.
 * @throws CardpadError `files.missing` | `files.exposed` | `files.read` (fatal)
 */
export async function brokerAccess({
  username,
  passwordFile,
  caFile,
}: BrokerLogin): Promise<Pick<MqttOptions, 'username' | 'password' | 'ca'>> {
  const password =
    passwordFile === undefined
      ? undefined
      : (await readSecretFile(passwordFile, 'Put the password for the broker there.'))
          .toString('utf8')
          .trim();
  const ca =
    caFile === undefined
      ? undefined
      : await readNeededFile(
          caFile,
          "Put the certificate authority of the broker's certificate there (PEM).",
        );
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
  };
}
