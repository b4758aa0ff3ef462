import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { loadIdentity } from '../../../daemon/identity.js';
import { Journal } from '../../../daemon/journal/journal.js';
import { DEFAULT_LIMITS, type JournalLimits, type JournalOptions } from '../../../daemon/journal/options.js';
import type { TimeKeeper } from '../../../daemon/time.js';
import { systemClock as clock } from '../../../platform/clock.js';
import { folderDisk } from '../../../platform/disk.js';
import { silentLog as log } from '../../../platform/log.js';
import type { Sm2Service } from '../../../platform/sm2/service.js';
import type { TapContent, VerdictContent } from '../../../protocol/journal/seal.js';
import { SYSTEM_REASONS } from '../../../protocol/verdict.js';
import type { TapId } from '../../../protocol/wire/messages.js';
import { inLanes } from '../rounds.js';

export interface GateJournalOptions {
  /** The gate's data folder, as `provision` made it. */
  readonly dataDir: string;
  readonly device: string;
  readonly sm2: Sm2Service;
  readonly time: TimeKeeper;
  /** Default: the gate's own. */
  readonly folder?: string;
  /** Default: the gate's own. */
  readonly limits?: JournalLimits;
}

/** Record keys on their way. */
const wrapping = new Set<Promise<unknown>>();

/** A gate's journal on disk as the daemon opens it. */
export async function openGateJournal(options: GateJournalOptions): Promise<Journal> {
  return Journal.open(await gateJournalOptions(options));
}

/** What it is opened with: the gate's identity has been read. */
export async function gateJournalOptions(options: GateJournalOptions): Promise<JournalOptions> {
  const { dataDir, device, sm2, time, folder = join(dataDir, 'journal'), limits = DEFAULT_LIMITS } = options;
  const { central, key: deviceKey } = await loadIdentity(dataDir, device);
  const [ledgerKey] = central.keys.ledger;
  if (ledgerKey === undefined) throw new RangeError('central has no ledger key');
  return {
    ...{
      disk: folderDisk(folder),
      device,
      clock,
      time,
      boot: randomBytes(8).toString('hex'),
      randomBytes,
      limits,
      log,
    },
    wrapKey: async (key) => {
      const encrypting = sm2.encrypt(key, ledgerKey.publicKey);
      wrapping.add(encrypting);
      const wrapped = await encrypting.finally(() => wrapping.delete(encrypting));
      return { ledgerKey: ledgerKey.id, wrapped: Buffer.from(wrapped).toString('hex') };
    },
    signer: { id: deviceKey.id, sign: (message) => sm2.sign(message, deviceKey) },
  };
}

/** What a card's being read comes to. @param token an ID number */
export const tapOf = (token: string): TapContent => ({
  ...{ medium: 'id-card', assurance: 'sam', validity: 'valid', token },
  ...{ schemes: ['health-code@1'], site: 'bench', lane: 'A1', direction: 'entry' },
});

/** What comes of a tap when central says yes. */
export const passed = (tap: TapId): VerdictContent => ({
  ...{ tap, outcome: 'pass', reasons: ['health.green'], action: 'open' },
  ...{ decidedBy: 'central', tookMs: 1 },
});

/** What comes of a tap without a network: registered by local rule. */
const registered = (tap: TapId): VerdictContent => ({
  ...{ tap, outcome: 'undetermined', reasons: [SYSTEM_REASONS.offline], action: 'open' },
  ...{ decidedBy: 'local', tookMs: 1 },
});

/** So many at once share few flushes: this is not measured. */
const VISITS_AT_ONCE = 128;

/**
 * Visits that a gate saw while it was alone: a tap and its verdict each. Resolves when they are on disk. A gate never
 * outruns its SM2 thread, and this waits for it: central takes no record that is 1,024 steps behind its key.
 */
export async function appendVisits(journal: Journal, visits: number, token: string): Promise<void> {
  const content = tapOf(token);
  await inLanes(VISITS_AT_ONCE, visits, async () => {
    if (wrapping.size > 0) await Promise.all(wrapping);
    const { id } = journal.append({ kind: 'tap', content });
    await journal.append({ kind: 'verdict', content: registered(id) }).durable;
  });
}
