import type { ExampleSealed, ExampleSigned, WireExample } from './example.js';
import type { ExampleRecord } from './journal.js';
import type { ExampleBox, ExampleKey } from './parts.js';

const HEX_A_LINE = 96;
const FENCE = '```';

const block = (...lines: readonly string[]) => [FENCE, ...lines, FENCE, ''].join('\n');
/** Hex in lines that fit on a screen. */
const wrapped = (hex: string): string[] => hex.match(new RegExp(`.{1,${HEX_A_LINE}}`, 'g')) ?? [''];
/** Hex of which a few lines are parts that have a meaning. */
const named = (rows: readonly (readonly [string, string])[]) => {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.flatMap(([name, hex]) =>
    wrapped(hex).map((line, at) => `${(at === 0 ? name : '').padEnd(width)}  ${line}`),
  );
};
const text = (hex: string) => Buffer.from(hex, 'hex').toString('utf8').replaceAll('\n', '\\n');
const bytes = (count: number) => count.toLocaleString('en-US');
const uint32 = (value: number) => value.toString(16).padStart(8, '0');

const HEAD = `<!-- Made by \`npm run docs\` from test/vectors/wireExample.json. -->

# A whole exchange, byte by byte

One gate and one central, from the enrolment to an acknowledged journal, as [wire-protocol.md](wire-protocol.md) has it;
the section numbers are of that page. The bytes are those of \`test/vectors/wireExample.json\`. The tests recompute each of
them twice: with cardpad's own code, and with code written from that page alone.

Bytes are in hexadecimal, broken into lines. Documents and payloads are on one line each, and have no line end. Of a text
that is padded, the padding (spaces, 20 in hexadecimal) is not shown.

**Every key on this page is public and worthless.** Whatever is drawn at random in earnest is SM3 of a short text here, so
that the page comes out the same each time. A nonce of SM2 that is known, or used twice, gives the private key away.
`;

function keyRows(name: string, { privateKey, publicKey, id }: ExampleKey): string {
  return `${name}:\n\n${block(
    ...named([
      ['private key', privateKey],
      ['public key', publicKey],
      ['id', id],
    ]),
  )}`;
}

function keysPart({ keys, ticketKey, centralPublic }: WireExample): string {
  return [
    '## 1. Keys\n',
    keyRows('The device key, of `gz-bus-a1`', keys.device),
    keyRows("Central's `session` key, which signs welcomes", keys.session),
    keyRows("Central's `authority` key, not used here", keys.authority),
    keyRows("Central's `ledger` key, to which record keys are encrypted", keys.ledger),
    keyRows('The key pair that the gate makes for this one hello', keys.hello),
    'The key with which this central seals its tickets (section 10):\n',
    block(
      ...named([
        ['id', ticketKey.id],
        ['cipher key', ticketKey.cipherKey],
        ['MAC key', ticketKey.macKey],
      ]),
    ),
    'What the gate is given, `central.public.json` (section 3):\n',
    block(centralPublic),
  ].join('\n');
}

function enrolmentPart({ enrolment }: WireExample): string {
  return [
    '## 2. Enrolment (section 3)\n',
    'The signature covers three lines, the last one without a line end:\n',
    block(...enrolment.covers.split('\n')),
    block(
      ...named([
        ['nonce k of SM2', enrolment.nonce],
        ['signature r | s', enrolment.signature],
      ]),
    ),
    'The enrolment:\n',
    block(enrolment.document),
  ].join('\n');
}

function statesPart({ centralState, gateState }: WireExample): string {
  return [
    '## 3. Both are there (section 2)\n',
    `\`${centralState.topic}\`, QoS 1, retained:\n`,
    block(centralState.payload),
    `\`${gateState.topic}\`, QoS 1, retained; first the will, then the birth:\n`,
    block(gateState.will, gateState.payload),
  ].join('\n');
}

const message = (topic: string, qos: number, payload: string) =>
  `\`${topic}\`, QoS ${qos}, the payload of ${bytes(Buffer.byteLength(payload))} bytes:\n\n${block(payload)}`;

