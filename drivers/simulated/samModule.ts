import type { Cancel, Clock } from '../../platform/clock.js';
import { encodeIdCard } from '../../protocol/card/idCard.js';
import {
  PHOTO_BYTES,
  SAM_COMMANDS,
  type SamCommandName,
  TEXT_BYTES,
} from '../../protocol/reader/samCommands.js';
import { encodeSamFrame, type SamParsed, SamParser } from '../../protocol/reader/samFrame.js';
import { SAM_STATUSES, type SamStatusName } from '../../protocol/reader/samStatus.js';
import { makeCard } from './cards.js';
import { type Random, randomBytes, seededRandom, seedOf } from './random.js';
import { damageFrame, type FrameDamage } from './samDamage.js';

/**
 * What happens to the next reply that carries a card's text:
 * `mute` never comes, `read-failed` is status 41; the others spoil the frame, see `FrameDamage`.
 */
export type SamDamage = FrameDamage | 'mute' | 'read-failed';

export interface SamModuleOptions {
  /** Takes what the module sends. Called inside `receive` unless `baud` is given. */
  readonly send: (bytes: Uint8Array) => void;
  readonly clock: Clock;
  /** Same seed, same noise and photos. */
  readonly seed?: number;
  /**
   * Two kinds of module are in the field. After a successful read the first does not find the same card again
   * `until-lifted`, though it still lies there; the second finds it `always`.
   */
  readonly refind: 'until-lifted' | 'always';
  /**
   * Whether 30 01 works again after a successful one without find and select. Sheets say that none of the three
   * steps can be left out, so the default is `refused` (41); some modules keep the card selected.
   */
  readonly reread?: 'refused' | 'allowed';
  /** Bits a second. When given, replies arrive as a UART brings them: in small chunks, at that pace. */
  readonly baud?: number;
  /** The 16 bytes of the SAM number. */
  readonly samNumber?: Uint8Array;
  /** Bytes of fingerprint that 30 10 adds; without it the module does not know that command. */
  readonly fingerprintBytes?: 0 | 512 | 1024;
}

/** A fictional one; the label would say 05.03-20120629-0000202551-1234567890. */
const SAM_NUMBER: Uint8Array = Buffer.from('050003003504330137170300d2029649', 'hex');
const MANAGEMENT_BYTES = 28;
/** A UART hands over what its FIFO holds. */
const FIFO_BYTES = 16;
const BITS_PER_BYTE = 10;
/** A request that pauses longer than this is forgotten. */
const REQUEST_PAUSE_MS = 100;
const MAX_NOISE_BYTES = 24;
const BAUD_BY_PARA: readonly number[] = [115_200, 57_600, 38_400, 19_200, 9_600];

const COMMAND_OF: ReadonlyMap<number, SamCommandName> = new Map(
  (Object.keys(SAM_COMMANDS) as SamCommandName[]).map((name) => {
    const { cmd, para } = SAM_COMMANDS[name];
    return [cmd * 256 + para, name];
  }),
);

const CODE_OF = Object.fromEntries(SAM_STATUSES.map(({ name, code }) => [name, code])) as Record<
  SamStatusName,
  number
>;

/** An identity-card reader module that speaks the protocol byte by byte; the card on it is put and lifted by code. */
export class SamModule {
  readonly #options: SamModuleOptions;
  readonly #parser = new SamParser();
  readonly #random: Random;
  #card: Uint8Array | undefined;
  /** How far the host has come with the card: each step needs the one before. */
  #step: 'idle' | 'found' | 'selected' | 'read' = 'idle';
  /** Read, or failed to read, by a module that wants the card lifted first. */
  #spent = false;
  #damage: SamDamage | undefined;
  #muted = false;
  #noisy = false;
  #baud: number | undefined;
  #nextBaud: number | undefined;
  #lineFreeAtMs = 0;
  #forget: Cancel = () => {};

  constructor(options: SamModuleOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
    this.#baud = options.baud;
    this.#nextBaud = options.baud;
  }

  /** Bytes from the host, in any chunks. */
  receive(bytes: Uint8Array): void {
    this.#forget();
    this.#take(this.#parser.push(bytes));
    this.#forget = this.#options.clock.schedule(REQUEST_PAUSE_MS, () => this.#take(this.#parser.giveUp()));
  }

  /**
   * Puts a card on the pad, in place of any other.
   *
   * @param card its text block of 256 bytes, or a number for which a fictional card is made
   * @throws CardpadError `simulated-card.number` (reject) for a text that is no ID number
   */
  put(card: Uint8Array | string): void {
    this.lift();
    this.#card = typeof card === 'string' ? encodeIdCard(makeCard(card)) : Uint8Array.from(card);
  }

  lift(): void {
    this.#card = undefined;
    this.#step = 'idle';
    this.#spent = false;
  }

  /** Garbage before and behind every reply, never inside one. */
  noise(on: boolean): void {
    this.#noisy = on;
  }

  /** Spoils the next reply that would carry a card's text; once. `undefined` takes that back. */
  damage(next: SamDamage | undefined): void {
    this.#damage = next;
  }

  /** A muted module takes requests and answers none, as with a broken transmit wire. */
  mute(on: boolean): void {
    this.#muted = on;
  }

