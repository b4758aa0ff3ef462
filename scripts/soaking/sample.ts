/** How a process stands at a quiet moment, and how it fared since the sample before. */
export interface Sample {
  /** After a forced collection: V8's heap, and what hangs on it outside (buffers). In bytes. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly rssBytes: number;
  /** Open file descriptors. */
  readonly files: number;
  /** What keeps the event loop alive, by kind (`process.getActiveResourcesInfo`). */
  readonly resources: Readonly<Record<string, number>>;
  /** Timers that were set and have neither gone off nor been cleared. */
  readonly timers: number;
  /** Listeners of the process and of its open sockets and channels. */
  readonly listeners: number;
  /** How late the event loop came to a timer since the last sample, in ms. */
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

/** What a process under watch is asked. */
export const SAMPLE_REQUEST = { ask: 'sample' } as const;

/** The environment variable that says how many times as fast time runs in a gate under watch. */
export const LAPSE_VARIABLE = 'CARDPAD_SOAK_LAPSE';

export const usedBytes = ({ heapBytes, externalBytes }: Sample): number => heapBytes + externalBytes;
