import t from 'tap';
import { TestGate } from './support/gate.js';
import { day, elder } from './support/people.js';
import { Site } from './support/site.js';

const today = [{ site: 'museum', from: day(-1), to: day(1) }];
const booked = elder(60, { visits: today });
const elsewhere = elder(61, { visits: [{ site: 'library', from: day(-1), to: day(1) }] });
const redExit = elder(62, { healthCode: 'red' });
const redAssisted = elder(63, { healthCode: 'red' });
const yellowAssisted = elder(64, { healthCode: 'yellow' });
const bookedRed = elder(65, { healthCode: 'red', visits: today });
const diner = elder(66, { healthCode: 'green' });

/** A scheme that exists in this file only. */
const SOUP = { when: { known: true }, outcome: 'pass', reasons: ['soup.served'] };
const NO_SOUP = { when: {}, outcome: 'attend', reasons: ['soup.none'] };

const people = [booked, elsewhere, redExit, redAssisted, yellowAssisted, bookedRed, diner];
const site = await Site.open(t, { people });
const opened = (gate: TestGate, from: number) =>
  gate.edges.since(from, 'gate').filter(({ value }) => value === 1).length;

t.test('visitor@1: booked passes, unbooked attends, with the same daemon', async (t) => {
  const gate = await TestGate.open(site, { device: 'visitors', site: 'museum', schemes: ['visitor@1'] });
  const { tap, verdict } = await gate.visit(booked, 'green');
  t.same(tap.schemes, ['visitor@1']);
  t.match(verdict, { outcome: 'pass', reasons: ['visitor.booked'], action: 'open' });
  const from = gate.edges.count;
  const other = await gate.visit(elsewhere, 'yellow');
  t.match(other.verdict, { outcome: 'attend', reasons: ['visitor.unbooked'], action: 'call-staff' });
  t.equal(opened(gate, from), 0);
});

t.test('several schemes: the worst outcome counts, with all reasons', async (t) => {
  const schemes = ['visitor@1', 'health-code@1'];
  const gate = await TestGate.open(site, { device: 'both', site: 'museum', schemes });
  const { verdict } = await gate.visit(bookedRed, 'red');
  t.equal(verdict.outcome, 'refuse');
  t.same([...(verdict.reasons as string[])].sort(), ['health.red', 'visitor.booked']);
});

t.test('a scheme that was made up this minute: the daemon knows none', async (t) => {
  const canteen = await Site.open(t, { people: [diner], rules: { 'soup@7': [SOUP, NO_SOUP] } });
  const gate = await TestGate.open(canteen, { device: 'canteen', schemes: ['soup@7'] });
  const { verdict } = await gate.visit(diner, 'green');
  t.match(verdict, { outcome: 'pass', reasons: ['soup.served'], action: 'open' });
  const stranger = await gate.visit(elder(67), 'yellow');
  t.match(stranger.verdict, { outcome: 'attend', reasons: ['soup.none'] });
});

t.test('an exit is never held', async (t) => {
  const gate = await TestGate.open(site, { device: 'exit', lane: { direction: 'exit' } });
  const from = gate.edges.count;
  const { verdict } = await gate.visit(redExit, 'green');
  t.match(verdict, { outcome: 'refuse', action: 'open', decidedBy: 'central' });
  await gate.edges.edge('gate', 1, from);
  t.same(gate.lamps(from), ['green'], 'no red at an open gate');
});

t.test('the assisted lane never shows red', async (t) => {
  const gate = await TestGate.open(site, { device: 'assisted', lane: { mode: 'assisted' } });
  const from = gate.edges.count;
  const { verdict } = await gate.visit(redAssisted, 'yellow');
  t.match(verdict, { outcome: 'refuse', action: 'call-staff', decidedBy: 'central' });
  t.same(gate.lamps(from), ['yellow']);
  t.equal(opened(gate, from), 0, 'a person decides');
  const { verdict: attend } = await gate.visit(yellowAssisted, 'green');
  t.match(attend, { outcome: 'attend', action: 'open' });
  await gate.edges.edge('gate', 1, from);
  t.notOk(gate.lamps(from).includes('red'));
});
