import t from 'tap';
import { DEFAULT_POLICY, decide, ROW_ACTIONS } from '../../../daemon/lane/policy.js';
import { SIGNAL_NAMES, SIGNALS, type Signal, signalFor } from '../../../daemon/lane/signals.js';
import type { LampPattern } from '../../../drivers/lamps.js';
import { ASSURANCES, VALIDITIES } from '../../../protocol/credential.js';
import { DECIDERS, OUTCOMES } from '../../../protocol/verdict.js';

const OUTCOME_SIGNALS = [SIGNALS.pass, SIGNALS.attend, SIGNALS.refuse, SIGNALS.undetermined];
const lampsOf = ({ lamps = [] }: Signal) => lamps;
const lights = (signal: Signal, lamp: string) => lampsOf(signal).some((pattern) => pattern.lamp === lamp);
const hz = ({ light }: LampPattern) => (light === 'steady' ? 0 : light.blinkHz);

const CARRIERS: readonly (readonly [string, (signal: Signal) => unknown])[] = [
  ['shape', ({ shape }) => shape],
  ['rhythm', ({ tone }) => tone?.map(({ onMs, gapMs }) => `${onMs}/${gapMs}`).join(' ')],
  ['words', ({ words }) => words],
  ['lamp and light', (signal) => lampsOf(signal).map((pattern) => `${pattern.lamp} ${hz(pattern)}`)],
  // Where no white lamp is wired, yellow stands in for it: it must not look like "a person comes".
  [
    'lamp and light without a white lamp',
    (signal) => lampsOf(signal).map((p) => `${p.instead ?? p.lamp} ${hz(p)}`),
  ],
];

for (const [name, carrier] of CARRIERS) {
  t.test(`the four outcomes are told apart by ${name} alone`, async (t) => {
    const told = OUTCOME_SIGNALS.map((signal) => JSON.stringify(carrier(signal) ?? null));
    t.equal(new Set(told).size, 4);
    for (const each of told) t.notMatch(each, /^(null|\[\]|"")$/);
  });
}

t.test('a rhythm differs by more than its last beat: it is known before it is over', async (t) => {
  for (const signal of OUTCOME_SIGNALS) {
    const totalMs = (signal.tone ?? []).reduce((sum, { onMs, gapMs }) => sum + onMs + gapMs, 0);
    t.ok(totalMs > 0 && totalMs <= 3000);
  }
});

for (const name of SIGNAL_NAMES) {
  const signal = SIGNALS[name];
  t.test(`${name}: short words, tones in the units of a buzzer, no lamp that harms`, async (t) => {
    t.ok([...(signal.words ?? '')].length <= 10);
    for (const { onMs, gapMs } of signal.tone ?? []) {
      t.equal(onMs % 100, 0);
      t.equal(gapMs % 100, 0);
      t.ok(onMs > 0);
    }
    for (const pattern of lampsOf(signal)) {
      t.ok(hz(pattern) <= 2.5);
      if (pattern.lamp === 'red') t.equal(pattern.light, 'steady');
    }
  });
}

t.test('idle is dark, and so is the pad while a card is checked', async (t) => {
  t.same(SIGNALS.idle.lamps, []);
  t.same(SIGNALS.checking.lamps, []);
});

t.test('reading is heard at once and darkens nothing', async (t) => {
  t.equal(SIGNALS.reading.lamps, undefined);
  t.ok(SIGNALS.reading.tone);
});

for (const outcome of OUTCOMES) {
  for (const action of ROW_ACTIONS) {
    const name = signalFor(outcome, action);
    t.test(`${outcome} and ${action} is told as ${name}`, async (t) => {
      t.equal(lights(SIGNALS[name], 'green'), action === 'open');
      t.equal(name === 'pass', outcome === 'pass' && action === 'open');
      // A machine's fault is never shown as red, nor is anything at an open gate.
      t.ok(!lights(SIGNALS[name], 'red') || (outcome === 'refuse' && action !== 'open'));
      t.ok(SIGNALS[name].words);
    });
  }
}

t.test('undetermined at an open gate is green with words of its own', async (t) => {
  t.equal(signalFor('undetermined', 'open'), 'registered');
  t.equal(SIGNALS.registered.words, '已登记请通行');
});

t.test('undetermined at a shut gate is white at 0.5 Hz, or yellow', async (t) => {
  t.equal(signalFor('undetermined', 'call-staff'), 'undetermined');
  t.same(SIGNALS.undetermined.lamps, [{ lamp: 'white', light: { blinkHz: 0.5 }, instead: 'yellow' }]);
});

t.test('a lane that lets nobody in says so and blames nobody', async (t) => {
  for (const outcome of ['pass', 'attend', 'undetermined'] as const) {
    t.equal(signalFor(outcome, 'hold'), 'closed');
  }
  t.equal(SIGNALS.closed.words, '请走其他通道');
});

t.test('an assisted lane never shows red', async (t) => {
  for (const outcome of OUTCOMES)
    for (const decidedBy of DECIDERS)
      for (const assurance of ASSURANCES)
        for (const validity of VALIDITIES) {
          const lane = { direction: 'entry', mode: 'assisted' } as const;
          const action = decide(DEFAULT_POLICY, { outcome, decidedBy, assurance, validity, ...lane });
          t.notOk(lights(SIGNALS[signalFor(outcome, action)], 'red'));
        }
});