  #take(parsed: readonly SamParsed[]): void {
    for (const item of parsed) {
      const reply = this.#replyTo(item);
      if (reply !== undefined && !this.#muted) this.#transmit(reply);
      // The reply to a change of the rate still goes out at the old one.
      this.#baud = this.#nextBaud;
    }
  }

  #replyTo(item: SamParsed): Buffer | undefined {
    if (item.type === 'frame') return this.#answer(item.payload);
    if (item.reason === 'bad-checksum') return status('host-checksum');
    return item.reason === 'bad-length' ? status('host-length') : undefined;
  }

  #answer(request: Buffer): Buffer | undefined {
    const name = COMMAND_OF.get(request.readUInt16BE(0));
    if (name === undefined) return status('illegal-command');
    const extraBytes = name === 'rf-80' || name === 'rf-88' ? 1 : 0;
    if (request.length !== 2 + extraBytes) return status('host-length');
    switch (name) {
      case 'reset':
        this.#step = 'idle';
        return status('done');
      case 'sam-number':
        return reply('done', this.#options.samNumber ?? SAM_NUMBER);
      case 'find':
        return this.#find();
      case 'select':
        return this.#select();
      case 'read':
        return this.#read([TEXT_BYTES, PHOTO_BYTES]);
      case 'read-with-fingerprint':
        return this.#readWithFingerprint();
      case 'read-address':
        return status(this.#isOpen() ? 'none-on-card' : 'read-failed');
      case 'read-management':
        return this.#isOpen() ? reply('done', this.#cardBytes(MANAGEMENT_BYTES)) : status('read-failed');
      case 'status':
      case 'rf-80':
      case 'rf-88':
        return status('done');
      default:
        if (this.#baud !== undefined) this.#nextBaud = BAUD_BY_PARA[SAM_COMMANDS[name].para];
        return status('done');
    }
  }

  #find(): Buffer {
    this.#step = 'idle';
    if (this.#card === undefined || this.#spent) return status('no-card');
    this.#step = 'found';
    return reply('found', new Uint8Array(4));
  }

  #select(): Buffer {
    if (this.#step !== 'found') return status('select-failed');
    this.#step = 'selected';
    return reply('done', new Uint8Array(8));
  }

  #readWithFingerprint(): Buffer | undefined {
    const { fingerprintBytes } = this.#options;
    if (fingerprintBytes === undefined) return status('illegal-command');
    return this.#read([TEXT_BYTES, PHOTO_BYTES, fingerprintBytes]);
  }

  /** @param lengths bytes of text, photo and, where it was asked for, fingerprint */
  #read(lengths: readonly number[]): Buffer | undefined {
    const mayRead = this.#options.reread === 'allowed' ? this.#isOpen() : this.#step === 'selected';
    if (this.#card === undefined || !mayRead) return status('read-failed');
    const damage = this.#damage;
    this.#damage = undefined;
    this.#spent = this.#options.refind === 'until-lifted';
    this.#step = damage === 'read-failed' ? 'idle' : 'read';
    if (damage === 'read-failed') return status('read-failed');
    if (damage === 'mute') return undefined;
    const header = lengths.flatMap((bytes) => [bytes >> 8, bytes & 0xff]);
    const imageBytes = lengths.slice(1).reduce((sum, bytes) => sum + bytes, 0);
    const frame = reply('done', Uint8Array.of(...header, ...this.#card, ...this.#cardBytes(imageBytes)));
    return damage === undefined ? frame : damageFrame(frame, damage);
  }

  /** After a read, the smaller items can be had without beginning again. */
  #isOpen(): boolean {
    return this.#step === 'selected' || this.#step === 'read';
  }

  /** Bytes that are the same for the same card and seed. */
  #cardBytes(count: number): Buffer {
    const seed = seedOf(this.#card ?? new Uint8Array(0)) ^ (this.#options.seed ?? 1);
    return randomBytes(seededRandom(seed), count);
  }

  #transmit(frame: Buffer): void {
    const bytes = this.#noisy ? Buffer.concat([this.#garbage(), frame, this.#garbage()]) : frame;
    if (this.#baud === undefined) this.#options.send(bytes);
    else this.#sendPaced(bytes, (BITS_PER_BYTE * 1000) / this.#baud);
  }

  #sendPaced(bytes: Buffer, byteMs: number): void {
    const { clock, send } = this.#options;
    const nowMs = clock.monotonicMs();
    let atMs = Math.max(nowMs, this.#lineFreeAtMs);
    for (let offset = 0; offset < bytes.length; offset += FIFO_BYTES) {
      const chunk = bytes.subarray(offset, offset + FIFO_BYTES);
      atMs += chunk.length * byteMs;
      clock.schedule(atMs - nowMs, () => send(chunk));
    }
    this.#lineFreeAtMs = atMs;
  }

  /** Begins with 00, which some modules append to every reply. */
  #garbage(): Buffer {
    const garbage = randomBytes(this.#random, 1 + (this.#random() % MAX_NOISE_BYTES));
    garbage[0] = 0;
    return garbage;
  }
}

function status(name: SamStatusName): Buffer {
  return reply(name, new Uint8Array(0));
}

function reply(name: SamStatusName, data: Uint8Array): Buffer {
  return encodeSamFrame(Uint8Array.of(0, 0, CODE_OF[name], ...data));
}
