import { readFileSync } from 'node:fs';
import t from 'tap';
import { readConfig } from '../../daemon/config/config.js';
import { CONFIG_KEYS } from '../../daemon/config/keys.js';
import { configurationSchema } from '../../scripts/documentation/configurationSchema.js';
import { EXAMPLE_CONFIGURATION, generatedDocuments } from '../../scripts/documentation/documents.js';

/** The checkout, seen from `build/test/docs`. */
const ROOT = new URL('../../../', import.meta.url);

t.test('the documents that are made from the table of keys are up to date (npm run docs)', async (t) => {
  for (const [path, content] of Object.entries(generatedDocuments())) {
    t.equal(readFileSync(new URL(path, ROOT), 'utf8'), content, path);
  }
});

t.test('the whole configuration on the page is a right one', async (t) => {
  const read = readConfig(JSON.parse(EXAMPLE_CONFIGURATION));
  t.same(read.ok ? [] : read.errors, []);
});

t.test('every key stands on the page', async (t) => {
  const page = generatedDocuments()['docs/configuration.md'] ?? '';
  for (const { path } of CONFIG_KEYS) t.ok(page.includes(`| \`${path}\` |`), path);
});

t.test('the schema asks for what has no default, and for nothing else', async (t) => {
  const schema = configurationSchema() as {
    required: string[];
    properties: Record<string, { required?: string[]; items?: { required: string[] } }>;
  };
  t.same(schema.required.sort(), [
    'broker',
    'dataDir',
    'device',
    'gpio',
    'lane',
    'outputs',
    'readers',
    'site',
  ]);
  t.same(schema.properties.lane?.required, ['name', 'direction']);
  t.same(schema.properties.broker?.required, ['url']);
  t.same(schema.properties.readers?.items?.required, ['kind', 'port']);
  t.same(schema.properties.journal?.required, undefined);
});
