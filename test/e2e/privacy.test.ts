import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Capture } from './support/capture.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { filesBelow, type Source, search } from './support/search.js';
import { type EventLine, Site } from './support/site.js';

const people = [
  elder(90, { healthCode: 'green' }),
  elder(91, { healthCode: 'red' }),
  elder(92, { healthCode: 'yellow' }),
  elder(93, { healthCode: 'green' }),
  elder(94, { healthCode: 'green' }),
] as const;
const [green, red, yellow, damaged, offline] = people;
/** What no one may find: numbers, also without their check character and by their last digits, and names. */
const secrets = people.flatMap(({ idNumber, name }) => [
  idNumber,
  idNumber.slice(0, 17),
  idNumber.slice(-12),
  name,
]);

/** Everything that was ever on either side, the list of people that the test gave to central excepted. */
async function everything(site: Site, gates: readonly TestGate[], captures: readonly Capture[]) {
  const said = [site.service, ...gates.map((gate) => gate.process)].flatMap((child, at): Source[] => [
    { where: `stdout of process ${at}`, bytes: Buffer.from(child.stdout) },
    { where: `stderr of process ${at}`, bytes: Buffer.from(child.stderr) },
  ]);
  const sent = captures
    .flatMap(({ messages }) => messages)
    .map(({ topic, payload }) => ({
      where: `message on ${topic}`,
      bytes: Buffer.concat([Buffer.from(topic), payload]),
    }));
  const folders = [site.central, ...gates.flatMap((gate) => [gate.data, gate.gpio])];
  const files = (await Promise.all(folders.map(filesBelow))).flat();
  return { said, sent, files, all: [...said, ...sent, ...files] };
}

t.test('the search finds what is planted, in each encoding and at each place', async (t) => {
  const text = green.name;
  const number = green.idNumber;
  const encodings: Record<string, (text: string) => Buffer> = {
    'UTF-8': (plain) => Buffer.from(plain),
    'UTF-16LE': (plain) => Buffer.from(plain, 'utf16le'),
    'UTF-16BE': (plain) => Buffer.from(plain, 'utf16le').swap16(),
  };
  const wrappings: Record<string, (bytes: Buffer) => Buffer> = {
    plain: (bytes) => bytes,
    hex: (bytes) => Buffer.from(bytes.toString('hex')),
    HEX: (bytes) => Buffer.from(bytes.toString('hex').toUpperCase()),
    base64: (bytes) => Buffer.from(bytes.toString('base64')),
    base64url: (bytes) => Buffer.from(bytes.toString('base64url')),
  };
  for (const secret of [text, number]) {
    for (const [charset, encode] of Object.entries(encodings)) {
      for (const [wrapping, wrap] of Object.entries(wrappings)) {
        for (const before of [0, 1, 2, 3, 4]) {
          const bytes = wrap(Buffer.concat([randomBytes(before), encode(secret), randomBytes(5)]));
          const found = search([{ where: 'here', bytes }], [secret]);
          t.ok(found.length > 0, `${charset} in ${wrapping} behind ${before} bytes`);
        }
      }
    }
  }
  t.same(
    search([{ where: 'here', bytes: randomBytes(1 << 16) }], secrets),
    [],
    'and nothing where nothing is',
  );
});

t.test('the search looks into files in every folder', async (t) => {
  const folder = t.testdir({});
  await mkdir(join(folder, 'a', 'b'), { recursive: true });
  await writeFile(join(folder, 'a', 'b', '.hidden'), Buffer.from(red.idNumber, 'utf16le'));
  t.equal(search(await filesBelow(folder), [red.idNumber]).length, 1);
});

t.test('no number and no name in any topic, message, log or file of either side', async (t) => {
  const site = await Site.open(t, { people, log: 'debug' });
  const capture = await site.lookOn(t);
  // At this speed a text is believed before its frame turns out to be damaged.
  const gate = await TestGate.open(site, { device: 'gate-1', log: 'debug', baud: 115_200 });
  await gate.visit(green, 'green');
  await gate.visit(red, 'red');
  await gate.visit(yellow, 'yellow');
  gate.reader.module.damage('photo');
  gate.put(damaged);
  await gate.process.line(/tap void/);
  await gate.visit(damaged, 'green');

  const said = gate.process.written;
  await site.pullNetwork();
  await gate.process.line(/connection lost/, said);
  const later = gate.edges.count;
  gate.put(offline);
  await gate.edges.edge('gate', 1, later);
  gate.lift();
  const cutOff = await everything(site, [gate], [capture]);
  t.same(search(cutOff.files, secrets), [], 'an offline gate keeps what it must, and its disk tells nobody');

  await site.restoreNetwork();
  const again = await site.lookOn(t);
  const local = (lines: readonly EventLine[]) => lines.find(({ decidedBy }) => decidedBy === 'local');
  await site.record('gate-1', local, 'the verdict of the time without network');
  await gate.process.end('SIGTERM');
  await site.service.end('SIGTERM');

  const { said: logs, sent, files, all } = await everything(site, [gate], [capture, again]);
  const printed = await site.events('gate-1');
  t.same(search([{ where: 'central events', bytes: Buffer.from(JSON.stringify(printed)) }], secrets), []);
  for (const kind of [
    'up/hello',
    'down/welcome',
    'up/verify',
    'down/verdict',
    'up/events',
    'down/ack',
    'up/state',
  ]) {
    t.ok(
      sent.some(({ where }) => where.endsWith(kind)),
      `${kind} was captured`,
    );
  }
  t.ok(
    logs.some(({ bytes }) => bytes.includes('tap=')),
    'the logs are there',
  );
  t.ok(
    files.some(({ where }) => where.includes('journal')),
    'the journal is there',
  );
  t.ok(
    files.some(({ where }) => where.includes('ledger')),
    'the ledger is there',
  );
  t.same(search(all, secrets), []);
});
