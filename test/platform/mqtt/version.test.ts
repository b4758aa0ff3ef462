import * as fc from 'fast-check';
import t from 'tap';
import {
  connackEnded,
  type Ended,
  NOTHING_KNOWN,
  nextTry,
  UNANSWERED_MOST,
  type VersionMemory,
  WORD_COUNTS_MS,
} from '../../../platform/mqtt/version.js';

const ENDS: readonly Ended[] = ['unreached', 'silent', 'garbled', 'refused', 'spoken'];

/** What is tried, each try ending as told; `+` where the next comes at once. */
function tries(...ends: (Ended | number)[]): string {
  let memory: VersionMemory = NOTHING_KNOWN;
  let nowMs = 0;
  let story: string = memory.version;
  for (const end of ends) {
    if (typeof end === 'number') nowMs += end;
    else {
      const next = nextTry(memory, end, nowMs);
      memory = next.memory;
      story += `${next.atOnce ? '+' : ' '}${memory.version}`;
    }
  }
  return story;
}

for (const [what, ends, story] of [
  ['a broker that is not there', ['unreached', 'unreached'], '5 5 5'],
  ['a broker of MQTT 5', ['spoken', 'silent', 'garbled', 'unreached', 'spoken'], '5 5 5 5 5 5'],
  ['a broker that refuses 5', ['refused', 'spoken', 'silent', 'unreached'], '5+3.1.1 3.1.1 3.1.1 3.1.1'],
  ['a refusal of yesterday', ['refused', 'spoken', WORD_COUNTS_MS, 'spoken'], '5+3.1.1 3.1.1 5'],
  ['a refusal of today', ['refused', 'spoken', WORD_COUNTS_MS - 1, 'spoken'], '5+3.1.1 3.1.1 3.1.1'],
  ['a broker that refuses both', ['refused', 'refused', 'refused'], '5+3.1.1 5+3.1.1'],
  ['one that is starting', ['silent', 'silent', 'spoken', 'silent'], '5 3.1.1 5 5 5'],
  ['one that closes on 5', ['silent', 'spoken', 'silent', 'spoken'], '5 3.1.1 5+3.1.1 5'],
  ['one that answers 5 with nonsense', ['garbled', 'spoken', 'garbled'], '5+3.1.1 5+3.1.1'],
  ['nonsense whatever is asked', ['garbled', 'garbled', 'garbled'], '5+3.1.1 5+3.1.1'],
  ['one that spoke 5 and is replaced', ['spoken', 'refused', 'spoken'], '5 5+3.1.1 3.1.1'],
  ['one that spoke 5 and closes for a day', ['spoken', WORD_COUNTS_MS, 'silent'], '5 5 3.1.1'],
  [
    'one that spoke 5 and is replaced by one that closes on 5',
    ['spoken', 'silent', 'silent', 'unreached', 'garbled', 'silent', 'spoken', 'silent'],
    '5 5 5 5 5 5 3.1.1 5+3.1.1',
  ],
  [
    'one that spoke 5 and then answers nothing at all',
    ['spoken', 'silent', 'silent', 'silent', 'silent', 'silent', 'silent', 'silent', 'spoken', 'silent'],
    '5 5 5 5 5 3.1.1 5 3.1.1 5 5 5',
  ],
  [
    'one that spoke 5 and is slow to start',
    ['spoken', 'silent', 'silent', 'silent', 'spoken', 'silent', 'silent', 'silent'],
    '5 5 5 5 5 5 5 5 5',
  ],
  [
    'one that refused 5 and is replaced by one that closes on 3.1.1',
    ['refused', 'spoken', 'silent', 'silent', 'silent', 'silent', 'spoken'],
    '5+3.1.1 3.1.1 3.1.1 3.1.1 3.1.1 5 5',
  ],
  ['3.1.1 while the network is away', ['silent', 'unreached', 'unreached'], '5 3.1.1 3.1.1 3.1.1'],
] as const) {
  t.test(`versions tried: ${what}`, async (t) => t.equal(tries(...ends), story));
}

const someEnds = fc.array(fc.oneof(fc.constantFrom(...ENDS), fc.integer({ min: 1, max: WORD_COUNTS_MS })), {
  maxLength: 40,
});

t.test('whatever has happened, both versions come to a turn when neither is answered', async () => {
  fc.assert(
    fc.property(someEnds, fc.constantFrom('silent' as const, 'garbled' as const), (ends, end) => {
      const more = Array.from({ length: UNANSWERED_MOST + 1 }, () => end);
      const last = tries(...ends, ...more)
        .split(/[ +]/)
        .slice(-more.length);
      return last.includes('5') && last.includes('3.1.1');
    }),
  );
});

t.test('whatever has happened, a broker of MQTT 5 is found within a day and three tries', async () => {
  fc.assert(
    fc.property(someEnds, (ends) => {
      let memory = NOTHING_KNOWN as VersionMemory;
      let nowMs = 0;
      for (const end of ends) {
        if (typeof end === 'number') nowMs += end;
        else memory = nextTry(memory, end, nowMs).memory;
      }
      nowMs += WORD_COUNTS_MS;
      for (let turn = 0; turn < 3 && memory.version !== '5'; turn++)
        memory = nextTry(memory, 'spoken', nowMs).memory;
      return memory.version === '5';
    }),
  );
});

t.test('at once is only ever from 5 to 3.1.1, so that no broker is asked in a circle', async () => {
  fc.assert(fc.property(someEnds, (ends) => !/(3\.1\.1|5)\+5|3\.1\.1\+/.test(tries(...ends))));
});

for (const [version, code, lengthBytes, ended] of [
  ['5', 0, 3, 'spoken'],
  ['5', 0x86, 3, 'spoken'],
  ['5', 0x84, 3, 'refused'],
  ['5', 0x84, 2, 'refused'],
  ['5', 1, 2, 'refused'],
  ['5', 5, 2, 'garbled'],
  ['5', 5, 3, 'garbled'],
  ['5', 0, 2, 'garbled'],
  ['3.1.1', 0, 2, 'spoken'],
  ['3.1.1', 5, 2, 'spoken'],
  ['3.1.1', 1, 2, 'refused'],
] as const) {
  t.test(`a CONNACK of ${lengthBytes} bytes with code ${code} to ${version}: ${ended}`, async (t) =>
    t.equal(connackEnded(version, code, lengthBytes), ended),
  );
}
