import { startAedes } from '../../scripts/staging/broker.js';

// The broker of the demonstration in a process of its own, so that a test can kill it and bring it back.
const { url } = await startAedes(Number(process.argv[2] ?? 0));
process.stdout.write(`${new URL(url).port}\n`);
