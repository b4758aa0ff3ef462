import { reader } from './reader.js';
import { ready } from './ready.js';
import type { Scenario } from './scenario.js';
import { frozen, killed } from './stops.js';
import { taps } from './taps.js';

export const SCENARIOS: readonly Scenario[] = [ready, taps, killed, frozen, reader];
