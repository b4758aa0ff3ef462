import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { ledgerFolder, readKeyPair } from '../../central/keys.js';
import { scanFrames } from '../../protocol/journal/frame.js';
import { keyFacts, parseRecord } from '../../protocol/journal/record.js';
import { sm2Decrypt } from '../../protocol/sm/sm2.js';
import { kdfSm3 } from '../../protocol/sm/sm3.js';
import { startCardpad } from './support/child.js';
import { TestGate } from './support/gate.js';
import { findInMemory } from './support/memory.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const people = Array.from({ length: 4 }, (_, index) => elder(310 + index, { healthCode: 'green' }));

/** The record keys of a gate's newest start, step by step: those that sealed something, and the one to come. */
async function recordKeys(site: Site): Promise<{ readonly used: Buffer[]; readonly next: Buffer }> {
  const { privateKey } = await readKeyPair(site.central, 'ledger');
  const file = await readFile(join(ledgerFolder(site.central), 'gate-1.cpj'));
  const records = scanFrames(file).frames.flatMap(({ body }) => {
    const parsed = parseRecord(body);
    return parsed.ok ? [parsed.value] : [];
  });
  const newest = records.findLast(({ kind }) => kind === 'key');
  const facts = newest === undefined ? undefined : keyFacts(newest);
  let key = sm2Decrypt(Buffer.from(facts?.wrapped ?? '', 'hex'), privateKey);
  if (newest === undefined || key === undefined) throw new Error('no record key at central');
  const sealed = records.filter(({ epoch, sealed }) => epoch === newest.epoch && sealed?.key === newest.seq);
  const used: Buffer[] = [];
  for (const _ of sealed) {
    used.push(key);
    key = kdfSm3(32, Buffer.from('cardpad/v1/journal/next'), key);
  }
  return { used, next: key };
}

/** The keys that seal the record of a step. */
const sealKeys = (key: Buffer) => kdfSm3(48, Buffer.from('cardpad/v1/journal/seal'), key);

/** Waits for the snapshot of the heap that a signal asked for. */
async function snapshotIn(folder: string): Promise<string> {
  for (;;) {
    const [name] = readdirSync(folder);
    const text = name === undefined ? '' : readFileSync(join(folder, name), 'utf8');
    // V8 writes the strings last.
    if (text.trimEnd().endsWith(']}')) return text;
    await setTimeout(200);
  }
}

// A broker, a central and two starts of a gate take longer than tap's own 30 s on a busy machine.
t.setTimeout(180_000);

t.test(
  'in the memory of a running gate no used step of a record key is left, and on its heap no earlier visitor',
  async (t) => {
    const site = await Site.open(t, { people });
    const gate = await TestGate.open(site, { device: 'gate-1' });
    await gate.process.end('SIGTERM');
    const folder = join(site.folder, 'heap');
    await mkdir(folder);
    // Node's own flags, which the product knows nothing of.
    const flags = ['--heapsnapshot-signal=SIGPWR', `--diagnostic-dir=${folder}`];
    gate.process = startCardpad(site.t, ['run', '--config', gate.config], flags);
    await gate.ready();
    for (const person of people) await gate.visit(person, 'green');
    const { pid } = gate.process;
    if (pid === undefined) throw new Error('no process');

    const { used, next } = await recordKeys(site);
    t.equal(used.length, 8, 'four taps and their verdicts');
    const wanted = new Map([['the key to come', next]]);
    for (const [step, key] of used.entries()) {
      // What sm-crypto makes of the first key while it wraps it stays in its thread's memory until that is used again.
      if (step > 0) wanted.set(`key ${step}`, key);
      wanted.set(`cipher key ${step}`, sealKeys(key).subarray(0, 16));
      wanted.set(`MAC key ${step}`, sealKeys(key).subarray(16));
    }
    t.same(
      [...findInMemory(pid, wanted)],
      ['the key to come'],
      'the search finds what is there, and that alone',
    );

    process.kill(pid, 'SIGPWR');
    const heap = await snapshotIn(folder);
    t.ok(heap.includes('gate-1'), 'the snapshot holds what the gate holds');
    const earlier = people.slice(0, -1).flatMap(({ idNumber, name }) => [idNumber, name]);
    t.same(
      earlier.filter((secret) => heap.includes(secret)),
      [],
    );
  },
);
