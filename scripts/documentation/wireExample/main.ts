import { writeFile } from 'node:fs/promises';
import { makeWireExample } from './example.js';
import { WIRE_EXAMPLE_FILE } from './file.js';

/*
 * Writes the example's bytes. Not a part of `npm run docs`: they change only when the protocol does, and then every gate
 * and every central out there has to.
 */
await writeFile(WIRE_EXAMPLE_FILE, `${JSON.stringify(makeWireExample(), undefined, 2)}\n`);
process.stderr.write(`${WIRE_EXAMPLE_FILE.pathname}\n`);
