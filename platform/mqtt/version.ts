export type MqttVersion = '5' | '3.1.1';

/** What can be asked for: `auto` speaks 5 where the broker does, 3.1.1 where it does not. */
export const MQTT_PROTOCOLS = ['auto', '5', '3.1.1'] as const;
export type MqttProtocol = (typeof MQTT_PROTOCOLS)[number];

/**
 * How a try to connect ended, or the connection that came of it.
 *
 * - `unreached`: no machine, no broker on it, no TLS. Says nothing about versions.
 * - `silent`: taken, and closed or left without a word. Some brokers refuse a version so; others are merely starting.
 * - `garbled`: answered by what is no MQTT of this version.
 * - `refused`: the broker says that it does not speak this version.
 * - `spoken`: answered in this version, whatever the answer was.
 */
export type Ended = 'unreached' | 'silent' | 'garbled' | 'refused' | 'spoken';

/** A broker's own word on MQTT 5. What was only inferred is none. */
interface Word {
  readonly speaks5: boolean;
  readonly atMs: number;
  /** Tries in a row, in the version that it speaks, that somebody took and did not answer in it. */
  readonly unanswered: number;
}

/** What is known of a broker, and so which version comes next. */
export interface VersionMemory {
  readonly version: MqttVersion;
  readonly word?: Word;
  /** It has answered 3.1.1, so that silence about 5 need not be waited out again. */
  readonly answered311?: true;
}

export const NOTHING_KNOWN: VersionMemory = { version: '5' };

/** A broker is replaced or upgraded now and then: no word of it counts for longer. */
export const WORD_COUNTS_MS = 24 * 3_600_000;

/** Whoever answered a moment ago is starting, overloaded, or not reached behind a proxy; after so many it is replaced. */
export const UNANSWERED_MOST = 4;

export interface NextTry {
  readonly memory: VersionMemory;
  /** The broker is there and wants the other version: no waiting before it. */
  readonly atOnce: boolean;
}

/** The broker's word on MQTT 5 after this, as far as there is one that still counts. */
function wordAfter({ version, word }: VersionMemory, ended: Ended, nowMs: number): Word | undefined {
  if (version === '5' && (ended === 'refused' || ended === 'spoken'))
    return { speaks5: ended === 'spoken', atMs: nowMs, unanswered: 0 };
  // Who refuses 3.1.1 as well has to be asked for 5 again.
  if (ended === 'refused' || word === undefined || nowMs - word.atMs >= WORD_COUNTS_MS) return undefined;
  if (ended === 'unreached') return word;
  const unanswered = ended === 'spoken' ? 0 : word.unanswered + 1;
  return unanswered < UNANSWERED_MOST ? { ...word, unanswered } : undefined;
}

function versionAfter(version: MqttVersion, ended: Ended, speaks5: boolean | undefined): MqttVersion {
  if (ended === 'unreached') return version;
  if (ended === 'refused') return version === '5' ? '3.1.1' : '5';
  if (version === '3.1.1') return speaks5 === false ? '3.1.1' : '5';
  return ended === 'spoken' || speaks5 === true ? '5' : '3.1.1';
}

/** Which version is tried next, after a try with `memory.version` ended like this. */
export function nextTry(memory: VersionMemory, ended: Ended, nowMs: number): NextTry {
  const word = wordAfter(memory, ended, nowMs);
  const version = versionAfter(memory.version, ended, word?.speaks5);
  const answered311 = memory.answered311 === true || (memory.version === '3.1.1' && ended === 'spoken');
  const fallsBack = memory.version === '5' && version === '3.1.1';
  return {
    memory: {
      version,
      ...(word === undefined ? {} : { word }),
      ...(answered311 ? { answered311 } : {}),
    },
    // Only this way round: a broker that wants neither is not asked in a circle.
    atOnce: fallsBack && (ended !== 'silent' || answered311),
  };
}

/**
 * What a CONNACK says about the version.
 * @param code its return code (3.1.1) or reason code (5)
 * @param lengthBytes its remaining length
 */
export function connackEnded(version: MqttVersion, code: number, lengthBytes: number): Ended {
  // MQTT 3.1.1 clause 3.2.2.3 and MQTT 5 clause 3.2.2.2.
  if (code === 1 || code === 0x84) return 'refused';
  // Flags, code and the length of the properties (clause 3.2.2.3.1): a shorter one, or a code from 3.1.1, is no MQTT 5.
  if (version === '5' && (lengthBytes < 3 || (code > 0 && code < 0x80))) return 'garbled';
  return 'spoken';
}
