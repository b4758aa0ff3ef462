import type { Drops } from '../../platform/drops.js';
import type { Log } from '../../platform/log.js';
import { parseAlarmMessage } from '../../protocol/wire/alarm.js';
import { encodeAck } from '../../protocol/wire/messages.js';
import { type Enrolments, enrolledKey } from '../enrolments.js';
import { ReplayGuard } from '../rules/limits.js';
import type { Envelopes, OpenedUp } from '../session/envelopes.js';
import type { Alarms } from './alarms.js';

/** A gate sends eight at once, and whatever is raised meanwhile. */
const UNDER_WAY_A_DEVICE = 16;

export interface AlarmIntakeOptions {
  readonly envelopes: Envelopes;
  readonly enrolments: () => Enrolments;
  readonly alarms: Pick<Alarms, 'raised'>;
  readonly log: Log;
  readonly drops: Drops;
  /** Sends an ack, QoS 1. @param asked the payload that it answers */
  readonly sendAck: (device: string, payload: Buffer, asked: Uint8Array) => boolean;
}

/**
 * Takes alarms that go ahead of their records: tells of them, then acknowledges. Nothing is stored, since the ledger takes
 * records in their order alone.
 */
export class AlarmIntake {
  readonly #replays = new ReplayGuard();
  readonly #underWay = new Map<string, number>();

  constructor(private readonly options: AlarmIntakeOptions) {}

  /** @param device from the topic */
  async handle(device: string, payload: Buffer): Promise<void> {
    const { drops, enrolments } = this.options;
    if (enrolledKey(enrolments(), device) === undefined) return drops.count('alarm', device, 'not-enrolled');
    const underWay = this.#underWay.get(device) ?? 0;
    if (underWay >= UNDER_WAY_A_DEVICE) return drops.count('alarm', device, 'busy');
    this.#underWay.set(device, underWay + 1);
    try {
      await this.#take(device, payload);
    } finally {
      const left = (this.#underWay.get(device) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(device);
      else this.#underWay.set(device, left);
    }
  }

  async #take(device: string, payload: Buffer): Promise<void> {
    const { envelopes, alarms, drops } = this.options;
    const opened = await envelopes.open(device, 'alarm', payload);
    if (!opened.ok) return drops.count('alarm', device, opened.reason);
    const { session, counter, plaintext } = opened.value;
    const message = parseAlarmMessage(plaintext);
    if (!message.ok) return drops.count('alarm', device, message.reason, 'error');
    // A gate that sends it again seals it anew.
    if (this.#replays.look(session.id, counter) !== 'new') return drops.count('alarm', device, 'replayed');
    this.#replays.answered(session.id, counter);
    alarms.raised(device, message.value);
    const { epoch, seq } = message.value;
    this.#answer(device, opened.value, encodeAck({ alarm: { epoch, seq } }), payload);
  }

  #answer(device: string, { session }: OpenedUp, ack: Buffer, payload: Buffer): void {
    const { envelopes, sendAck, log } = this.options;
    if (!sendAck(device, envelopes.seal(session, 'ack', ack), payload))
      log.debug('alarm ack not sent', { device });
  }
}