function signature({ nonce, signature: made, digest }: ExampleSigned): string {
  return block(
    ...named([
      ['nonce k of SM2', nonce],
      ['signature r | s', made],
      ['digest', digest],
    ]),
  );
}

function helloPart({ hello, correlation }: WireExample): string {
  return [
    '## 4. `hello` (section 4)\n',
    'The body:\n',
    block(hello.body),
    'The signature, by the device key, covers the line `cardpad/v1/hello`, its line end and the body. The digest is SM3',
    'over the same bytes.\n',
    signature(hello),
    message(hello.topic, 0, hello.payload),
    `With MQTT 5: response topic \`cardpad/v1/d/gz-bus-a1/down/welcome\`, correlation data \`${correlation.hello}\`,`,
    'message expiry 5 s. The welcome carries the same correlation data.\n',
  ].join('\n');
}

/** @param macInput whether to show it whole: it repeats the ciphertext */
function box(made: ExampleBox, macInput: boolean): string {
  const framed = made.context.map((part): readonly [string, string] => [uint32(part.length / 2), part]);
  const front: [string, string][] = [['count', uint32(made.context.length)]];
  for (const [length, part] of framed) front.push(['length | part', `${length}${part}`]);
  const rest: [string, string][] = macInput ? [['ciphertext', made.ciphertext]] : [];
  const after = macInput ? '' : ', and then the ciphertext';
  return [
    block(
      ...named([
        ['cipher key', made.cipherKey],
        ['MAC key', made.macKey],
        ['first counter block', `${made.iv}00000000`],
        ['ciphertext', made.ciphertext],
      ]),
    ),
    `The MAC covers${macInput ? '' : ' these bytes'}${after}:\n`,
    block(...named([...front, ['iv', made.iv], ...rest])),
    block(...named([['MAC', made.mac]])),
  ].join('\n');
}

function welcomePart({ welcome }: WireExample): string {
  const { secret, wrapped: encrypted, core, ticketBox, ticket, session } = welcome;
  return [
    '## 5. `welcome` (sections 4 and 10)\n',
    "The secret, and what it is encrypted to the hello's `sessionKey`:\n",
    block(
      ...named([
        ['secret', secret],
        ['nonce k of SM2', encrypted.nonce],
        ['C1 | C3 | C2', encrypted.ciphertext],
      ]),
    ),
    'The core:\n',
    block(core),
    'The keys follow from it: step 6. They go into the ticket, which only central reads. Its plaintext, not padded:\n',
    block(ticketBox.plaintext),
    box(ticketBox, false),
    'The ticket is key id | iv | MAC | ciphertext. The session id is the first 8 bytes of SM3(ticket).\n',
    block(
      ...named([
        ['ticket', ticket],
        ['session id', session],
      ]),
    ),
    'The body is core and ticket in base64:\n',
    block(welcome.body),
    "The signature, by central's `session` key, covers the line `cardpad/v1/welcome`, its line end and the body.\n",
    signature(welcome),
    message(welcome.topic, 0, welcome.payload),
  ].join('\n');
}

function derivationPart({ welcome, derivation }: WireExample): string {
  const { z, blocks, upCipherKey, upMacKey, downCipherKey, downMacKey } = derivation;
  return [
    '## 6. The keys of the session (section 5)\n',
    block(
      ...named([
        ['secret', z.slice(0, 64)],
        ['digest("hello", body)', z.slice(64, 128)],
        ['digest("welcome", core)', z.slice(128)],
      ]),
    ),
    `The last one is not the digest of the welcome's body, but of its core: \`${welcome.coreDigest.slice(0, 16)}...\`.`,
    'Z is these 96 bytes.\n',
    block(...named(blocks.map((made, at) => [`SM3(Z | ${uint32(at + 1)})`, made] as const))),
    'Cut into four:\n',
    block(
      ...named([
        ['up cipher key', upCipherKey],
        ['up MAC key', upMacKey],
        ['down cipher key', downCipherKey],
        ['down MAC key', downMacKey],
      ]),
    ),
  ].join('\n');
}

