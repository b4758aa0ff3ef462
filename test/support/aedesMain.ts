import { startBroker } from '../../scripts/demonstration/broker.js';

// The broker of the demonstration in a process of its own, so that a test can kill it and bring it back.
const { port } = await startBroker(Number(process.argv[2] ?? 0));
process.stdout.write(`${port}\n`);
