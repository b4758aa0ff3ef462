import { randomBytes } from 'node:crypto';
import { connectAsync, type MqttClient } from 'mqtt';
import { sm2Decrypt, sm2Sign } from '../../../protocol/sm/sm2.js';
import { keyId, type Sm2KeyPair } from '../../../protocol/sm/sm2Key.js';
import { type Enrolment, enrolmentBytes } from '../../../protocol/wire/enrolment.js';
import { openSealed, parseDown, sealUp } from '../../../protocol/wire/envelope.js';
import { encodeQuestion, parseVerdict } from '../../../protocol/wire/messages.js';
import {
  deriveSessionKeys,
  encodeHello,
  parseWelcome,
  type SessionKeys,
} from '../../../protocol/wire/session.js';
import { encodeSigned, parseSigned, signedBytes } from '../../../protocol/wire/signed.js';
import { downTopic, upTopic } from '../../../protocol/wire/topics.js';
import { withoutNagle } from './echoKinds.js';
import { tapOf } from './gateJournal.js';

const ANSWER_WITHIN_MS = 5_000;

/** What a gate sends, made before it is needed: its own cost is not in central's figures. */
export interface Prepared {
  readonly kind: 'hello' | 'verify';
  readonly payload: Buffer;
}

/** One of many gates, by its messages alone: greets and asks, and does nothing else. */
export class StreetGate {
  #counter = 0;
  #keys: SessionKeys | undefined;
  #ticket: Buffer = Buffer.alloc(0);
  #helloBody: Buffer = Buffer.alloc(0);
  #answered: (payload: Buffer) => void = () => {};

  private constructor(
    readonly device: string,
    private readonly key: Sm2KeyPair,
    private readonly fresh: Sm2KeyPair,
    private readonly client: MqttClient,
  ) {
    client.on('message', (_topic, payload) => this.#answered(payload));
  }

  /**
   * @param key the device's
   * @param fresh for its sessions: gates of a bench may share both, since central does the same for each
   */
  static async connect(url: string, device: string, key: Sm2KeyPair, fresh: Sm2KeyPair): Promise<StreetGate> {
    const client = await connectAsync(url, { reconnectPeriod: 0, protocolVersion: 5 });
    withoutNagle(client);
    await client.subscribeAsync([downTopic(device, 'welcome'), downTopic(device, 'verdict')], { qos: 0 });
    return new StreetGate(device, key, fresh, client);
  }

  static enrolment(device: string, { publicKey, privateKey }: Sm2KeyPair): Enrolment {
    const signature = sm2Sign(enrolmentBytes(device, publicKey), privateKey, publicKey);
    return { v: 1, device, key: { id: keyId(publicKey), publicKey }, signature };
  }

  hello(): Prepared {
    const { device, key, fresh } = this;
    const nonce = randomBytes(16).toString('hex');
    this.#helloBody = encodeHello({
      ...{ device, sessionKey: fresh.publicKey, nonce, wallMs: 0, place: null, versions: [1] },
    });
    const signature = sm2Sign(signedBytes('hello', this.#helloBody), key.privateKey, key.publicKey);
    return { kind: 'hello', payload: encodeSigned(keyId(key.publicKey), this.#helloBody, signature) };
  }

  /** Opens the welcome to the newest hello. */
  welcome(payload: Buffer): void {
    const signed = parseSigned(payload);
    const welcome = signed.ok ? parseWelcome(signed.value.body) : signed;
    if (!welcome.ok) throw new Error(`not a welcome: ${welcome.reason}`);
    const { core, coreBytes, ticket } = welcome.value;
    const secret = sm2Decrypt(Buffer.from(core.secret, 'hex'), this.fresh.privateKey);
    if (secret === undefined) throw new Error('the secret of a welcome does not open');
    this.#keys = deriveSessionKeys(secret, this.#helloBody, coreBytes);
    this.#ticket = ticket;
  }

  question(token: string): Prepared {
    const { device } = this;
    const keys = this.#inSession();
    const counter = ++this.#counter;
    const payload = sealUp(
      { keys: keys.up, ticket: this.#ticket },
      { direction: 'up', device, kind: 'verify' },
      counter,
      randomBytes(12),
      encodeQuestion({ tap: { epoch: 1, seq: counter }, ...tapOf(token) }),
    );
    return { kind: 'verify', payload };
  }

  /** Sends, and resolves with the answer. One at a time. */
  ask({ kind, payload }: Prepared): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve, reject) => {
      const giveUp = setTimeout(
        () => reject(new Error(`central gave no answer to a ${kind}`)),
        ANSWER_WITHIN_MS,
      );
      this.#answered = (answered) => {
        clearTimeout(giveUp);
        resolve(answered);
      };
    });
    this.client.publish(upTopic(this.device, kind), payload, { qos: 0 });
    return answer;
  }

  /** @throws Error unless it is an authentic verdict that lets pass */
  check(payload: Buffer): void {
    const { device } = this;
    const down = parseDown(payload);
    const address = { direction: 'down', device, kind: 'verdict' } as const;
    const opened = down.ok ? openSealed(this.#inSession().down, address, down.value.sealed) : undefined;
    const verdict = opened === undefined ? undefined : parseVerdict(opened.plaintext);
    if (verdict?.ok !== true || verdict.value.outcome !== 'pass') throw new Error('not the verdict expected');
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }

  #inSession(): SessionKeys {
    if (this.#keys === undefined) throw new Error('no session');
    return this.#keys;
  }
}
