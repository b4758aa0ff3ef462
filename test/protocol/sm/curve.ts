import { vectors } from './vectors.js';

/** Affine arithmetic on sm2p256v1 by the textbook: slow, short, and of no kin to the code under test. */
export interface AffinePoint {
  readonly x: bigint;
  readonly y: bigint;
}

const { p, a, b, n, gx, gy } = vectors.curves.sm2p256v1;
const number = (digits: string): bigint => BigInt(`0x${digits}`);

export const P = number(p);
export const N = number(n);
export const G: AffinePoint = { x: number(gx), y: number(gy) };
const A = number(a);
const B = number(b);

export function mod(value: bigint, modulus = P): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** value^-1, by Fermat: the modulus is prime. */
function inverse(value: bigint, modulus = P): bigint {
  let result = 1n;
  let base = mod(value, modulus);
  for (let exponent = modulus - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return result;
}

export function isOnCurve({ x, y }: AffinePoint): boolean {
  return mod(y * y - (x * x * x + A * x + B)) === 0n;
}

/** `undefined` is the point at infinity. */
function add(q: AffinePoint | undefined, r: AffinePoint | undefined): AffinePoint | undefined {
  if (q === undefined) return r;
  if (r === undefined) return q;
  if (q.x === r.x && mod(q.y + r.y) === 0n) return undefined;
  const slope = q.x === r.x ? (3n * q.x * q.x + A) * inverse(2n * q.y) : (r.y - q.y) * inverse(r.x - q.x);
  const x = mod(slope * slope - q.x - r.x);
  return { x, y: mod(slope * (q.x - x) - q.y) };
}

export function multiply(k: bigint, point: AffinePoint): AffinePoint | undefined {
  let result: AffinePoint | undefined;
  let power: AffinePoint | undefined = point;
  for (let rest = k; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, power);
    power = add(power, power);
  }
  return result;
}

export const hex64 = (value: bigint): string => value.toString(16).padStart(64, '0');

export function pointHex(point: AffinePoint | undefined): string {
  return point === undefined ? 'infinity' : `04${hex64(point.x)}${hex64(point.y)}`;
}

export function pointOf(x: string, y: string): AffinePoint {
  return { x: number(x), y: number(y) };
}

/** The y of a point with this x, or undefined where the curve has none (p is 3 modulo 4). */
export function yAt(x: bigint): bigint | undefined {
  const square = mod(x * x * x + A * x + B);
  let root = 1n;
  let base = square;
  for (let exponent = (P + 1n) / 4n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) root = (root * base) % P;
    base = (base * base) % P;
  }
  return mod(root * root) === square ? root : undefined;
}
