import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { names } from '../lookup.js';
import { HEADER_MOST_BYTES, PacketCut } from './packetCut.js';

/** Twice what the codecs take at all: the longest topic and its properties stand before a payload. */
export const PACKET_MOST_BYTES = 256 * 1024;

const PLAIN_PORT = 1883;
const TLS_PORT = 8883;

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The login that stands in a broker's URL, if one does. */
export function loginIn(url: string): { readonly username?: string; readonly password?: string } {
  const { username, password } = new URL(url);
  return {
    ...(username === '' ? {} : { username: decoded(username) }),
    ...(password === '' ? {} : { password: decoded(password) }),
  };
}

/** Without the brackets of an IPv6 address. */
const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');

/** The name that has to be looked up before a connection to a broker begins; undefined for an address. */
export function nameIn(url: string): string | undefined {
  const host = hostOf(url);
  return isIP(host) === 0 ? host : undefined;
}

function connect(url: string, ca: Buffer | undefined): Socket {
  const { protocol, port } = new URL(url);
  const host = hostOf(url);
  if (protocol !== 'mqtts:')
    return connectTcp({ host, port: Number(port || PLAIN_PORT), lookup: names.lookup });
  return connectTls({
    host,
    port: Number(port || TLS_PORT),
    lookup: names.lookup,
    // Whatever the environment says.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    // RFC 6066, 3: an address is no server name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
}

/** Begins a connection to a broker; what it delivers never makes a parser gather more than `PACKET_MOST_BYTES`. */
export function openStream(url: string, ca: Buffer | undefined): Socket {
  const socket = connect(url, ca);
  // Nagle's algorithm is on by default: with delayed acknowledgements that is 40 ms a message.
  socket.once('connect', () => socket.setNoDelay(true));
  const cut = new PacketCut(PACKET_MOST_BYTES - HEADER_MOST_BYTES);
  const shortened = new Transform({ transform: (chunk, _, done) => done(null, cut.pass(chunk)) });
  const pipe = socket.pipe.bind(socket);
  // mqtt.js reads by piping the socket into its parser, and has no other place to put something between.
  socket.pipe = (parser, options) => {
    pipe(shortened);
    return shortened.pipe(parser, options);
  };
  return socket;
}
