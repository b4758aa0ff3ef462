import {
  encodeRecord,
  type JournalRecord,
  RECORD_CLASSES,
  type StartFacts,
} from '../../../protocol/journal/record.js';
import type {
  AlarmContent,
  PassageContent,
  TapContent,
  VerdictContent,
  VoidContent,
} from '../../../protocol/journal/seal.js';
import { bytesOf, hexOf, PLACE } from '../wire/samples.js';

export const DEVICE = 'gz-bus-a1';

export const START: StartFacts = { device: DEVICE, nonce: hexOf('epoch nonce', 8), previous: PLACE };

export const RECORD: JournalRecord = {
  v: 1,
  epoch: 4,
  seq: 1,
  kind: 'start',
  class: RECORD_CLASSES.chain,
  boot: hexOf('boot', 8),
  monoMs: 12_345,
  wallMs: 1_767_225_600_000,
  trusted: false,
  clear: { ...START },
};

export const SEALED_RECORD: JournalRecord = {
  v: 1,
  epoch: 4,
  seq: 3,
  kind: 'tap',
  class: RECORD_CLASSES.visit,
  boot: RECORD.boot,
  monoMs: 20_000,
  wallMs: 1_767_225_607_655,
  trusted: true,
  sealed: { key: 2, step: 0, box: bytesOf('box', 300) },
};

export const TAP: TapContent = {
  medium: 'id-card',
  assurance: 'sam',
  validity: 'valid',
  token: '11010519491231002X',
  schemes: ['health-code@1'],
  site: 'gz-bus',
  lane: 'A1',
  direction: 'entry',
};

export const VERDICT: VerdictContent = {
  tap: { epoch: 4, seq: 3 },
  outcome: 'pass',
  reasons: ['health.green'],
  action: 'open',
  decidedBy: 'central',
  tookMs: 41.5,
};

export const ALARM: AlarmContent = {
  alarm: 'identity.duplicate',
  detail: { boot: hexOf('boot', 8), other: hexOf('other boot', 8) },
};

export const VOID: VoidContent = { tap: { epoch: 4, seq: 3 }, reason: 'card.damaged' };

export const PASSAGE: PassageContent = { tap: { epoch: 4, seq: 3 }, direction: 'entry' };

/** A chain of records of one epoch, as their bytes. */
export function records(count: number): readonly { readonly record: JournalRecord; readonly body: Buffer }[] {
  return Array.from({ length: count }, (_, index) => {
    const record: JournalRecord = index === 0 ? RECORD : { ...SEALED_RECORD, seq: index + 1 };
    return { record, body: encodeRecord(record) };
  });
}
