import type { Level } from '../../../drivers/gpio/gpio.js';
import type { OpenPin, SysfsFiles } from '../../../drivers/gpio/sysfs.js';
import { BOARDS, filesOf, treeOf } from './recordedTrees.js';

export const systemError = (code: string): Error => Object.assign(new Error(`${code} of a test`), { code });

/**
 * sysfs of a Pi 4 (base 512) with what the kernel does when its files are written, and onoff over it as onoff is: it
 * says nothing where a line that is exported already does not take what it is told.
 */
export class FakeSysfs implements SysfsFiles {
  readonly #files: Record<string, string>;
  readonly #readOnly: string[] = [];
  readonly #watchers = new Map<number, () => void>();
  /** Everything that was driven, as `529=1`. */
  readonly driven: string[] = [];
  /** Thrown by the next export. */
  exportFails: Error[] = [];
  writeFails: Error | undefined;
  readFails: Error | undefined;
  deaf = false;

  constructor() {
    this.#files = filesOf(BOARDS['Pi 4, kernel 6.6']?.chips ?? []);
  }

  list(folder: string): readonly string[] {
    return treeOf(this.#files).list(folder);
  }

  read(path: string): string | undefined {
    return this.#files[path];
  }

  isWritable(path: string): boolean {
    return treeOf(this.#files, this.#readOnly).isWritable(path);
  }

  write(path: string, text: string): void {
    if (path === '/sys/class/gpio/unexport') {
      const folder = `/sys/class/gpio/gpio${text}`;
      for (const name of this.list(folder)) delete this.#files[`${folder}/${name}`];
      return;
    }
    if (path !== '/sys/class/gpio/export') throw new Error(`nobody writes ${path}`);
    const failure = this.exportFails.shift();
    if (failure) throw failure;
    this.exported(Number(text));
  }

  /** As it stands after an export: an input, or whatever a program before left. */
  exported(number: number, direction = 'in', value: Level = 0): void {
    for (const [name, content] of Object.entries({ direction, value, active_low: 0, edge: 'none' }))
      this.#files[`/sys/class/gpio/gpio${number}/${name}`] = `${content}\n`;
  }

  /** udev has not been there yet, or forgets it. */
  deny(number: number, denied: boolean): void {
    for (const name of ['direction', 'value', 'active_low', 'edge']) {
      const path = `/sys/class/gpio/gpio${number}/${name}`;
      if (denied) this.#readOnly.push(path);
      else this.#readOnly.splice(this.#readOnly.indexOf(path), 1);
    }
  }

  isExported(number: number): boolean {
    return this.#files[`/sys/class/gpio/gpio${number}/value`] !== undefined;
  }

  level(number: number): Level {
    return this.#files[`/sys/class/gpio/gpio${number}/value`]?.trim() === '1' ? 1 : 0;
  }

  direction(number: number): string {
    return this.#files[`/sys/class/gpio/gpio${number}/direction`]?.trim() ?? '';
  }

  /** A contact turns; with `silently` no interrupt comes. */
  turn(number: number, level: Level, { silently = false } = {}): void {
    this.#files[`/sys/class/gpio/gpio${number}/value`] = `${level}\n`;
    if (!silently) this.#watchers.get(number)?.();
  }

  #drive(number: number, level: Level): void {
    this.driven.push(`${number}=${level}`);
    this.#files[`/sys/class/gpio/gpio${number}/value`] = `${level}\n`;
  }

  readonly openPin: OpenPin = (number, direction, edge) => {
    const folder = `/sys/class/gpio/gpio${number}`;
    if (!this.deaf) {
      this.#files[`${folder}/direction`] = direction === 'in' ? 'in\n' : 'out\n';
      this.#files[`${folder}/edge`] = `${edge}\n`;
      if (direction !== 'in') this.#drive(number, direction === 'high' ? 1 : 0);
    }
    return {
      direction: () => (this.direction(number) === 'in' ? 'in' : 'out'),
      activeLow: () => false,
      readSync: () => {
        if (this.readFails) throw this.readFails;
        return this.level(number);
      },
      writeSync: (level) => {
        if (this.writeFails) throw this.writeFails;
        this.#drive(number, level);
      },
      watch: (listener) => {
        this.#watchers.set(number, () => listener(undefined, this.level(number)));
      },
      unwatchAll: () => this.#watchers.delete(number),
      unexport: () => {
        this.#watchers.delete(number);
        for (const name of this.list(folder)) delete this.#files[`${folder}/${name}`];
      },
    };
  };
}
