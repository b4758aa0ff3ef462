import { EXIT, toPeople } from '../command.js';

/** Says that the ledger holds nothing of what was asked for; of a device that was named, that is a failure. */
export function sayNothing(device: string | undefined): number {
  toPeople(device === undefined ? 'The ledger is empty.' : `Nothing of ${device} is in the ledger.`);
  return device === undefined ? EXIT.done : EXIT.no;
}
