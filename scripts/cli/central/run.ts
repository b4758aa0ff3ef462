import { randomBytes } from 'node:crypto';
import { DEFAULT_RATE, LEAST_RATE, type QuestionRate } from '../../../central/rules/limits.js';
import {
  type Central,
  DEFAULT_LIFETIME_MS,
  ROLES,
  type Role,
  startCentral,
} from '../../../central/service.js';
import { BROKER_URL, brokerAccess, isBrokerUrl } from '../../../platform/brokerAccess.js';
import { systemClock } from '../../../platform/clock.js';
import type { Log } from '../../../platform/log.js';
import { mqttOpener } from '../../../platform/mqtt/link.js';
import { MQTT_PROTOCOLS } from '../../../platform/mqtt/version.js';
import { withoutLogin } from '../../../platform/mqtt.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import type { Sm2Service } from '../../../platform/sm2/service.js';
import { messageOf } from '../../../protocol/errors.js';
import { type Command, EXIT } from '../command.js';
import { endNow } from '../ending.js';
import {
  logLevel,
  noMorePositionals,
  oneOf,
  parseCommandLine,
  required,
  UsageError,
  untilSignal,
  wholeNumber,
} from '../options.js';
import { programLog } from '../programLog.js';

const HELP = `usage: cardpad central run --data DIR --broker URL [options]

Answers the gates' questions and takes their journals, until it is told to stop (SIGTERM, SIGINT).

  --data DIR                  the folder that "central init" made
  --broker URL                mqtt://HOST:PORT or mqtts://HOST:PORT
  --username NAME             the user at the broker
  --password-file FILE        a file that holds the password, readable by its owner alone
  --mqtt auto|5|3.1.1         the version of MQTT (default auto: 5 where the broker speaks it, else 3.1.1)
  --ca FILE                   the certificate authority of an mqtts broker (PEM), where it is not the system's
  --people FILE               who is known; read again when it changes
  --rules FILE                the rule table (default: DIR/rules.json); read again when it changes
  --role verify|ledger        play one role only (default: both)
  --worker NAME               another name for each worker on one broker (default: central)
  --question-rate N           questions a second that a device may ask (default ${DEFAULT_RATE.perSecond}, at least ${LEAST_RATE.perSecond})
  --question-burst N          questions at once (default ${DEFAULT_RATE.burst}, at least ${LEAST_RATE.burst})
  --session-lifetime-ms N     how long a session lasts (default ${DEFAULT_LIFETIME_MS}, 12 hours)
  --log-level LEVEL           debug, info, warn or error (default info: one line a question);
                              SIGUSR2 turns debug lines on, and off again

example: cardpad central run --data /var/lib/cardpad-central --broker mqtt://127.0.0.1:1883 --people people.json`;

const OPTIONS = {
  data: { type: 'string' },
  broker: { type: 'string' },
  username: { type: 'string' },
  'password-file': { type: 'string' },
  mqtt: { type: 'string', default: 'auto' },
  ca: { type: 'string' },
  people: { type: 'string' },
  rules: { type: 'string' },
  role: { type: 'string' },
  worker: { type: 'string', default: 'central' },
  'question-rate': { type: 'string' },
  'question-burst': { type: 'string' },
  'session-lifetime-ms': { type: 'string' },
  'log-level': { type: 'string' },
} as const;

const WORKER = /^[a-z0-9][a-z0-9-]{0,62}$/;
const SM2_THREADS = 2;
const MOST_A_SECOND = 100_000;
const WEEK_MS = 7 * 24 * 3_600_000;
/** A stop that takes longer is cut off: what came is on disk by then, or comes again. */
const STOP_WITHIN_MS = 1_800;

function brokerUrl(text: string): string {
  if (isBrokerUrl(text)) return text;
  throw new UsageError(`--broker must be ${BROKER_URL}`);
}

