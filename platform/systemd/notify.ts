import { CardpadError, messageOf } from '../../protocol/errors.js';
import type { Cancel, Clock } from '../clock.js';
import type { Log } from '../log.js';
import { type Datagrams, openDatagrams } from './datagram.js';

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
  /** It is about to end. */
  stopping(): void;
  close(): void;
}

export interface NotifyOptions {
  readonly environment: NotifyEnvironment;
  readonly clock: Clock;
  readonly log: Log;
  /** One line for `systemctl status`, asked for at each beat; without personal data. */
  readonly status: () => string;
  readonly processId?: number;
  readonly open?: (path: string) => Promise<Datagrams>;
}

/** How often the status is looked at where no watchdog asks for a beat. */
const STATUS_EVERY_MS = 5_000;
const LONGEST_STATUS = 200;

const nobody: ServiceManager = { ready() {}, stopping() {}, close() {} };

/**
 * How often the watchdog is to be fed: half of its time (sd_watchdog_enabled(3)); undefined without one, or where the
 * variable was meant for another process.
 */
export function beatEveryMs(environment: NotifyEnvironment, processId: number): number | undefined {
  const { WATCHDOG_USEC: time, WATCHDOG_PID: meant } = environment;
  if (meant !== undefined && meant !== String(processId)) return undefined;
  const usec = /^[0-9]{1,16}$/.test(time ?? '') ? Number(time) : 0;
  return usec > 0 ? Math.max(1, usec / 2_000) : undefined;
}

/**
 * The way to tell systemd; one that does nothing where it does not ask. A failure is told once in the log and stops
 * nothing: should systemd wait in vain, it is systemd that acts.
 */
export async function serviceManager(options: NotifyOptions): Promise<ServiceManager> {
  const { environment, log, processId = process.pid, open = openDatagrams } = options;
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
  #cancel: Cancel = () => {};
  #told = '';
  #failed = false;

  constructor(
    private readonly options: NotifyOptions,
    private readonly datagrams: Datagrams,
    /** Undefined without a watchdog. */
    private readonly beatMs: number | undefined,
  ) {}

  ready(): void {
    this.#send(`READY=1\n${this.#status()}`);
    this.#beat();
  }

  stopping(): void {
    this.#cancel();
    this.#send('STOPPING=1\nSTATUS=stopping');
  }

  close(): void {
    this.#cancel();
    this.datagrams.close();
  }

  /** By a timer of the event loop and nothing else: it says that the loop turns, however ill the gate is. */
  #beat(): void {
    if (this.beatMs !== undefined) this.#send('WATCHDOG=1');
    const told = this.#told;
    const status = this.#status();
    if (this.#told !== told) this.#send(status);
    this.#cancel = this.options.clock.schedule(this.beatMs ?? STATUS_EVERY_MS, () => this.#beat());
  }

  #status(): string {
    this.#told = this.options.status().replaceAll('\n', ' ').slice(0, LONGEST_STATUS);
    return `STATUS=${this.#told}`;
  }

  #send(text: string): void {
    const taken = this.datagrams.send(Buffer.from(text, 'utf8'));
    if (!taken && !this.#failed) this.options.log.warn('systemd does not take what it is told');
    this.#failed = !taken;
  }
}
