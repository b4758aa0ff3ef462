/**
 * What a host does about a status.
 *
 * - `ok`: the command was done.
 * - `no-card`: nothing on the pad; keep polling.
 * - `resend`: the request was damaged on the line; send the same frame again, twice at most.
 * - `retry`: begin again with find.
 * - `re-place`: the card moved or would not talk; ask for it to be put down again.
 * - `unsupported`: this module or card cannot do that; do not ask again.
 * - `reset`: reset the module once, then raise an alarm.
 * - `alarm`: a person must look at the reader.
 * - `none-on-card`: the card holds no such item; not an error.
 */
export type SamHandling =
  | 'ok'
  | 'no-card'
  | 'resend'
  | 'retry'
  | 're-place'
  | 'unsupported'
  | 'reset'
  | 'alarm'
  | 'none-on-card';

export interface SamStatus {
  /** SW3, 0..255. */
  readonly code: number;
  readonly name: string;
  /** For people, without a full stop. */
  readonly meaning: string;
  readonly handling: SamHandling;
}

/**
 * Every SW3 that a module sends, from public SDK headers and protocol sheets (at least two agree on each). The
 * codes 01..05 of those SDKs are their own and never on the wire.
 */
export const SAM_STATUSES = [
  {
    code: 0x10,
    name: 'host-checksum',
    meaning: 'the request came with a wrong checksum',
    handling: 'resend',
  },
  { code: 0x11, name: 'host-length', meaning: 'the request came with a wrong length', handling: 'resend' },
  {
    code: 0x21,
    name: 'illegal-command',
    meaning: 'the module does not know this command',
    handling: 'unsupported',
  },
  { code: 0x23, name: 'no-privilege', meaning: 'the module may not do this command', handling: 'alarm' },
  { code: 0x24, name: 'unrecognized-error', meaning: 'the module met an unknown error', handling: 'retry' },
  {
    code: 0x31,
    name: 'card-rejects-module',
    meaning: 'the card did not authenticate the module',
    handling: 're-place',
  },
  {
    code: 0x32,
    name: 'module-rejects-card',
    meaning: 'the module did not authenticate the card',
    handling: 're-place',
  },
  {
    code: 0x33,
    name: 'card-data-mac',
    meaning: 'the data of the card failed its check',
    handling: 're-place',
  },
  { code: 0x40, name: 'unknown-card-type', meaning: 'this is no identity card', handling: 'unsupported' },
  {
    code: 0x41,
    name: 'read-failed',
    meaning: 'the card could not be read; it moved too early',
    handling: 're-place',
  },
  { code: 0x47, name: 'random-failed', meaning: 'no random number could be had', handling: 'retry' },
  { code: 0x60, name: 'self-test-failed', meaning: 'the module failed its self-test', handling: 'reset' },
  { code: 0x66, name: 'not-authorized', meaning: 'the security module is not authorized', handling: 'alarm' },
  { code: 0x80, name: 'no-card', meaning: 'no card was found', handling: 'no-card' },
  { code: 0x81, name: 'select-failed', meaning: 'the card could not be selected', handling: 'retry' },
  { code: 0x90, name: 'done', meaning: 'the command was done', handling: 'ok' },
  { code: 0x91, name: 'none-on-card', meaning: 'the card holds no such item', handling: 'none-on-card' },
  { code: 0x9f, name: 'found', meaning: 'a card was found', handling: 'ok' },
] as const satisfies readonly SamStatus[];

export type SamStatusName = (typeof SAM_STATUSES)[number]['name'];

const BY_CODE: ReadonlyMap<number, SamStatus> = new Map(SAM_STATUSES.map((status) => [status.code, status]));

/** The status of an SW3; one that no sheet lists is begun again, as modules advise for errors they cannot name. */
export function describeStatus(code: number): SamStatus {
  return (
    BY_CODE.get(code) ?? { code, name: 'unlisted', meaning: 'an unlisted status was sent', handling: 'retry' }
  );
}
