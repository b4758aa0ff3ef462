import { createInterface } from 'node:readline';
import { isLoopback, parsePortUrl } from '../../../drivers/ports/open.js';
import { readCardsFile } from '../../../drivers/simulated/cards.js';
import { SamReplay } from '../../../drivers/simulated/samReplay.js';
import { type SamServer, serveLine, serveSamModule } from '../../../drivers/simulated/samServer.js';
import { exchangesOf } from '../../../drivers/simulated/samSession.js';
import { systemClock } from '../../../platform/clock.js';
import { readNeededFile } from '../../../platform/files.js';
import { encodeIdCard } from '../../../protocol/card/idCard.js';
import { CardpadError, messageOf } from '../../../protocol/errors.js';
import { type Command, EXIT, toPeople, toResults } from '../command.js';
import { noMorePositionals, oneOf, parseCommandLine, required, UsageError, wholeNumber } from '../options.js';
import { readSession, SessionRecorder } from './sessionFile.js';

const DAMAGES = [
  'checksum',
  'text',
  'photo',
  'truncate',
  'insert',
  'false-header',
  'mute',
  'read-failed',
] as const;

const COMMANDS_HELP = `  put NUMBER      puts that person's card on the pad (from --cards, or one made up for the number)
  lift            takes the card away
  noise on|off    garbage between frames
  mute on|off     the module answers nothing
  damage KIND     spoils the next read: ${DAMAGES.join(', ')}
  help, quit`;

async function readCards(file: string | undefined): Promise<Map<string, Buffer>> {
  if (file === undefined) return new Map();
  const text = (await readNeededFile(file, '--cards names it.')).toString('utf8');
  const result = readCardsFile(text);
  if (!result.ok) {
    const lines = result.errors.map(({ index, field, message }) =>
      index === undefined ? message : `card ${index}${field === '' ? '' : `, ${field}`}: ${message}`,
    );
    throw new CardpadError(
      'simulated-card.file',
      'fatal',
      `${file} is not a cards file: ${lines.join('; ')}`,
      {
        help: 'It is a JSON array of {"idNumber": ..., "name": ...}; only idNumber is needed.',
      },
    );
  }
  return new Map(result.cards.map((card) => [card.number, encodeIdCard(card)]));
}

/** One line of standard input; the answer is for people. */
function obey(server: SamServer, cards: ReadonlyMap<string, Buffer>, line: string): string {
  const [word = '', argument = ''] = line.trim().split(/\s+/);
  const { module } = server;
  const onOff = (set: (on: boolean) => void) => {
    if (argument !== 'on' && argument !== 'off') return `say: ${word} on, or: ${word} off`;
    set(argument === 'on');
    return `${word} ${argument}`;
  };
  switch (word) {
    case '':
      return '';
    case 'put': {
      const number = argument.toUpperCase();
      try {
        module.put(cards.get(number) ?? number);
      } catch (thrown) {
        return `not put: ${messageOf(thrown)}`;
      }
      return 'card on the pad';
    }
    case 'lift':
      module.lift();
      return 'card lifted';
    case 'noise':
      return onOff((on) => module.noise(on));
    case 'mute':
      return onOff((on) => module.mute(on));
    case 'damage': {
      const kind = DAMAGES.find((known) => known === argument);
      if (kind === undefined) return `say: damage ${DAMAGES.join('|')}`;
      module.damage(kind);
      return `the next read is spoiled: ${kind}`;
    }
    default:
      return `commands:\n${COMMANDS_HELP}`;
  }
}

/** Where the reader is, for people; and for the program that started it, which may have left the port to the system. */
function tellPlace(what: string, { host }: Place, tcpPort: number, hint: string, values: Values): void {
  const listening = `tcp://${host}:${tcpPort}`;
  toPeople(`${what} listening on ${listening}; ${hint}`);
  if (values.json) toResults(JSON.stringify({ listening }));
}

interface Listening {
  readonly tcpPort: number;
  close(): Promise<void>;
}

