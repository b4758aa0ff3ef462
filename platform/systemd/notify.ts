import { CardpadError, messageOf } from '../../protocol/errors.js';
import type { Cancel, Clock } from '../clock.js';
import type { Log } from '../log.js';
import { datagramSender, type SendDatagram } from './datagram.js';

/** What systemd hands to a service that it waits for and watches (sd_notify(3), sd_watchdog_enabled(3)). */
export interface NotifyEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

/** What a program tells the one that started it. */
export interface ServiceManager {
  /** It serves from now on: whoever starts after it may. The watchdog counts from here. */
  ready(): void;
  /** It is about to end: nothing more is told. */
  stopping(): void;
}

export interface NotifyOptions {
  readonly environment: NotifyEnvironment;
  readonly clock: Clock;
  readonly log: Log;
  /** One line for `systemctl status`, asked for at each beat; without personal data. */
  readonly status: () => string;
  readonly processId?: number;
  readonly open?: (path: string) => Promise<SendDatagram>;
}

/** How often systemd is told that the start goes on, and the status where no watchdog asks for more. */
const BEAT_MS = 5_000;
/** A beat of a start asks for this much more time: longer than a beat by what a busy board may be late. */
const MORE_TIME_USEC = 30_000_000;
/** A start that takes longer has come to nothing: systemd's time-out may act. */
const LONGEST_START_MS = 180_000;
const LONGEST_STATUS = 200;

const nobody: ServiceManager = { ready() {}, stopping() {} };

/**
 * How often the watchdog is to be fed: at half of its time (sd_watchdog_enabled(3)); undefined without one, or where
 * the variable was meant for another process.
 */
export function beatEveryMs(environment: NotifyEnvironment, processId: number): number | undefined {
  const { WATCHDOG_USEC: time, WATCHDOG_PID: meant } = environment;
  if (meant !== undefined && meant !== String(processId)) return undefined;
  const usec = /^[0-9]{1,16}$/.test(time ?? '') ? Number(time) : 0;
  return usec > 0 ? Math.max(1, usec / 2_000) : undefined;
}

/**
 * Tells systemd how a program is doing, from its start on; does nothing where systemd does not ask. A failure is told
 * once in the log and stops nothing: should systemd wait in vain, it is systemd that acts.
 */
export async function serviceManager(options: NotifyOptions): Promise<ServiceManager> {
  const { environment, log, processId = process.pid, open = datagramSender } = options;
  const path = environment.NOTIFY_SOCKET;
  if (path === undefined || path === '') return nobody;
  try {
    return new Notifier(options, await open(path), beatEveryMs(environment, processId));
  } catch (thrown) {
    const help = thrown instanceof CardpadError ? thrown.help : undefined;
    log.warn('systemd is told nothing', { problem: messageOf(thrown), help });
    return nobody;
  }
}

class Notifier implements ServiceManager {
  readonly #startedMs: number;
  #cancel: Cancel = () => {};
  #told = '';
  #failed = false;

  constructor(
    private readonly options: NotifyOptions,
    private readonly send: SendDatagram,
    /** Undefined without a watchdog. */
    private readonly watchdogMs: number | undefined,
  ) {
    this.#startedMs = options.clock.monotonicMs();
    this.#starting();
  }

  ready(): void {
    this.#cancel();
    this.#tell('READY=1', ...this.#status());
    this.#beat();
  }

  stopping(): void {
    this.#cancel();
    this.#tell('STOPPING=1', 'STATUS=stopping');
  }

  #starting(): void {
    if (this.options.clock.monotonicMs() - this.#startedMs >= LONGEST_START_MS) return;
    this.#tell(`EXTEND_TIMEOUT_USEC=${MORE_TIME_USEC}`, 'STATUS=starting');
    this.#cancel = this.options.clock.schedule(BEAT_MS, () => this.#starting());
  }

  /** By a timer of the event loop and nothing else: it says that the loop turns, however ill the gate is. */
  #beat(): void {
    const watchdog = this.watchdogMs === undefined ? [] : ['WATCHDOG=1'];
    this.#tell(...watchdog, ...this.#status());
    this.#cancel = this.options.clock.schedule(this.watchdogMs ?? BEAT_MS, () => this.#beat());
  }

  /** Nothing where it is as it was. */
  #status(): string[] {
    const status = this.options.status().replaceAll('\n', ' ').slice(0, LONGEST_STATUS);
    if (status === this.#told) return [];
    this.#told = status;
    return [`STATUS=${status}`];
  }

  #tell(...lines: string[]): void {
    if (lines.length === 0) return;
    const taken = this.send(Buffer.from(lines.join('\n'), 'utf8'));
    if (!taken && !this.#failed) this.options.log.warn('systemd does not take what it is told');
    this.#failed = !taken;
  }
}
