/**
 * ENOSPC, EIO and EROFS at every operation of a run: list, read, create, append, sync, truncate, replace, remove, close,
 * once or several times in a row. Whatever was called durable stays, in a chain without a gap; a journal that could open
 * goes on a second after the disk is well, and one that could not opens at the next start.
 */
import t from 'tap';
import type { Journal } from '../../../daemon/journal/journal.js';
import { ManualClock } from '../../../platform/clock.js';
import { codeOf } from '../../../protocol/errors.js';
import { failingDisk } from '../../support/failingDisk.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { drain, openOn, tap, verdictOn } from './bench.js';

const HOUR_MS = 3_600_000;
const CODES = ['ENOSPC', 'EIO', 'EROFS'] as const;
const LIVES = 3;
const VISITS = 4;
/** Longer than any row of faults, each of which costs one. */
const SECONDS_TO_RECOVER = 8;
/** Starts until the disk is well again, and more than any that fail. */
const MOST_STARTS = 12;
/** A kind of code that a restart is worth: all others are faults. */
const REFUSED = ['journal.write', ...CODES];

interface Run {
  readonly disk: MemoryDisk;
  readonly operations: number;
  /** `epoch/seq kind`, in the order in which they were called durable. */
  readonly durable: readonly string[];
  /** Records that central has and the disk need not keep. */
  readonly delivered: ReadonlySet<string>;
  /** Something could not be read while a journal opened. */
  readonly unreadAtStart: boolean;
  readonly faults: readonly string[];
}

async function live(fail: (number: number, what: string) => string | undefined): Promise<Run> {
  const memory = new MemoryDisk();
  const durable: string[] = [];
  const delivered = new Set<string>();
  const faults: string[] = [];
  let unreadAtStart = false;
  let isOpening = false;
  const { disk, operations } = failingDisk(memory, (number, what) => {
    const code = fail(number, what);
    if (code !== undefined && what === 'read' && isOpening) unreadAtStart = true;
    return code;
  });
  const clock = new ManualClock();

  const open = async (): Promise<Journal | undefined> => {
    for (let start = 0; start < MOST_STARTS; start++) {
      isOpening = true;
      try {
        return (await openOn(disk, clock)).journal;
      } catch (thrown) {
        if (!REFUSED.includes(codeOf(thrown) ?? '')) faults.push(`a start fails: ${thrown}`);
      } finally {
        isOpening = false;
      }
    }
    faults.push(`no start in ${MOST_STARTS} succeeded`);
    return undefined;
  };

  for (let life = 0; life < LIVES; life++) {
    const journal = await open();
    if (journal === undefined) break;
    const write = (content: Parameters<Journal['append']>[0]) => {
      const appended = journal.append(content, content.kind === 'verdict' ? 'later' : 'now');
      appended.durable.then(
        () => durable.push(`${appended.id.epoch}/${appended.id.seq} ${content.kind}`),
        () => {},
      );
      return appended;
    };
    for (let visit = 0; visit < VISITS; visit++) {
      const { id } = write(tap);
      if (visit % 2 === 0) await journal.idle();
      write(verdictOn(id));
      // Some are flushed with the next tap.
      if (visit % 3 !== 0) await journal.idle();
      clock.advance(1_000);
      await journal.idle();
    }
    // What is older than three days goes, as far as central has it.
    if (life === LIVES - 1) {
      const sent = await drain(journal).catch(() => undefined);
      const last = sent?.records.at(-1);
      if (sent !== undefined && last !== undefined) {
        for (const name of sent.names) delivered.add(name);
        for (let times = 0; times < 2; times++) {
          await journal.acknowledged(last).catch((thrown) => faults.push(`acknowledged: ${thrown}`));
          // A retry is a second away: it never comes before what has failed is over.
          await journal.idle();
          clock.advance(73 * HOUR_MS);
        }
      }
    }
    // The last one may be hit itself; then the disk is well, since each fault has its number.
    const isTaken = async () => {
      for (let second = 0; second < SECONDS_TO_RECOVER; second++) {
        clock.advance(1_000);
        await journal.idle();
      }
      return write(tap).durable.then(
        () => true,
        () => false,
      );
    };
    if (!(await isTaken()) && !(await isTaken())) faults.push(`life ${life} does not recover`);
    await journal.close();
  }
  return { disk: memory, operations: operations(), durable, delivered, unreadAtStart, faults };
}

/** What a start finds that knows nothing of it all, on the disk and on what a power cut would leave of it. */
async function faultsOf({ disk, durable, delivered, unreadAtStart, faults }: Run): Promise<string[]> {
  const found = [...faults];
  for (const [left, what] of [
    [disk, 'the disk'],
    [disk.cut('lost'), 'a power cut'],
  ] as const) {
    const { journal } = await openOn(left);
    const sent = await drain(journal).catch((thrown: Error) => {
      // A start that could not read what was before it says so by naming an older place: central sees it.
      const isTied = unreadAtStart && /tied to|other head/.test(thrown.message);
      if (!isTied) found.push(`${what}: ${thrown.message}`);
      return undefined;
    });
    if (sent === undefined) continue;
    const there = new Set(sent.names);
    if (there.size !== sent.names.length) found.push(`${what}: a number stands there twice`);
    for (const name of durable)
      if (!there.has(name) && !delivered.has(name)) found.push(`${what}: ${name} is lost`);
  }
  return found;
}

const whole = await live(() => undefined);

t.test('the run that is spoiled below does all that a journal does', async (t) => {
  t.same(await faultsOf(whole), []);
  t.equal(whole.durable.length, LIVES * (2 * VISITS + 1));
  t.ok(whole.delivered.size > 0);
  t.ok(
    whole.disk.log.some((line) => line.startsWith('remove ')),
    'segments are removed',
  );
});

for (const times of [1, 2, 5]) {
  t.test(`every operation fails in its turn, ${times} in a row`, async (t) => {
    let spoiled = 0;
    for (let at = 1; at <= whole.operations; at++) {
      for (const code of CODES) {
        const run = await live((number) => (number >= at && number < at + times ? code : undefined));
        const faults = await faultsOf(run);
        if (faults.length > 0) t.fail(`${code} from operation ${at}`, { faults });
        spoiled += 1;
      }
    }
    t.comment(`${spoiled} runs of about ${whole.operations} operations`);
    t.ok(spoiled > 100, `${spoiled} runs`);
  });
}

t.test('one kind of operation fails for as long as a life lasts', async (t) => {
  for (const kind of ['append', 'sync', 'create', 'truncate', 'remove', 'close', 'read']) {
    for (const code of CODES) {
      // From the first visit of the second life to its end.
      const from = Math.round(whole.operations * 0.4);
      const to = Math.round(whole.operations * 0.55);
      const run = await live((number, what) =>
        what === kind && number > from && number < to ? code : undefined,
      );
      t.same(await faultsOf(run), [], `${kind} ${code}`);
    }
  }
});
