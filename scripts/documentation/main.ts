import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { generatedDocuments } from './documents.js';

/** Writes the documents that are made from the code. The checkout, seen from `build/scripts/documentation`. */
const ROOT = new URL('../../../', import.meta.url);

for (const [path, content] of Object.entries(generatedDocuments())) {
  await writeFile(fileURLToPath(new URL(path, ROOT)), content);
  process.stderr.write(`${path}\n`);
}
