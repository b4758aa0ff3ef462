/** The least that a configuration has to say. */
export const MINIMAL = {
  device: 'gz-bus-a1',
  site: 'gz-bus',
  lane: { name: 'A1', direction: 'entry', mode: 'standard' },
  broker: { url: 'mqtt://127.0.0.1:1883' },
  readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:9601' }],
  gpio: { backend: 'sim:/run/cardpad/gpio' },
  outputs: {
    lamps: { green: 'green', yellow: 'yellow', red: 'red' },
    buzzer: 'buzzer',
    gate: { line: 'gate', pulseMs: 300 },
  },
  dataDir: '/var/lib/cardpad',
} as const;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The document with one value set, or taken out where `value` is undefined.
 * @param path as errors name it: `readers[0].port`
 */
export function withValue(path: string, value: unknown, document: unknown = MINIMAL): unknown {
  const copy: unknown = structuredClone(document);
  const steps = path.split(/\.|(?=\[)/).map((name) => name.replace(/[[\]]/g, ''));
  const last = steps.pop() ?? '';
  let at = copy as Record<string, unknown>;
  for (const name of steps) {
    at[name] ??= {};
    at = at[name] as Record<string, unknown>;
  }
  if (value === undefined) delete at[last];
  else at[last] = value as Json;
  return copy;
}
