import { readFileSync } from 'node:fs';
import type { WireExample } from './example.js';

/** The checkout, seen from `build/scripts/documentation/wireExample`. */
export const WIRE_EXAMPLE_FILE = new URL('../../../../test/vectors/wireExample.json', import.meta.url);

/** The example's bytes, as they were written down once. */
export const readWireExample = (): WireExample =>
  JSON.parse(readFileSync(WIRE_EXAMPLE_FILE, 'utf8')) as WireExample;
