import t from 'tap';
import { portPair } from '../../drivers/simulated/portPair.js';
import { randomBytes, seededRandom } from '../../drivers/simulated/random.js';
import { ManualClock, systemClock } from '../../platform/clock.js';
import { portContract } from '../drivers/ports/contract.js';
import { faultyPort, noPortFaults, type PortFaults } from './faultyPort.js';
import { settle } from './waiting.js';

function line(faults: Partial<PortFaults>, seed = 7, clock: ManualClock | typeof systemClock = systemClock) {
  const { near, far } = portPair();
  const all = { ...noPortFaults(), ...faults };
  return { near: faultyPort(near, all, seededRandom(seed), clock), far, faults: all };
}

t.test('without faults it is a port like any other', (t) =>
  portContract(t, async () => {
    const { near, far } = line({});
    return { near, far, cut: () => void far.close() };
  }),
);

t.test('pieces of any size are still the same bytes in the same order', (t) =>
  portContract(t, async () => {
    const { near, far } = line({ split: true });
    return { near, far, cut: () => void far.close() };
  }),
);

async function arrived(faults: Partial<PortFaults>, seed: number, sent: Buffer): Promise<Buffer> {
  const { near, far } = line(faults, seed);
  const chunks: Uint8Array[] = [];
  near.onData((chunk) => chunks.push(chunk));
  await far.write(sent);
  await settle();
  return Buffer.concat(chunks);
}

t.test('bytes are lost, flipped and put in, the same ones for the same seed', async (t) => {
  const sent = randomBytes(seededRandom(1), 4_000);
  for (const fault of ['lost', 'flipped', 'inserted'] as const) {
    const once = await arrived({ [fault]: 0.01 }, 5, sent);
    t.notOk(once.equals(sent), fault);
    t.ok((await arrived({ [fault]: 0.01 }, 5, sent)).equals(once), `${fault}: the same seed`);
    t.notOk((await arrived({ [fault]: 0.01 }, 6, sent)).equals(once), `${fault}: another seed`);
  }
  t.ok((await arrived({ lost: 0.01 }, 5, sent)).length < sent.length);
  t.equal((await arrived({ flipped: 0.01 }, 5, sent)).length, sent.length);
  t.ok((await arrived({ inserted: 0.01 }, 5, sent)).length > sent.length);
});

t.test('chunks wait for one another and arrive as one', async (t) => {
  const clock = new ManualClock();
  const { near, far } = line({ mergeMs: 20 }, 3, clock);
  const chunks: Uint8Array[] = [];
  near.onData((chunk) => chunks.push(chunk));
  await far.write(Uint8Array.of(1));
  await far.write(Uint8Array.of(2, 3));
  await settle();
  t.same(chunks, []);
  clock.advance(20);
  t.same(
    chunks.map((chunk) => [...chunk]),
    [[1, 2, 3]],
  );
});

t.test('a mute line swallows both ways and tells nobody', async (t) => {
  const { near, far, faults } = line({ mute: true });
  const heard: string[] = [];
  near.onData(() => heard.push('near'));
  far.onData(() => heard.push('far'));
  await near.write(Uint8Array.of(1));
  await far.write(Uint8Array.of(1));
  await settle();
  t.same(heard, []);
  faults.mute = false;
  await near.write(Uint8Array.of(1));
  await far.write(Uint8Array.of(1));
  await settle();
  t.same(heard.sort(), ['far', 'near']);
});
