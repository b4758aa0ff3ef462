import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Node makes no X.509 certificates, and `openssl req` gives none that begins or ends on another day: `openssl ca`. */
const CONFIG = `[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = names
rand_serial = yes
unique_subject = no
[names]
commonName = supplied
`;
const DAY_MS = 24 * 3_600_000;
/** `YYYYMMDDHHMMSSZ` */
const asn1Time = (ms: number) => `${new Date(ms).toISOString().replace(/[-:T]|\.\d+Z/g, '')}Z`;

/** A certificate authority of this test, which vouches for servers at 127.0.0.1. Its folder goes with the process. */
export class Authority {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cardpad-authority-'));
  #made = 0;

  constructor(name = 'test authority') {
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
    writeFileSync(join(this.#folder, 'ca.cnf'), CONFIG);
    writeFileSync(join(this.#folder, 'index.txt'), '');
    writeFileSync(join(this.#folder, 'server.ext'), 'subjectAltName = IP:127.0.0.1\n');
    this.#request('ca', name, ['-x509', '-days', '2', '-out', 'ca.pem']);
  }

  get pem(): Buffer {
    return readFileSync(join(this.#folder, 'ca.pem'));
  }

  /** @param fromDays when it begins to be valid, in days from now; it is valid for ten */
  certify(fromDays = -1): Certificate {
    this.#made += 1;
    const name = `server${this.#made}`;
    this.#request(name, '127.0.0.1', ['-out', `${name}.csr`]);
    const beginMs = Date.now() + fromDays * DAY_MS;
    this.#openssl([
      ...['ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key'],
      ...['-startdate', asn1Time(beginMs), '-enddate', asn1Time(beginMs + 10 * DAY_MS)],
      ...['-extfile', 'server.ext', '-in', `${name}.csr`, '-out', `${name}.pem`],
    ]);
    return {
      certFile: join(this.#folder, `${name}.pem`),
      keyFile: join(this.#folder, `${name}.key`),
    };
  }

  #request(name: string, commonName: string, rest: readonly string[]): void {
    this.#openssl([
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', `/CN=${commonName}`, '-keyout', `${name}.key`, ...rest],
    ]);
  }

  #openssl(argv: readonly string[]): void {
    execFileSync('openssl', argv, { cwd: this.#folder, stdio: 'pipe' });
  }
}