function questionRate(rate = `${DEFAULT_RATE.perSecond}`, burst = `${DEFAULT_RATE.burst}`): QuestionRate {
  return {
    perSecond: wholeNumber(rate.replace(/\/s$/, ''), '--question-rate', LEAST_RATE.perSecond, MOST_A_SECOND),
    burst: wholeNumber(burst, '--question-burst', LEAST_RATE.burst, MOST_A_SECOND),
  };
}

const rolesOf = (role: string | undefined): readonly Role[] =>
  role === undefined ? ROLES : [oneOf(ROLES, role, '--role')];

async function run(argv: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(argv, OPTIONS);
  noMorePositionals(parsed.positionals);
  const { values } = parsed;
  const folder = required(values.data, '--data');
  const url = brokerUrl(required(values.broker, '--broker'));
  const worker = values.worker;
  if (!WORKER.test(worker)) throw new UsageError('--worker must be lower-case letters, digits and hyphens');
  const lifetime = values['session-lifetime-ms'] ?? `${DEFAULT_LIFETIME_MS}`;
  const { username, 'password-file': passwordFile, ca: caFile } = values;
  const common = {
    folder,
    broker: {
      url,
      protocol: oneOf(MQTT_PROTOCOLS, values.mqtt, '--mqtt'),
      ...(await brokerAccess({ username, passwordFile, caFile })),
    },
    worker,
    roles: rolesOf(values.role),
    questionRate: questionRate(values['question-rate'], values['question-burst']),
    sessionLifetimeMs: wholeNumber(lifetime, '--session-lifetime-ms', 1000, WEEK_MS),
    ...(values.people === undefined ? {} : { peopleFile: values.people }),
    ...(values.rules === undefined ? {} : { rulesFile: values.rules }),
  };
  const log = await programLog(logLevel(values['log-level']));
  const { signal, release } = untilSignal();
  const sm2 = createSm2Pool({ size: SM2_THREADS, eager: true, log });
  const failure = proveSm2(sm2);
  let central: Central;
  try {
    central = await startCentral({
      ...common,
      openMqtt: mqttOpener(systemClock, Math.random, log),
      clock: systemClock,
      sm2,
      random: randomBytes,
      log,
      onReady: (facts) => log.info('central ready', { broker: withoutLogin(url), worker, ...facts }),
    });
  } catch (thrown) {
    await sm2.close();
    // Last: with nothing left to hold the loop, Node would end before the reason was told.
    release();
    throw thrown;
  }
  const why = await Promise.race([signal, failure]);
  if (typeof why === 'string') log.info('central stopping', { signal: why });
  else {
    log.error('unfit: central stops', { problem: messageOf(why) });
    process.exitCode = EXIT.no;
  }
  return end(log, typeof why === 'string' ? why : undefined, async () => {
    await central.close();
    await sm2.close();
  });
}

/**
 * Known answers, on each thread and beside the start: questions need no SM2, and the first hellos after a restart meet
 * threads that are warm. Resolves with what was thrown; mostly it never does.
 */
function proveSm2(sm2: Sm2Service): Promise<unknown> {
  const proofs = Promise.all(Array.from({ length: SM2_THREADS }, () => sm2.selfTest()));
  return new Promise((resolve) => {
    proofs.catch(resolve);
  });
}

/** Stops, and ends the process in time. */
async function end(log: Log, asked: string | undefined, stop: () => Promise<void>): Promise<never> {
  // Keeps the process alive as well: the deadlines inside do not.
  setTimeout(() => {
    log.error('the stop took too long');
    endNow(EXIT.no);
  }, STOP_WITHIN_MS);
  await stop().catch((thrown) => {
    log.error('the stop failed', { problem: messageOf(thrown) });
    process.exitCode = EXIT.no;
  });
  endNow(Number(process.exitCode ?? EXIT.done), asked);
}

export const runCommand: Command = {
  name: 'run',
  summary: "answers gates' questions and takes their journals",
  help: HELP,
  results: 'none',
  run,
};
