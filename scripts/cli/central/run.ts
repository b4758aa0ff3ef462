import { randomBytes } from 'node:crypto';
import { DEFAULT_RATE, LEAST_RATE, type QuestionRate } from '../../../central/rules/limits.js';
import { DEFAULT_LIFETIME_MS, ROLES, type Role, startCentral } from '../../../central/service.js';
import { systemClock } from '../../../platform/clock.js';
import { LOG_LEVELS, type LogLevel, standardErrorLog } from '../../../platform/log.js';
import { mqttOpener } from '../../../platform/mqtt.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import { type Command, EXIT, parseCommandLine, required, UsageError } from '../command.js';
import { noMorePositionals, wholeNumber } from './arguments.js';

const HELP = `usage: cardpad central run --data DIR --broker URL [options]

Answers the gates' questions and takes their journals, until it is told to stop (SIGTERM, SIGINT).

  --data DIR                  the folder that "central init" made
  --broker URL                mqtt://HOST:PORT or mqtts://HOST:PORT
  --people FILE               who is known; read again when it changes
  --rules FILE                the rule table (default: DIR/rules.json); read again when it changes
  --role verify|ledger        play one role only (default: both)
  --worker NAME               another name for each worker on one broker (default: central)
  --question-rate N           questions a second that a device may ask (default ${DEFAULT_RATE.perSecond}, at least ${LEAST_RATE.perSecond})
  --question-burst N          questions at once (default ${DEFAULT_RATE.burst}, at least ${LEAST_RATE.burst})
  --session-lifetime-ms N     how long a session lasts (default ${DEFAULT_LIFETIME_MS}, 12 hours)
  --log LEVEL                 debug, info, warn or error (default info: one line a question)

example: cardpad central run --data /var/lib/cardpad-central --broker mqtt://127.0.0.1:1883 --people people.json`;

const OPTIONS = {
  data: { type: 'string' },
  broker: { type: 'string' },
  people: { type: 'string' },
  rules: { type: 'string' },
  role: { type: 'string' },
  worker: { type: 'string', default: 'central' },
  'question-rate': { type: 'string' },
  'question-burst': { type: 'string' },
  'session-lifetime-ms': { type: 'string' },
  log: { type: 'string', default: 'info' },
} as const;

const WORKER = /^[a-z0-9][a-z0-9-]{0,62}$/;
const SM2_THREADS = 2;
const MOST_A_SECOND = 100_000;
const WEEK_MS = 7 * 24 * 3_600_000;

function isOneOf<T extends string>(list: readonly T[], word: string): word is T {
  return (list as readonly string[]).includes(word);
}

function brokerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && ['mqtt:', 'mqtts:'].includes(url.protocol) && url.hostname !== '') return text;
  throw new UsageError('--broker must be mqtt://HOST:PORT or mqtts://HOST:PORT');
}

function questionRate(rate = `${DEFAULT_RATE.perSecond}`, burst = `${DEFAULT_RATE.burst}`): QuestionRate {
  return {
    perSecond: wholeNumber(rate.replace(/\/s$/, ''), '--question-rate', LEAST_RATE.perSecond, MOST_A_SECOND),
    burst: wholeNumber(burst, '--question-burst', LEAST_RATE.burst, MOST_A_SECOND),
  };
}

function rolesOf(role: string | undefined): readonly Role[] {
  if (role === undefined) return ROLES;
  if (isOneOf(ROLES, role)) return [role];
  throw new UsageError(`--role must be ${ROLES.join(' or ')}`);
}

function levelOf(level: string): LogLevel {
  if (isOneOf(LOG_LEVELS, level)) return level;
  throw new UsageError(`--log must be one of ${LOG_LEVELS.join(', ')}`);
}

/** Resolves at the first of the signals that ask a service to end. */
function askedToStop(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

async function run(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const { values } = parsed;
  const folder = required(values.data, '--data');
  const url = brokerUrl(required(values.broker, '--broker'));
  const worker = values.worker;
  if (!WORKER.test(worker)) throw new UsageError('--worker must be lower-case letters, digits and hyphens');
  const lifetime = values['session-lifetime-ms'] ?? `${DEFAULT_LIFETIME_MS}`;
  const common = {
    folder,
    broker: { url },
    worker,
    roles: rolesOf(values.role),
    questionRate: questionRate(values['question-rate'], values['question-burst']),
    sessionLifetimeMs: wholeNumber(lifetime, '--session-lifetime-ms', 1000, WEEK_MS),
    ...(values.people === undefined ? {} : { peopleFile: values.people }),
    ...(values.rules === undefined ? {} : { rulesFile: values.rules }),
  };
  const log = standardErrorLog(levelOf(values.log));
  const stop = askedToStop();
  // While the broker is away nothing else would keep the process alive.
  const alive = setInterval(() => {}, 60_000);
  const sm2 = createSm2Pool({ size: SM2_THREADS, log });
  try {
    const broker = url.replace(/\/\/[^@/]*@/, '//');
    const central = await startCentral({
      ...common,
      openMqtt: mqttOpener(systemClock, Math.random, log),
      clock: systemClock,
      sm2,
      random: randomBytes,
      log,
      onReady: (facts) => log.info('central ready', { broker, worker, ...facts }),
    });
    log.info('central stopping', { signal: await stop });
    await central.close();
  } finally {
    clearInterval(alive);
    await sm2.close();
  }
  return EXIT.done;
}

export const runCommand: Command = {
  name: 'run',
  summary: "answers gates' questions and takes their journals",
  help: HELP,
  run,
};
