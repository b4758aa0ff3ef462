import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadIdentity } from '../../../daemon/identity.js';
import { Journal } from '../../../daemon/journal/journal.js';
import { TimeKeeper } from '../../../daemon/time.js';
import { systemClock } from '../../../platform/clock.js';
import { folderDisk } from '../../../platform/disk.js';
import { silentLog } from '../../../platform/log.js';
import { sm2Encrypt, sm2Sign } from '../../../protocol/sm/sm2.js';
import { parseCentralPublic } from '../../../protocol/wire/enrolment.js';
import type { Person } from './people.js';
import type { Site } from './site.js';

/** Records appended between two looks at the disk: a record key is then ready in time. */
const AT_ONCE = 64;

/**
 * A gate's journal after a long time without network: taps and their verdicts, as the daemon writes them.
 * @returns `seq` of the last record of its epoch, which is 1
 */
export async function leaveBacklog(
  site: Site,
  device: string,
  data: string,
  people: readonly Person[],
  records: number,
): Promise<number> {
  const known = parseCentralPublic(await readFile(join(site.central, 'central.public.json')));
  const [ledgerKey] = known.ok ? known.value.keys.ledger : [];
  if (ledgerKey === undefined) throw new Error('no ledger key');
  const { key: deviceKey } = await loadIdentity(data, device);
  const journal = await Journal.open({
    disk: folderDisk(join(data, 'journal')),
    device,
    boot: '0123456789abcdef',
    clock: systemClock,
    time: new TimeKeeper(systemClock),
    randomBytes,
    wrapKey: async (key) => ({
      ledgerKey: ledgerKey.id,
      wrapped: sm2Encrypt(key, ledgerKey.publicKey).toString('hex'),
    }),
    signer: {
      id: deviceKey.id,
      sign: async (message) => sm2Sign(message, deviceKey.privateKey, deviceKey.publicKey),
    },
    log: silentLog,
  });
  for (let events = 0; events < records; events += 2) {
    const person = people[(events / 2) % people.length];
    const { id: tap } = journal.append({
      kind: 'tap',
      content: {
        medium: 'id-card',
        assurance: 'sam',
        validity: 'valid',
        token: person?.idNumber ?? '',
        schemes: ['health-code@1'],
        site: 'e2e',
        lane: 'A1',
        direction: 'entry',
      },
    });
    journal.append({
      kind: 'verdict',
      content: {
        tap,
        outcome: 'pass',
        reasons: ['health.green'],
        action: 'open',
        decidedBy: 'central',
        tookMs: 9,
      },
    });
    if (events % AT_ONCE === 0) await journal.idle();
  }
  const { seq } = journal.newest;
  await journal.close();
  return seq;
}
