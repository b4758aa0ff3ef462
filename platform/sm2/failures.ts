import { CardpadError, type Disposition } from '../../protocol/errors.js';

/** An error as it crosses from thread to thread: the clone of an Error keeps no class, no code and no disposition. */
export interface PostedFailure {
  readonly code: string;
  readonly disposition: Disposition;
  readonly message: string;
  readonly help: string | undefined;
}

export function toPosted(thrown: unknown): PostedFailure {
  if (thrown instanceof CardpadError) {
    const { code, disposition, message, help } = thrown;
    return { code, disposition, message, help };
  }
  return { code: 'sm2.failed', disposition: 'reject', message: 'The SM2 operation failed', help: undefined };
}

export function fromPosted({ code, disposition, message, help }: PostedFailure): CardpadError {
  return disposition === 'fatal'
    ? new CardpadError(code, disposition, message, { help: help ?? 'Install cardpad again.' })
    : new CardpadError(code, disposition, message, help === undefined ? {} : { help });
}

export function closedError(): CardpadError {
  return new CardpadError('sm2.closed', 'reject', 'The SM2 service is closed');
}

export function busyError(maxQueued: number): CardpadError {
  return new CardpadError('sm2.busy', 'retry', `${maxQueued} SM2 operations are waiting already`);
}

export function workerError(cause: unknown): CardpadError {
  return new CardpadError('sm2.worker', 'retry', 'The thread that computes SM2 died', { cause });
}
