import type { Clock } from '../../platform/clock.js';
import type { CardpadError } from '../../protocol/errors.js';
import { type Bias, type Level, type LineAt, type LinePlan, type LineRef, levelOf } from './gpio.js';
import { lineAt } from './lineAt.js';
import { LineHelper, refusal, type StartHelper } from './lineHelper.js';
import { type Chip, chipOf } from './probe.js';
import { BRIEF, cannotOpen, cannotRead, cannotWrite, type Patience, patiently } from './ready.js';
import type { SafeLine, WillDrive } from './safePlan.js';
import type { SysfsFiles } from './sysfs.js';
import { letGoOfSysfs } from './sysfsLeftovers.js';
import type { Wires } from './wired.js';

/** `enum gpio_v2_line_flag` in include/uapi/linux/gpio.h. */
const BIAS_FLAGS: Readonly<Record<Bias, number>> = {
  'pull-up': 1 << 8,
  'pull-down': 1 << 9,
  disabled: 1 << 10,
};

const levelIn = (text: string | undefined): Level => (text === '1' ? 1 : 0);

function readChips([, ...fields]: readonly string[]): Chip[] {
  const chips: Chip[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3) {
    chips.push({
      name: fields[at] ?? '',
      lineCount: Number(fields[at + 1]),
      label: fields[at + 2] ?? '',
    });
  }
  return chips;
}

class HelperWires implements Wires {
  #onEdge: (line: string) => void = () => {};

  constructor(
    private readonly helper: LineHelper,
    private readonly levels: Map<string, Level>,
    giveUp: (error: CardpadError) => void,
  ) {
    helper.onFailure(giveUp);
    helper.onSaid(([word, line = '', ...rest]) => {
      if (word === 'lost') giveUp(cannotRead(line, refusal(rest[0], rest[1])));
      if (word === 'level') levels.set(line, levelIn(rest[0]));
      if (word === 'level' || word === 'pulse') this.#onEdge(line);
    });
  }

  write(line: string, level: Level): void {
    try {
      this.helper.order('set', line, level);
    } catch (thrown) {
      throw cannotWrite(line, thrown);
    }
  }

  read(line: string): Level {
    return this.levels.get(line) ?? 0;
  }

  onEdge(listener: (line: string) => void): void {
    this.#onEdge = listener;
  }

  release(): void {
    this.helper.close();
  }
}

export interface CharacterDeviceOptions {
  readonly clock: Clock;
  readonly start?: StartHelper;
  /** Where lines may still be that sysfs has exported. */
  readonly files?: SysfsFiles | undefined;
  readonly patience?: Patience | undefined;
  readonly willDrive?: WillDrive | undefined;
  /** Called when the lines are lost; ends the program where it is absent. */
  readonly giveUp?: (error: CardpadError) => void;
}

/** None where the line cannot be found; what is wrong with it is told when its turn comes, behind the relay. */
function safeLineOf(
  ref: LineRef,
  lines: Readonly<Record<string, LineAt>>,
  chips: readonly Chip[],
): readonly SafeLine[] {
  try {
    const at = lineAt(ref.line, lines);
    const { name } = chipOf(ref.line, at, chips);
    return [{ by: 'gpiochip', chip: name, offset: at.offset, level: levelOf(false, ref) }];
  } catch {
    return [];
  }
}

/** Nobody can catch this, on purpose: a gate whose lines are gone must end, and is started anew. */
function endProgram(error: CardpadError): never {
  throw error;
}

/**
 * Readies lines by the character device, through a helper process that holds them. An output has its safe level in the
 * request that makes it an output, so that it never shows the other one.
 * @throws CardpadError `gpio.*` (fatal), or (retry) what did not pass in the time of `patience`
 */
export async function openCharacterDevice(
  plan: LinePlan,
  lines: Readonly<Record<string, LineAt>>,
  { clock, start, files, patience = BRIEF, willDrive, giveUp = endProgram }: CharacterDeviceOptions,
): Promise<Wires> {
  const helper = new LineHelper(clock, start);
  const levels = new Map<string, Level>();
  try {
    const chips = readChips(await helper.ask('chips'));
    willDrive?.(plan.outputs.flatMap((ref) => safeLineOf(ref, lines, chips)));
    const untilReady = patiently(clock, patience);
    const request = (kind: 'output' | 'input', ref: LineRef, extra: number) => {
      const at = lineAt(ref.line, lines);
      const chip = chipOf(ref.line, at, chips);
      return untilReady(async () => {
        const [word, first, text] = await helper.ask(kind, ref.line, chip.name, at.offset, extra);
        if (word === 'ok') return levelIn(first);
        const thrown = refusal(first, text);
        if (thrown.code === 'EBUSY' && files !== undefined) letGoOfSysfs(ref.line, at, files);
        throw cannotOpen(ref.line, thrown);
      });
    };
    for (const ref of plan.outputs) await request('output', ref, levelOf(false, ref));
    for (const ref of plan.inputs) {
      const { bias } = lineAt(ref.line, lines);
      levels.set(ref.line, await request('input', ref, bias === undefined ? 0 : BIAS_FLAGS[bias]));
    }
    return new HelperWires(helper, levels, giveUp);
  } catch (thrown) {
    helper.close();
    throw thrown;
  }
}
