/** How much longer each flush takes on a slow disk of the bench. */
export const SLOW_FLUSH_MS = 10;
