const FIRST_YEAR = 1800;
const LAST_YEAR = 2099;

/** Days of a month, or 0 for a month that is none. */
function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

/**
 * Whether `text` is `YYYYMMDD` of a day that exists, in the years 1800..2099: the centenarians of the first
 * numbers were born in the nineteenth century (GB 11643-1999), and no card outlives the twenty-first.
 */
export function isRealDate(text: string): boolean {
  if (!/^[0-9]{8}$/.test(text)) return false;
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(4, 6));
  const day = Number(text.slice(6, 8));
  return year >= FIRST_YEAR && year <= LAST_YEAR && day >= 1 && day <= daysIn(year, month);
}
