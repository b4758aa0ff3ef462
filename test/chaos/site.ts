import { randomBytes } from 'node:crypto';
import { accessSync, constants, rmSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enroll } from '../../central/enrolments.js';
import { initCentral } from '../../central/keys.js';
import { DEFAULT_RULES } from '../../central/rules/defaultRules.js';
import { type Config, readConfig } from '../../daemon/config/config.js';
import type { Identity } from '../../daemon/identity.js';
import { generateSm2KeyPair, sm2Sign } from '../../protocol/sm/sm2.js';
import { keyId } from '../../protocol/sm/sm2Key.js';
import { enrolmentBytes } from '../../protocol/wire/enrolment.js';
import type { DayPlan } from './day.js';
import { peopleFile } from './people.js';

export const DEVICE = 'gz-bus-a1';
/** When a day begins, by a right clock: 07:30 in China. */
export const MORNING_MS = Date.UTC(2026, 10, 21, 23, 30);

/** Memory, where there is some, since a simulated day flushes thousands of times. */
export function roomyFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

interface Template {
  readonly folder: string;
  readonly identity: Identity;
}
let template: Promise<Template> | undefined;

/** Keys cost SM2, so a process makes them once and every day begins with a copy. */
async function makeTemplate(): Promise<Template> {
  const parent = await mkdtemp(join(roomyFolder(), 'cardpad-chaos-keys-'));
  const folder = join(parent, 'C');
  const central = await initCentral(folder, {
    generate: generateSm2KeyPair,
    random: randomBytes,
    nowMs: MORNING_MS - 1000,
    rules: JSON.stringify(DEFAULT_RULES),
  });
  const { publicKey, privateKey } = generateSm2KeyPair();
  const key = { id: keyId(publicKey), publicKey };
  const signature = sm2Sign(enrolmentBytes(DEVICE, publicKey), privateKey, publicKey);
  await enroll(folder, { v: 1, device: DEVICE, key, signature }, { replace: false, nowMs: MORNING_MS });
  process.once('exit', () => {
    rmSync(parent, { recursive: true, force: true });
  });
  return { folder, identity: { device: DEVICE, key: { ...key, privateKey }, central } };
}

/** What one day stands on: a folder of its own for central, and the gate's keys. */
export interface Site {
  readonly base: string;
  /** Central's folder. */
  readonly folder: string;
  readonly peopleFile: string;
  readonly identity: Identity;
  remove(): Promise<void>;
}

export async function makeSite(plan: DayPlan): Promise<Site> {
  template ??= makeTemplate();
  const made = await template;
  const base = await mkdtemp(join(roomyFolder(), 'cardpad-chaos-'));
  const folder = join(base, 'C');
  await cp(made.folder, folder, { recursive: true });
  const people = join(base, 'people.json');
  await writeFile(people, peopleFile(plan.people));
  return {
    base,
    folder,
    peopleFile: people,
    identity: made.identity,
    remove: () => rm(base, { recursive: true, force: true, maxRetries: 5 }),
  };
}

export function configOf(plan: DayPlan): Config {
  const read = readConfig({
    device: DEVICE,
    site: 'gz-bus',
    lane: { name: 'A1', direction: plan.direction, deadlineMs: plan.deadlineMs },
    broker: { url: 'mqtt://127.0.0.1:1883' },
    readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:9601', pollMs: plan.pollMs }],
    gpio: { backend: 'sim:/nowhere' },
    outputs: {
      lamps: { green: 'green', yellow: 'yellow', red: 'red' },
      buzzer: 'buzzer',
      staff: 'staff',
      gate: { line: 'gate', pulseMs: plan.pulseMs },
    },
    journal: { whenNotDurable: plan.whenNotDurable },
    dataDir: '/nowhere',
  });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.config;
}
