/**
 * A two-way stream of bytes to a device: a serial line, a TCP socket, or a simulated device in this process.
 * One contract test runs against every implementation.
 */
export interface Port {
  /** Where it leads, for people: `serial:/dev/ttyAMA0` or `tcp://127.0.0.1:9601`. */
  readonly name: string;
  /**
   * Resolves once the bytes are handed to the operating system.
   * @throws CardpadError `port.closed` (reconnect) when the port is closed or the write fails.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** One listener; bytes that arrive before it is set are dropped. Chunks may be split and merged anyhow. */
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Called exactly once, when the port is closed from either side; `cause` where the far side or the system did it. */
  onClose(listener: (cause: Error | undefined) => void): void;
  /** Idempotent; resolves when the port is closed. */
  close(): Promise<void>;
}

/**
 * Opens a port, or fails within a few seconds.
 * @throws CardpadError `port.refused` | `port.timeout` | `port.missing` | `port.denied` (reconnect)
 */
export type OpenPort = () => Promise<Port>;
