/** What cardpad uses of unix-dgram 2, which brings no types. It is CommonJS: everything stands under `default`. */
declare module 'unix-dgram' {
  export interface Socket {
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'listening', listener: () => void): this;
    /** Names the socket in the file system; says `listening`, or `error`. */
    bind(path: string): void;
    /** Does not block; calls back before it returns. */
    send(bytes: Buffer, offset: number, length: number, path: string, done: (error?: Error) => void): void;
    close(): void;
  }
  const unixDgram: {
    /** An open one keeps the process alive. @throws Error when the system gives no socket */
    createSocket(type: 'unix_dgram', onMessage?: (message: Buffer | null) => void): Socket;
  };
  export default unixDgram;
}