const OPTIONS = {
  listen: { type: 'string' },
  cards: { type: 'string' },
  refind: { type: 'string' },
  baud: { type: 'string' },
  seed: { type: 'string' },
  record: { type: 'string' },
  replay: { type: 'string' },
  speed: { type: 'string' },
  json: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseCommandLine<typeof OPTIONS>>['values'];

/** What makes no sense beside `--replay`: the recording has it all. */
const NOT_WITH_REPLAY = ['cards', 'refind', 'baud', 'seed', 'record'] as const;

interface Place {
  readonly host: string;
  readonly tcpPort: number;
}

function listenAt(listen: string | undefined): Place {
  const url = parsePortUrl(required(listen, '--listen').replace(/:0$/, ':1'));
  const anyPort = listen?.endsWith(':0') ?? false;
  if (!url.ok) throw new UsageError(`--listen: ${url.problem}`);
  if (url.port.kind !== 'tcp') throw new UsageError('--listen takes tcp://HOST:PORT');
  if (!isLoopback(url.port)) toPeople('note: whoever reaches this port can put cards on the pad');
  return { host: url.port.host, tcpPort: anyPort ? 0 : url.port.tcpPort };
}

async function simulate(values: Values, at: Place): Promise<number> {
  const refind = oneOf(['until-lifted', 'always'], values.refind ?? 'until-lifted', '--refind');
  const cards = await readCards(values.cards);
  const recorder = values.record === undefined ? undefined : new SessionRecorder(values.record, systemClock);
  const server = await serveSamModule({
    ...at,
    refind,
    ...(values.baud === undefined ? {} : { baud: wholeNumber(values.baud, '--baud', 300, 1_000_000) }),
    seed: values.seed === undefined ? 1 : wholeNumber(values.seed, '--seed', 1, 1_000_000_000),
    ...(recorder === undefined ? {} : recorder.watchers),
  });
  if (recorder !== undefined) {
    toPeople(
      `recording to ${values.record}: it holds all that the cards say, so record simulated cards only`,
    );
  }
  tellPlace('reader module', at, server.tcpPort, 'say help for the commands', values);
  return serveUntilTold(server, (line) => obey(server, cards, line)).finally(() => recorder?.close());
}

async function replay(values: Values, at: Place): Promise<number> {
  const extra = NOT_WITH_REPLAY.find((name) => values[name] !== undefined);
  if (extra !== undefined) throw new UsageError(`--${extra} has no place beside --replay`);
  const file = required(values.replay, '--replay');
  const speed = wholeNumber(values.speed ?? '1', '--speed', 1, 1000);
  const exchanges = exchangesOf(await readSession(file));
  const onEnd = () => toPeople('the recording has been played to its end; its last answers go on');
  const server = await serveLine(
    at,
    (send) => new SamReplay({ exchanges, send, clock: systemClock, speed, onEnd }),
  );
  tellPlace('recorded reader', at, server.tcpPort, 'say quit to end it', values);
  return serveUntilTold(server, () => 'commands:\n  quit');
}

export const readerCommand: Command = {
  name: 'reader',
  summary: 'an ID-card reader module on a socket, byte-true; records sessions and plays them again',
  help: `usage: cardpad simulate reader --listen tcp://HOST:PORT [--cards FILE] [--refind always] [--baud N] [--seed N]
                               [--record FILE] [--json]
       cardpad simulate reader --listen tcp://HOST:PORT --replay FILE [--speed N] [--json]

Serves one connection after the other as a SAM_V module does, and takes commands on standard input:

${COMMANDS_HELP}

  --listen URL      where to listen; port 0 takes a free one and says which
  --cards FILE      a JSON array of {"idNumber", "name", ...}; a people file serves too
  --refind KIND     until-lifted (default): a card that was read is found again only once lifted; always: each time
  --baud N          replies arrive at this line speed (default: at once)
  --seed N          for noise and photos (default 1)
  --record FILE     writes what passes over the line, both ways, with times, to a new file. It holds all that the
                    cards say: record simulated cards only
  --replay FILE     answers the host's commands as the recorded module did, byte for byte and as fast
  --speed N         replays N times as fast, 1..1000 (default 1)
  --json            {"listening": "tcp://HOST:PORT"} on standard output, once it does

example: cardpad simulate reader --listen tcp://127.0.0.1:9601 --cards people.json --record session.ndjson
example: cardpad simulate reader --listen tcp://127.0.0.1:9601 --replay session.ndjson`,
  results: 'lines',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, OPTIONS);
    noMorePositionals(positionals);
    const at = listenAt(values.listen);
    if (values.replay !== undefined) return replay(values, at);
    if (values.speed !== undefined) throw new UsageError('--speed has a place beside --replay only');
    return simulate(values, at);
  },
};

/** Serves until `quit`, SIGTERM or SIGINT; the end of standard input alone ends nothing (a service has none). */
function serveUntilTold(server: Listening, answerTo: (line: string) => string): Promise<number> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin });
    const end = () => {
      lines.close();
      // An open standard input would keep the program alive.
      process.stdin.destroy();
      server.close().then(() => resolve(EXIT.done));
    };
    lines.on('line', (line) => {
      if (line.trim() === 'quit') return end();
      const answer = answerTo(line);
      if (answer !== '') toPeople(answer);
    });
    process.once('SIGTERM', end);
    process.once('SIGINT', end);
  });
}
