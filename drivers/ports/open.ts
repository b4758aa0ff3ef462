import { isIPv4, isIPv6 } from 'node:net';
import { type Clock, systemClock } from '../../platform/clock.js';
import { CardpadError } from '../../protocol/errors.js';
import type { OpenPort } from './port.js';
import { openTcp } from './tcp.js';

/** Where a device hangs, parsed. */
export type PortUrl =
  | { readonly kind: 'serial'; readonly path: string; readonly baud: number }
  /** `host` is a name or an address; an IPv6 address stands without its brackets. */
  | { readonly kind: 'tcp'; readonly host: string; readonly tcpPort: number }
  /** `bus` is the N of /dev/i2c-N, `address` has 7 bits. */
  | { readonly kind: 'i2c'; readonly bus: number; readonly address: number };

export type ParsedPortUrl =
  | { readonly ok: true; readonly port: PortUrl }
  /** `problem` is one sentence for the person who wrote the configuration. */
  | { readonly ok: false; readonly problem: string };

/** GA 450 modules leave the factory at 115200 and can be set to 57600, 38400, 19200 and 9600. */
const DEFAULT_BAUD = 115200;
const BAUDS = [2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600];

const no = (problem: string): ParsedPortUrl => ({ ok: false, problem });

function parseBaud(query: string | undefined): number | string {
  if (query === undefined) return DEFAULT_BAUD;
  let baud: number | undefined;
  for (const part of query.split('&')) {
    const [key = '', value = ''] = part.split('=', 2);
    if (key !== 'baud') return `"${key}" is not a setting of a serial port; the only one is baud`;
    if (baud !== undefined) return 'baud is given twice';
    baud = /^\d{1,7}$/.test(value) ? Number(value) : Number.NaN;
  }
  if (baud === undefined || !BAUDS.includes(baud)) return `baud must be one of ${BAUDS.join(', ')}`;
  return baud;
}

function parseSerial(rest: string): ParsedPortUrl {
  const at = rest.indexOf('?');
  const path = at === -1 ? rest : rest.slice(0, at);
  if (!/^\/[^/\s\0]/.test(path) || /[\s\0]/.test(path)) {
    return no('a serial port is written serial:/dev/ttyAMA0?baud=115200, with the full path of the device');
  }
  const baud = parseBaud(at === -1 ? undefined : rest.slice(at + 1));
  return typeof baud === 'string' ? no(baud) : { ok: true, port: { kind: 'serial', path, baud } };
}

function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) return isIPv4(host);
  return (
    host.length <= 253 &&
    /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(host)
  );
}

function parseTcp(rest: string): ParsedPortUrl {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]/?#@]*)):(\d{1,5})$/.exec(rest);
  if (parts === null) {
    return no(
      'a network port is written tcp://host:port or tcp://[IPv6 address]:port, with nothing after it',
    );
  }
  const [, v6, name, digits] = parts;
  const host = v6 ?? name ?? '';
  if (v6 === undefined ? !isHost(host) : !isIPv6(host))
    return no(`"${host}" is neither a host name nor an address`);
  const tcpPort = Number(digits);
  if (tcpPort < 1 || tcpPort > 65535) return no('the port number must be 1..65535');
  return { ok: true, port: { kind: 'tcp', host, tcpPort } };
}

/** 0x00..0x02 and 0x78..0x7f mean no device (NXP UM10204, 3.1.12). */
const I2C_ADDRESSES = { least: 0x03, most: 0x77 } as const;

function parseI2c(rest: string): ParsedPortUrl {
  const parts = /^\/dev\/i2c-(\d{1,3})\?address=(0x[\da-f]{1,2}|\d{1,3})$/i.exec(rest);
  if (parts === null) return no('an I2C device is written i2c:/dev/i2c-1?address=0x24');
  const [, bus, digits] = parts;
  const address = Number(digits);
  const { least, most } = I2C_ADDRESSES;
  if (address < least || address > most) return no('the address of an I2C device must be 0x03..0x77');
  return { ok: true, port: { kind: 'i2c', bus: Number(bus), address } };
}

/** Reads `serial:/dev/ttyAMA0?baud=115200`, `tcp://host:port` or `i2c:/dev/i2c-1?address=0x24`. */
export function parsePortUrl(url: string): ParsedPortUrl {
  if (url.startsWith('serial:')) return parseSerial(url.slice('serial:'.length));
  if (url.startsWith('tcp://')) return parseTcp(url.slice('tcp://'.length));
  if (url.startsWith('i2c:')) return parseI2c(url.slice('i2c:'.length));
  return no('a port begins with serial:, tcp:// or i2c:');
}

/**
 * True when no other machine can be at the far end: a serial line, a bus, or a loopback address (RFC 1122 3.2.1.3,
 * RFC 4291 2.5.3).
 */
export function isLoopback(port: PortUrl): boolean {
  if (port.kind !== 'tcp') return true;
  const host = port.host.toLowerCase().replace(/^::ffff:(?=\d)/, '');
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * How to open the stream of bytes that a URL names, as often as needed.
 * @throws CardpadError `port.bad-url` (fatal) at once when the URL cannot be read, or names a bus, which is no stream
 */
export function opener(url: string, clock: Clock = systemClock): OpenPort {
  const parsed = parsePortUrl(url);
  if (!parsed.ok) {
    throw new CardpadError('port.bad-url', 'fatal', `Bad port URL: ${parsed.problem}.`, {
      help: 'Write serial:/dev/NAME?baud=N or tcp://HOST:PORT.',
    });
  }
  const { port } = parsed;
  if (port.kind === 'i2c') {
    throw new CardpadError('port.bad-url', 'fatal', 'Bad port URL: a bus is not a stream of bytes.', {
      help: 'Write serial:/dev/NAME?baud=N or tcp://HOST:PORT.',
    });
  }
  if (port.kind === 'tcp') return () => openTcp(port.host, port.tcpPort, clock);
  return async () => {
    // Only a gate with a serial reader pays for loading the add-on (55 ms and 16 MiB were measured).
    const { openSerial } = await import('./serial.js');
    return openSerial(port.path, port.baud, clock);
  };
}
