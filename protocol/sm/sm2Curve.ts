/** The curve sm2p256v1: y^2 = x^3 + ax + b modulo p, of prime order n (GB/T 32918.5-2017, clause 2). Lower-case hex. */
export const SM2_CURVE = {
  p: 'fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff',
  a: 'fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc',
  b: '28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93',
  n: 'fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123',
  gx: '32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7',
  gy: 'bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0',
} as const;

/** `04` || x || y. */
export const SM2_POINT_BYTES = 65;
export const SM2_COORDINATE_BYTES = 32;

const P = BigInt(`0x${SM2_CURVE.p}`);
const B = BigInt(`0x${SM2_CURVE.b}`);

/** Whether the point of these coordinates lies on the curve. */
export function isOnSm2Curve(x: bigint, y: bigint): boolean {
  // a is p - 3.
  return (y * y - x * x * x + 3n * x - B) % P === 0n;
}

/**
 * The y of [k]Q, from what a Diffie-Hellman function tells, which is x alone, of [k]Q and of [k+1]Q (Okeya and Sakurai,
 * "Efficient Elliptic Curve Cryptosystems from a Scalar Multiplication Algorithm with Recovery of the y-Coordinate",
 * CHES 2001, theorem 2). k is neither 0 nor -1 modulo n.
 *
 * @param q a point of the curve
 * @param x that of [k]Q
 * @param nextX that of [k+1]Q
 */
export function recoverY(q: { readonly x: bigint; readonly y: bigint }, x: bigint, nextX: bigint): bigint {
  const numerator = 2n * B + (q.x * x - 3n) * (q.x + x) - nextX * (q.x - x) ** 2n;
  const y = (numerator * inverse(2n * q.y)) % P;
  return y < 0n ? y + P : y;
}

/** Modulo p, by Fermat: the power of p - 2. */
function inverse(number: bigint): bigint {
  let result = 1n;
  let square = number % P;
  for (let exponent = P - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
