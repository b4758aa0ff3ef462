import { kdfSm3 } from '../../../protocol/sm/sm3.js';
import type { Batch, Question, State, Verdict } from '../../../protocol/wire/messages.js';
import type { Hello, SessionKeys, TicketKey, WelcomeCore } from '../../../protocol/wire/session.js';

/** Bytes that look random and are the same in every run. */
export const bytesOf = (label: string, length: number): Buffer => kdfSm3(length, Buffer.from(label));
export const hexOf = (label: string, length: number): string => bytesOf(label, length).toString('hex');

export const PLACE = { epoch: 3, seq: 41, head: hexOf('head', 32) } as const;

export const HELLO: Hello = {
  device: 'gz-bus-a1',
  sessionKey: `04${hexOf('session key', 64)}`,
  nonce: hexOf('nonce', 16),
  wallMs: 1_767_225_600_000,
  place: PLACE,
  versions: [1],
};

export const CORE: WelcomeCore = {
  device: 'gz-bus-a1',
  hello: hexOf('hello digest', 32),
  versions: [1],
  version: 1,
  secret: `04${hexOf('encrypted secret', 128)}`,
  lifetimeMs: 3_600_000,
  wallMs: 1_767_225_600_500,
  place: null,
};

export const KEYS: SessionKeys = {
  up: { cipherKey: bytesOf('up cipher', 16), macKey: bytesOf('up mac', 32) },
  down: { cipherKey: bytesOf('down cipher', 16), macKey: bytesOf('down mac', 32) },
};

export const TICKET_KEY: TicketKey = {
  id: hexOf('ticket key', 8),
  keys: { cipherKey: bytesOf('ticket cipher', 16), macKey: bytesOf('ticket mac', 32) },
};

export const QUESTION: Question = {
  tap: { epoch: 3, seq: 42 },
  medium: 'id-card',
  assurance: 'sam',
  validity: 'valid',
  token: '11010519491231002X',
  schemes: ['health-code@1'],
  site: 'gz-bus',
  lane: 'A1',
  direction: 'entry',
};

export const VERDICT: Verdict = {
  re: 7,
  tap: { epoch: 3, seq: 42 },
  outcome: 'pass',
  reasons: ['health.green'],
  asOfMs: 1_767_225_600_000,
  validForMs: 0,
  show: { name: '王**', tail: '002X' },
};

export const BATCH: Batch = {
  epoch: 3,
  first: 1,
  previous: hexOf('base', 32),
  records: [Buffer.from('one'), Buffer.from('two')],
};

export const STATE: State = { state: 'ready', connection: 4, boot: hexOf('boot', 8) };
