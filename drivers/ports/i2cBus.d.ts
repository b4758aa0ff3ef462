/** The part of the optional package i2c-bus (5.2.3) that is used here; it comes without types. */
declare module 'i2c-bus' {
  export interface PromisifiedBus {
    /** What the adapter can; also opens the device file for the first time. */
    i2cFuncs(): Promise<{ readonly i2c: boolean }>;
    i2cRead(
      address: number,
      length: number,
      buffer: Buffer,
    ): Promise<{ readonly bytesRead: number; readonly buffer: Buffer }>;
    i2cWrite(
      address: number,
      length: number,
      buffer: Buffer,
    ): Promise<{ readonly bytesWritten: number; readonly buffer: Buffer }>;
    close(): Promise<void>;
  }
  export function openPromisified(busNumber: number): Promise<PromisifiedBus>;
}
