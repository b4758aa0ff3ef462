/**
 * For `node --import`: the program sees a wall clock that is wrong by CARDPAD_TEST_SHIFT_MS, and SIGUSR2 sets it right,
 * as an administrator would. The monotonic clock is as it was.
 */
const { now } = Date;
let shiftMs = Number(process.env.CARDPAD_TEST_SHIFT_MS ?? 0);

Date.now = () => now() + shiftMs;
process.on('SIGUSR2', () => {
  shiftMs = 0;
});
