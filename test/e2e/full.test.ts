import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Journal } from '../../daemon/journal/journal.js';
import { TimeKeeper } from '../../daemon/time.js';
import { systemClock } from '../../platform/clock.js';
import { folderDisk } from '../../platform/disk.js';
import { silentLog } from '../../platform/log.js';
import { sm2Encrypt } from '../../protocol/sm/sm2.js';
import { parseCentralPublic } from '../../protocol/wire/enrolment.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { type EventLine, Site } from './support/site.js';

/** The least that a configuration may ask for. */
const MOST = 1_000;
const TAPS = 700;
const ALARM_EVERY = 100;
const visitor = elder(290, { healthCode: 'green' });
const site = await Site.open(t, { people: [visitor] });

/** A journal after a long time without network, fuller than its limit is from now on. */
async function fill(data: string): Promise<void> {
  const known = parseCentralPublic(await readFile(join(site.central, 'central.public.json')));
  const [ledgerKey] = known.ok ? known.value.keys.ledger : [];
  if (ledgerKey === undefined) throw new Error('no ledger key');
  const journal = await Journal.open({
    disk: folderDisk(join(data, 'journal')),
    device: 'gate-1',
    boot: '0123456789abcdef',
    clock: systemClock,
    time: new TimeKeeper(systemClock),
    randomBytes,
    wrapKey: async (key) => ({
      ledgerKey: ledgerKey.id,
      wrapped: sm2Encrypt(key, ledgerKey.publicKey).toString('hex'),
    }),
    // Nobody looks at who signed it here.
    signer: { id: 'd0d1d2d3d4d5d6d7', sign: () => Promise.reject(new Error('not signed')) },
    log: silentLog,
  });
  const content = {
    medium: 'id-card',
    assurance: 'sam',
    validity: 'valid',
    site: 'e2e',
    lane: 'A1',
  } as const;
  for (let taps = 0; taps < TAPS; taps++) {
    if (taps % ALARM_EVERY === 0) journal.append({ kind: 'alarm', content: { alarm: 'central.silent' } });
    const { id: tap } = journal.append({
      kind: 'tap',
      content: { ...content, token: visitor.idNumber, schemes: ['health-code@1'], direction: 'entry' },
    });
    journal.append({
      kind: 'verdict',
      content: {
        tap,
        outcome: 'undetermined',
        reasons: ['sys.offline'],
        action: 'open',
        decidedBy: 'local',
        tookMs: 9,
      },
    });
    if (taps % 32 === 0) await journal.idle();
  }
  await journal.close();
}

/** How many taps and verdicts came, and how many are said to be dropped. */
function visitsIn(lines: readonly EventLine[]) {
  const counts = lines.filter(({ kind }) => kind === 'dropped').map(({ counts }) => counts);
  const dropped = counts.reduce<number>((sum, count) => sum + (count as { readonly visit: number }).visit, 0);
  return { dropped, kept: lines.filter(({ kind }) => kind === 'tap' || kind === 'verdict').length };
}

t.test(
  'offline and full: the oldest visits go, no alarm does, and central is told what is missing',
  async (t) => {
    const gate = await TestGate.open(site, { device: 'gate-1', journal: { maxRecords: MOST } });
    await gate.process.end('SIGTERM');
    const known = (await site.events('gate-1')).length;
    await fill(gate.data);

    // Nobody is at that port.
    await gate.useBroker({ url: 'mqtt://127.0.0.1:9' });
    await gate.process.line(/error .*journal: the journal is full/);
    await gate.process.line(/state=degraded because=.*journal\.dropping/);
    await gate.process.line(/warn .*journal: records dropped for want of room .*visit=\d+/);
    const from = gate.process.written;
    gate.put(visitor);
    const decided = await gate.decided(from);
    gate.lift();
    t.match(decided, { by: 'local', action: 'open' }, 'the gate goes on');
    t.equal((await gate.process.end('SIGTERM')).code, 0);

    await gate.useBroker(site.access);
    const lines = await site.record(
      'gate-1',
      (all) => {
        const { dropped, kept } = visitsIn(all.slice(known));
        return kept + dropped === 2 * (TAPS + 1) && all.slice(known);
      },
      'each visit, or the word that it was dropped',
    );
    const { dropped, kept } = visitsIn(lines);
    t.ok(kept <= MOST && kept > MOST / 4, `${kept} of the visits came`);
    t.ok(
      lines.some(({ kind, epoch, seq }) => kind === 'tap' && epoch === decided.epoch && seq === decided.seq),
      'the newest tap came',
    );
    const alarms = lines.map(({ alarm }) => alarm);
    t.equal(
      alarms.filter((alarm) => alarm === 'central.silent').length,
      TAPS / ALARM_EVERY,
      'every alarm came',
    );
    t.ok(alarms.includes('journal.dropping'));

    const { code, stdout } = await site.verify();
    t.equal(code, 0, stdout);
    t.match(
      stdout,
      new RegExp(`gate-1 declared gap: dropped for want of room in 2/\\d+..2/\\d+: ${dropped} visit`),
    );
  },
);
