import { characterDevice } from './backends.js';
import { clock } from './clock.js';
import { contracts } from './contracts.js';
import { figures } from './figures.js';
import { inputs } from './inputs.js';
import { broker } from './link.js';
import { pins } from './pins.js';
import { power } from './power.js';
import { reader } from './reader.js';
import { ready } from './ready.js';
import { removal } from './removal.js';
import type { Scenario } from './scenario.js';
import { frozen, killed } from './stops.js';
import { taps } from './taps.js';
import { upgrade } from './upgrade.js';

export const SCENARIOS: readonly Scenario[] = [
  ready,
  taps,
  killed,
  frozen,
  reader,
  broker,
  power,
  clock,
  inputs,
  upgrade,
  removal,
  characterDevice,
  contracts,
  figures,
  pins,
];
