import type { Fault, Whose } from './day.js';
import { between } from './sim/clock.js';
import { wellDisk } from './sim/disk.js';
import type { Path } from './sim/network.js';
import type { Street } from './street.js';

const HOSTILE_EVERY_MS = 400;
const MOST_HOSTILE = 40;

/** Sets a path's condition for a while. */
function disturb(
  street: Street,
  whose: Whose,
  forMs: number,
  change: Partial<Path>,
  back: Partial<Path>,
): void {
  const path = street.paths[whose];
  Object.assign(path, change);
  path.changed();
  street.time.after(forMs, () => {
    Object.assign(path, back);
    path.changed();
  });
}

function forAWhile<T extends object>(
  street: Street,
  forMs: number,
  target: T,
  change: Partial<T>,
  back: NoInfer<Partial<T>>,
): void {
  Object.assign(target, change);
  street.time.after(forMs, () => Object.assign(target, back));
}

/** Something hostile, again and again for a while. */
function again(street: Street, forMs: number, act: () => void): void {
  const random = street.stream(`hostile at ${street.time.nowMs}`);
  const times = Math.min(MOST_HOSTILE, Math.ceil(forMs / HOSTILE_EVERY_MS));
  for (let time = 0; time < times; time++) street.time.after(between(random, 0, forMs), act);
}

function cutConnections(street: Street, whose: Whose): void {
  const prefix = whose === 'central' ? 'cardpad-central-' : 'cardpad-gz-';
  for (const client of street.broker.clients) if (client.startsWith(prefix)) street.broker.cut(client);
}

function stepClock(street: Street, whose: Whose, byMs: number): void {
  if (whose === 'central') street.seen.isTimeTrue = false;
  street[whose].machine.wallOffsetMs += byMs;
}

const WELL: Partial<Path> = { mode: 'open' };

/** Lets one fault happen. */
export function strike(street: Street, fault: Fault): void {
  const { seen, time, broker, central, gate, reader, hostile } = street;
  seen.faults[fault.kind] = (seen.faults[fault.kind] ?? 0) + 1;
  switch (fault.kind) {
    case 'network-refused':
      return disturb(street, fault.whose, fault.forMs, { mode: 'refused' }, WELL);
    case 'network-dead':
      return disturb(street, fault.whose, fault.forMs, { mode: 'dead' }, WELL);
    case 'network-slow':
      return disturb(street, fault.whose, fault.forMs, { latencyMs: fault.latencyMs }, { latencyMs: [1, 8] });
    case 'network-lossy':
      return disturb(street, fault.whose, fault.forMs, { loss: fault.loss }, { loss: 0 });
    case 'network-doubles':
      return disturb(street, fault.whose, fault.forMs, { doubled: 0.5 }, { doubled: 0 });
    case 'network-cut':
      return cutConnections(street, fault.whose);
    case 'broker-restart':
      broker.stop(fault.keepRetained);
      time.after(fault.forMs, () => broker.start());
      return;
    case 'central-stop':
      return void central.restart(fault.forMs);
    case 'central-kill':
      return void central.kill(fault.forMs, fault.torn);
    case 'central-backup':
      return void central.backUp();
    case 'central-restore':
      return void central.restore(fault.forMs);
    case 'central-tickets':
      return void central.replaceTicketKeys();
    case 'clock':
      return stepClock(street, fault.whose, fault.byMs);
    case 'gate-kill':
      return gate.kill(fault.forMs);
    case 'gate-restart':
      return void gate.restart(fault.forMs);
    case 'power-cut':
      return gate.cutPower(fault.forMs, fault.cut);
    case 'disk-slow':
      return forAWhile(
        street,
        fault.forMs,
        gate.diskHealth,
        { slowestSyncMs: fault.slowestSyncMs },
        { slowestSyncMs: wellDisk().slowestSyncMs },
      );
    case 'disk-full':
      return forAWhile(street, fault.forMs, gate.diskHealth, { full: true }, { full: false });
    case 'disk-failing':
      return forAWhile(street, fault.forMs, gate.diskHealth, { failing: true }, { failing: false });
    case 'reader-noise': {
      seen.hadBadLine = true;
      const { rate } = fault;
      return forAWhile(
        street,
        fault.forMs,
        reader.faults,
        { lost: rate, flipped: rate, inserted: rate },
        { lost: 0, flipped: 0, inserted: 0 },
      );
    }
    case 'reader-pieces':
      return forAWhile(
        street,
        fault.forMs,
        reader.faults,
        { split: true, mergeMs: fault.mergeMs },
        { split: false, mergeMs: 0 },
      );
    case 'reader-mute':
      seen.hadBadLine = true;
      return forAWhile(street, fault.forMs, reader.faults, { mute: true }, { mute: false });
    case 'reader-closed':
      seen.hadBadLine = true;
      reader.close();
      return forAWhile(street, fault.forMs, reader, { refuses: true }, { refuses: false });
    case 'hostile-replay':
      return again(street, fault.forMs, () => hostile.replay(fault.retain));
    case 'hostile-garbage':
      return again(street, fault.forMs, () => hostile.garbage(fault.retain));
    case 'hostile-answers':
      return forAWhile(street, fault.forMs, hostile, { answers: true }, { answers: false });
    case 'hostile-misdirect':
      return again(street, fault.forMs, () => hostile.misdirect());
  }
}
