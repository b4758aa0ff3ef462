import { SIGNAL_NAMES } from '../../../daemon/lane/signals.js';
import type { Happening } from './happenings.js';

const FIELD = / (\w+)=("(?:[^"\\]|\\.)*"|\S+)/g;
const EVENT = /^\S+ (?:debug|info|warn|error) +(.*)$/;

/** The words of a log line in its plain form (`platform/log.ts`), and its fields. */
function parseLogLine(line: string): {
  readonly words: string;
  readonly fields: ReadonlyMap<string, string>;
} {
  const words = EVENT.exec(line)?.[1] ?? '';
  const fields = new Map<string, string>();
  for (const [, name = '', value = ''] of words.matchAll(FIELD)) {
    fields.set(name, value.startsWith('"') ? String(JSON.parse(value)) : value);
  }
  return { words: words.replace(FIELD, ''), fields };
}

/** What a line of the daemon's log tells of the lane; most tell nothing. */
export function fromGateLog(line: string): Happening | undefined {
  const { words, fields } = parseLogLine(line);
  if (words === 'signal') {
    const signal = SIGNAL_NAMES.find((name) => name === fields.get('name'));
    return signal === undefined ? undefined : { type: 'signal', signal };
  }
  if (words !== 'tap') return undefined;
  const networkMs = fields.get('networkMs');
  return {
    type: 'decided',
    tap: fields.get('tap') ?? '',
    outcome: fields.get('outcome') ?? '',
    action: fields.get('action') ?? '',
    tookMs: Number(fields.get('tookMs')),
    networkMs: networkMs === undefined ? undefined : Number(networkMs),
  };
}
