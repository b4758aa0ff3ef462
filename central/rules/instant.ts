const INSTANT = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** All of China keeps one time, and has no summer time since 1992. */
const CHINA = '+08:00';

/**
 * A date or time of ISO 8601 in milliseconds since 1970; one without a zone is China's. A date alone is the first or
 * the last millisecond of its day. Undefined for anything else, the 30th of February included.
 */
export function instantMs(text: string, end: 'first' | 'last'): number | undefined {
  const [whole, date, time, zone = CHINA] = INSTANT.exec(text) ?? [];
  if (whole === undefined || date === undefined || !isDay(date)) return undefined;
  const clock = time ?? (end === 'first' ? '00:00:00.000' : '23:59:59.999');
  const atMs = Date.parse(`${date}T${clock}${zone}`);
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** `Date.parse` takes the 31st of June for the 1st of July. */
function isDay(date: string): boolean {
  const atMs = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(date);
}
