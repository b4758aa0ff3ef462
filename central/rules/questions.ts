import type { Clock } from '../../platform/clock.js';
import type { Drops } from '../../platform/drops.js';
import type { Log } from '../../platform/log.js';
import {
  encodeVerdict,
  parseQuestion,
  type Question,
  type TapId,
  type Verdict,
} from '../../protocol/wire/messages.js';
import type { Envelopes } from '../session/envelopes.js';
import { factsOf } from './facts.js';
import { type QuestionRate, RateLimit, ReplayGuard } from './limits.js';
import type { People, Person } from './people.js';
import { type Answer, judge, type RuleTable } from './rules.js';

export interface QuestionOptions {
  readonly envelopes: Envelopes;
  readonly rules: () => RuleTable;
  readonly people: () => People;
  readonly clock: Clock;
  readonly log: Log;
  readonly drops: Drops;
  /** Where the same process sees the journals too. */
  readonly watch: { asked(device: string, tap: TapId): void } | undefined;
  readonly rate?: QuestionRate;
  /** Sends a verdict, QoS 0. @param asked the question's payload */
  readonly send: (device: string, payload: Buffer, asked: Uint8Array) => void;
}

/** What the attendant's screen may show of a person: no more than is needed to speak to the right one. */
function shown({ name, idNumber }: Person): NonNullable<Verdict['show']> {
  const [initial = ''] = name?.reveal() ?? '';
  return { name: `${initial}*`, tail: idNumber.reveal().slice(-4).toUpperCase() };
}

/** Answers questions. A question has no effect: nothing here remembers who came. */
export class Questions {
  readonly #limit: RateLimit;
  readonly #replays = new ReplayGuard();
  #answered = 0;

  constructor(private readonly options: QuestionOptions) {
    this.#limit = new RateLimit(options.clock, options.rate);
  }

  get answered(): number {
    return this.#answered;
  }

  /** @param device from the topic */
  async handle(device: string, payload: Uint8Array): Promise<void> {
    const { envelopes, drops, clock, watch } = this.options;
    const startMs = clock.monotonicMs();
    const drop = (reason: string) => drops.count('verify', device, reason);
    const opened = await envelopes.open(device, 'verify', payload);
    if (!opened.ok) return drop(opened.reason);
    const { session, counter, plaintext } = opened.value;
    const question = parseQuestion(plaintext);
    if (!question.ok) return drop(question.reason);
    const seen = this.#replays.look(session.id, counter);
    if (seen === 'replayed') return drop('replayed');
    if (seen === 'new' && !this.#limit.take(device)) return drop('rate');
    this.#replays.answered(session.id, counter);
    const { answer, verdict } = this.#verdict(counter, question.value);
    this.options.send(device, envelopes.seal(session, 'verdict', encodeVerdict(verdict)), payload);
    this.#answered += 1;
    if (seen === 'new') watch?.asked(device, question.value.tap);
    this.#say(device, question.value, answer, clock.monotonicMs() - startMs, seen);
  }

  #verdict(re: number, question: Question): { answer: Answer; verdict: Verdict } {
    const { people, rules, clock } = this.options;
    const nowMs = Math.floor(clock.wallMs());
    const person = people().find(question.medium, question.token);
    const answer = judge(rules(), question.schemes, factsOf(question, person, nowMs));
    const verdict = {
      re,
      tap: question.tap,
      outcome: answer.outcome,
      reasons: [...answer.reasons],
      asOfMs: nowMs,
      validForMs: 0,
      ...(person === undefined ? {} : { show: shown(person) }),
    };
    return { answer, verdict };
  }

  #say(device: string, question: Question, answer: Answer, tookMs: number, seen: 'new' | 'resend'): void {
    const { tap, medium, direction, lane } = question;
    this.options.log.info('answered', {
      device,
      tap: `${tap.epoch}/${tap.seq}`,
      outcome: answer.outcome,
      reasons: answer.reasons.join('+'),
      medium,
      direction,
      lane,
      tookMs: Math.round(tookMs * 1000) / 1000,
      resend: seen === 'resend' ? true : undefined,
    });
  }
}
