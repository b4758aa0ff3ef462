import { statfs } from 'node:fs/promises';
import { findMosquitto, type StagedBroker, startBroker } from '../../staging/broker.js';
import type { ServiceOptions } from '../../staging/children.js';
import type { StagedPerson } from '../../staging/people.js';
import { StagedSite } from '../../staging/site.js';
import type { RowResult } from '../row.js';

/** Central's own limit on questions is not what is measured. */
const QUESTION_RATE = 10_000;
/** statfs(2): TMPFS_MAGIC. */
const TMPFS = 0x01021994;

/** Runs a row on a site of its own, which is gone afterwards. */
export async function onSite(work: (site: StagedSite) => Promise<RowResult>): Promise<RowResult> {
  const site = await StagedSite.make('bench');
  try {
    return await work(site);
  } finally {
    await site.close();
  }
}

/** @throws Error where it is missing: another broker would give another figure under the same name */
export function needMosquitto(): void {
  if (findMosquitto() === undefined) {
    throw new Error('Mosquitto is needed: install it (apt-get install mosquitto), or name other --rows');
  }
}

export interface StreetOptions {
  readonly people: readonly StagedPerson[];
  readonly devices: readonly string[];
  readonly say: (line: string) => void;
  readonly central?: ServiceOptions;
  /** Something to do at central's folder before it starts. */
  readonly prepare?: () => Promise<unknown>;
}

/** Central at a broker, and gates that it knows: what most rows begin with. Gives the broker. */
export async function openStreet(
  site: StagedSite,
  { people, devices, say, central, prepare }: StreetOptions,
): Promise<StagedBroker> {
  const broker = await startBroker();
  site.onClose(() => broker.close());
  say(`broker: ${broker.name}`);
  await site.initCentral(people);
  for (const device of devices) await site.enroll(device);
  await prepare?.();
  await site.startCentral(broker.url, QUESTION_RATE, central);
  return broker;
}

/** Says so where a flush costs nothing, since the files are in memory. */
export async function warnOfMemoryDisk({ folder }: StagedSite, say: (line: string) => void): Promise<void> {
  const { type } = await statfs(folder);
  if (type === TMPFS) say('the folder for temporary files is in memory, where a flush is free: set TMPDIR');
}
