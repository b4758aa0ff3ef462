import { configurationPage } from './configurationPage.js';
import { configurationSchema } from './configurationSchema.js';
import { readWireExample } from './wireExample/file.js';
import { wireExamplePage } from './wireExample/page.js';

/** A whole configuration: every other key has a default. */
export const EXAMPLE_CONFIGURATION = `
{ "device": "gz-bus-a1", "site": "gz-bus",
  "lane": { "name": "A1", "direction": "entry", "mode": "standard" },
  "broker": { "url": "mqtt://127.0.0.1:1883" },
  "readers": [ { "kind": "id-card", "port": "tcp://127.0.0.1:9601" } ],
  "gpio": { "backend": "sim:/run/cardpad/gpio" },
  "outputs": { "lamps": { "green": "green", "yellow": "yellow", "red": "red" }, "buzzer": "buzzer",
               "gate": { "line": "gate", "pulseMs": 300 } },
  "dataDir": "/var/lib/cardpad" }
`;

/** The documents that are made from the code, by their path in the checkout. */
export function generatedDocuments(): Readonly<Record<string, string>> {
  return {
    'docs/configuration.md': configurationPage(EXAMPLE_CONFIGURATION),
    'docs/configuration.schema.json': `${JSON.stringify(configurationSchema(), undefined, 2)}\n`,
    'docs/wire-example.md': wireExamplePage(readWireExample()),
  };
}
