/** `gz-bus-a1`: lower-case letters, digits and hyphens, 1 to 63 of them, no hyphen first. */
export const DEVICE_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What a device publishes. */
export const UP_KINDS = [
  'state',
  'about',
  'hello',
  'verify',
  'events',
  'alarm',
  'health',
  'config',
  'result',
] as const;
/** What a device is sent. */
export const DOWN_KINDS = ['welcome', 'verdict', 'ack', 'config', 'command'] as const;
export type UpKind = (typeof UP_KINDS)[number];
export type DownKind = (typeof DOWN_KINDS)[number];

const ROOT = 'cardpad/v1';

/** The device comes right after the version, so that three access-control lines of a broker serve a whole fleet. */
export const upTopic = (device: string, kind: UpKind) => `${ROOT}/d/${device}/up/${kind}`;
export const downTopic = (device: string, kind: DownKind) => `${ROOT}/d/${device}/down/${kind}`;
/** Subscription to one kind of message from all devices. */
export const everyDevice = (kind: UpKind) => `${ROOT}/d/+/up/${kind}`;
/** Whether a worker of the central service is there: a hint, never an authority. */
export const centralStateTopic = (worker: string) => `${ROOT}/central/${worker}/state`;
export const EVERY_CENTRAL_STATE = `${ROOT}/central/+/state`;

export type Topic =
  | { readonly to: 'up'; readonly device: string; readonly kind: UpKind }
  | { readonly to: 'down'; readonly device: string; readonly kind: DownKind }
  | { readonly to: 'central'; readonly worker: string };

const isOneOf = <T extends string>(list: readonly T[], word: string): word is T =>
  (list as readonly string[]).includes(word);

/** The parts of a topic, or undefined for one that is not ours. */
export function parseTopic(topic: string): Topic | undefined {
  const [root, version, branch, name = '', direction = '', kind = '', ...rest] = topic.split('/');
  if (`${root}/${version}` !== ROOT || rest.length > 0 || !DEVICE_ID.test(name)) return undefined;
  if (branch === 'central')
    return direction === 'state' && kind === '' ? { to: 'central', worker: name } : undefined;
  if (branch !== 'd') return undefined;
  if (direction === 'up' && isOneOf(UP_KINDS, kind)) return { to: 'up', device: name, kind };
  if (direction === 'down' && isOneOf(DOWN_KINDS, kind)) return { to: 'down', device: name, kind };
  return undefined;
}
