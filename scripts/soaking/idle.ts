// A program of the soak that does nothing; what watches it is loaded before it. It ends with whoever watches.
const FOREVER_MS = 2 ** 31 - 1;
setInterval(() => {}, FOREVER_MS);
