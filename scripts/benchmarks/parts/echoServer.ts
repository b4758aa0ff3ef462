// A program of the bench: the other end of the plain round trips, in a process of its own as central is.
import { connectAsync } from 'mqtt';
import { type EchoKind, echoOptions, echoTopic, withoutNagle } from './echoKinds.js';

const [url = '', kind = 'raw', answerBytes = '1'] = process.argv.slice(2);
const { qos, noDelay } = echoOptions(kind as EchoKind);
const client = await connectAsync(url, { reconnectPeriod: 0 });
if (noDelay) withoutNagle(client);
const answer = Buffer.alloc(Number(answerBytes), 'a');
client.on('message', (_topic, question) => {
  // The question's number, so that an answer finds its question.
  question.copy(answer, 0, 0, 4);
  client.publish(echoTopic(kind as EchoKind, 'down'), answer, { qos });
});
await client.subscribeAsync(echoTopic(kind as EchoKind, 'up'), { qos });
process.send?.('ready');
process.on('disconnect', () => process.exit(0));
