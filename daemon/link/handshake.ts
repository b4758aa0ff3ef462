import type { Sm2Service } from '../../platform/sm2/service.js';
import type { CentralPublic } from '../../protocol/wire/enrolment.js';
import type { Parsed } from '../../protocol/wire/json.js';
import {
  deriveSessionKeys,
  encodeHello,
  type Place,
  parseWelcome,
  SESSION_VERSIONS,
  type SessionKeys,
  type Welcome,
} from '../../protocol/wire/session.js';
import { encodeSigned, parseSigned, signedBytes, signedDigest } from '../../protocol/wire/signed.js';
import type { DeviceKey } from '../identity.js';

export interface HandshakeOptions {
  readonly device: string;
  readonly deviceKey: DeviceKey;
  readonly central: CentralPublic;
  readonly sm2: Sm2Service;
  readonly randomBytes: (length: number) => Buffer;
  readonly wallMs: () => number;
  readonly newestPlace: () => Place | null;
}

export interface MadeHello {
  /** Signed, as it is sent. */
  readonly payload: Buffer;
  readonly body: Buffer;
  /** Made for this hello alone. */
  readonly privateKey: string;
}

export interface OpenedWelcome {
  readonly welcome: Welcome;
  readonly keys: SessionKeys;
}

/** Welcomes whose signature may be checked at once: the one thread must not spend minutes on forged ones. */
const WELCOMES_AT_ONCE = 8;

/** Makes hellos and opens their welcomes: all that takes SM2, off the gate's thread. It decides no times. */
export class Handshake {
  #welcomesAtWork = 0;

  constructor(private readonly options: HandshakeOptions) {}

  /** A hello with a fresh key and nonce. @throws what `Sm2Service` throws */
  async hello(): Promise<MadeHello> {
    const { sm2, device, deviceKey, randomBytes, wallMs, newestPlace } = this.options;
    const fresh = await sm2.generate();
    const body = encodeHello({
      device,
      sessionKey: fresh.publicKey,
      nonce: randomBytes(16).toString('hex'),
      wallMs: Math.max(0, Math.floor(wallMs())),
      place: newestPlace(),
      versions: [...SESSION_VERSIONS],
    });
    const signature = await sm2.sign(signedBytes('hello', body), deviceKey);
    return { payload: encodeSigned(deviceKey.id, body, signature), body, privateKey: fresh.privateKey };
  }

  /**
   * Opens what claims to be the welcome to a hello; `reason` where it is not the whole, signed answer to it.
   * @throws what `Sm2Service` throws
   */
  async open(payload: Buffer, hello: MadeHello): Promise<Parsed<OpenedWelcome>> {
    const { central, sm2 } = this.options;
    const signed = parseSigned(payload);
    if (!signed.ok) return signed;
    const { body, key, signature } = signed.value;
    const publicKey = central.keys.session.find(({ id }) => id === key)?.publicKey;
    if (publicKey === undefined) return { ok: false, reason: 'unknown-key' };
    if (this.#welcomesAtWork >= WELCOMES_AT_ONCE) return { ok: false, reason: 'busy' };
    this.#welcomesAtWork += 1;
    const isAuthentic = await sm2.verify(signedBytes('welcome', body), signature, publicKey).finally(() => {
      this.#welcomesAtWork -= 1;
    });
    if (!isAuthentic) return { ok: false, reason: 'forged' };
    const welcome = parseWelcome(body);
    if (!welcome.ok) return welcome;
    if (!this.#answers(welcome.value, hello)) return { ok: false, reason: 'foreign' };
    const { core, coreBytes } = welcome.value;
    const secret = await sm2.decrypt(Buffer.from(core.secret, 'hex'), hello.privateKey);
    if (secret?.length !== 32) return { ok: false, reason: 'late' };
    return {
      ok: true,
      value: { welcome: welcome.value, keys: deriveSessionKeys(secret, hello.body, coreBytes) },
    };
  }

  #answers({ core }: Welcome, { body }: MadeHello): boolean {
    return (
      core.device === this.options.device &&
      core.hello === signedDigest('hello', body).toString('hex') &&
      (SESSION_VERSIONS as readonly number[]).includes(core.version)
    );
  }
}