function sealed(made: ExampleSealed, qos: number, macInput: boolean): string {
  const { plaintext, paddedBytes } = made;
  const length = Buffer.byteLength(plaintext);
  const padding =
    paddedBytes === length
      ? 'not padded'
      : `and ${paddedBytes - length} spaces, ${bytes(paddedBytes)} in all`;
  const { context } = made;
  return [
    `The plaintext, ${bytes(length)} bytes, ${padding}:\n`,
    block(plaintext),
    `The context is \`${text(context[0] ?? '')}\`, \`${text(context[1] ?? '')}\`, \`${text(context[2] ?? '')}\`, and version and`,
    `counter (${made.counter}).\n`,
    box(made, macInput),
    '`sealed` is version | counter | iv | MAC | ciphertext.\n',
    message(made.topic, qos, made.payload),
  ].join('\n');
}

function recordPart(record: ExampleRecord, seq: number): string {
  const { seal, body, digest, headInput, head, frameHeader, kind } = record;
  const sealing =
    seal === undefined
      ? []
      : [
          `The sealed part. Step ${seal.step}, with the record key k${seal.step} = \`${seal.recordKey}\`. The plaintext, padded with`,
          `spaces to ${seal.paddedBytes} bytes:\n`,
          block(seal.plaintext),
          `The context is \`${text(seal.context[0] ?? '')}\` and \`${text(seal.context[1] ?? '')}\`, in which \\n is one byte.\n`,
          box(seal, false),
          'The `box` is iv | MAC | ciphertext.\n',
        ];
  return [
    `### Record ${seq}, \`${kind}\`\n`,
    ...sealing,
    'The record:\n',
    block(body),
    block(
      ...named([
        ['SM3(record)', digest],
        ['head before | seq | class | SM3(record)', headInput],
        ['head', head],
        ['in a file before it: "CPJ1" | length | CRC-32 | head before', frameHeader],
      ]),
    ),
  ].join('\n');
}

function journalPart({ journal }: WireExample): string {
  const { baseInput, base, recordKey, wrapped: encrypted, records } = journal;
  return [
    "## 7. The gate's journal (section 8)\n",
    'The gate wrote records 1 and 2 before its hello, which names the second one. A card was put on the pad then.\n',
    'The base of the epoch is SM3 of these five lines, the last one without a line end:\n',
    block(...baseInput.split('\n')),
    block(...named([['base', base]])),
    "The record key, and what it is encrypted to central's ledger key:\n",
    block(
      ...named([
        ['k0', recordKey],
        ['nonce k of SM2', encrypted.nonce],
        ['C1 | C3 | C2', encrypted.ciphertext],
      ]),
    ),
    ...records.map((record, at) => recordPart(record, at + 1)),
  ].join('\n');
}

/** The page of the example. */
export function wireExamplePage(example: WireExample): string {
  const { verify, verdict, events, ack, correlation } = example;
  return [
    HEAD,
    keysPart(example),
    enrolmentPart(example),
    statesPart(example),
    helloPart(example),
    welcomePart(example),
    derivationPart(example),
    journalPart(example),
    '## 8. The question (section 7)\n',
    sealed(verify, 0, true),
    `With MQTT 5: response topic \`cardpad/v1/d/gz-bus-a1/down/verdict\`, correlation data \`${correlation.verify}\`,`,
    'message expiry 2 s (a deadline of 1.5 s, rounded up).\n',
    '## 9. The verdict (section 7)\n',
    sealed(verdict, 0, false),
    '## 10. The batch (section 7)\n',
    'All four records.\n',
    sealed(events, 1, false),
    `With MQTT 5: response topic \`cardpad/v1/d/gz-bus-a1/down/ack\`, correlation data \`${correlation.events}\`.\n`,
    '## 11. The ack (section 7)\n',
    sealed(ack, 1, false),
  ].join('\n');
}
