import { EXIT, toResults } from '../../cli/command.js';
import { screenOutput } from '../../screen/output.js';
import { type Abilities, Terminal } from '../../screen/terminal.js';
import { percentile } from '../../staging/figures.js';
import { collect, type Result } from '../result.js';
import { type Stage, setStage } from '../stage.js';
import { follow } from './feeds.js';
import { fromGateLog } from './gateLog.js';
import { Happenings } from './happenings.js';
import { LivingLane } from './lane.js';
import { after, newModel } from './model.js';
import { type Balance, records } from './tally.js';
import { render, wrap } from './view.js';
import { Visitors } from './visitors.js';

/** Ten pictures a second are enough for an eye, and little enough for a slow line. */
const FRAME_MS = 100;
/** The longest pulse that a relay may have, so that an eye sees it and a kill meets it. */
const PULSE_MS = 1_000;
/** The files are counted this often, so that a draining queue is seen to drain. */
const COUNT_EVERY_MS = 250;

const TEXT_COLUMNS = 79;
const MOST_LINES = 5;

/** What queues as they are commonly built would have made of this run. */
function otherQueues({ kills, lostFromMemory, longestQueue }: Balance): string[] {
  if (longestQueue === 0) return ['No record ever waited: with n and k you see what other queues lose.'];
  const queue = records(longestQueue);
  const times = kills === 1 ? 'once' : `${kills} times`;
  return [
    kills === 0
      ? `A queue in memory would have lost up to ${queue}, had the daemon been killed (you did not press k).`
      : `A queue in memory would have lost ${records(lostFromMemory)} here: the daemon was killed ${times}, and central did not have them.`,
    `A queue in one file, written anew for each record and never flushed, would have had up to ${queue} at stake in each rewrite: a power cut in the middle can take them all.`,
  ];
}

/** What the run came to, and what other queues would have made of it. All figures are of this run. */
export function ending(result: Result, balance: Balance): string {
  const { taps, verdicts, lost, p50Ms, p99Ms } = result;
  const { pass, attend, refuse, undetermined } = verdicts;
  const sentences = [
    `${taps} came: ${pass} passed, ${attend} were met by staff, ${refuse} refused, ${undetermined} had no verdict from central.`,
    ...(taps === 0
      ? []
      : [
          `From the last byte of the card to the lamp: ${p50Ms} ms in the middle, ${p99Ms} ms for the slowest in a hundred.`,
        ]),
    ...otherQueues(balance),
    lost === 0
      ? 'cardpad lost 0: each tap was on the disk before the gate opened, and central has them all.'
      : `cardpad LOST ${lost}.`,
  ];
  return ['', ...sentences.flatMap((sentence) => wrap(sentence, TEXT_COLUMNS, MOST_LINES)), ''].join('\n');
}

async function conclude(stage: Stage, lane: LivingLane): Promise<Result> {
  toResults('waiting until central has every event ...');
  const { came, timesMs } = lane.balance;
  const { verdicts, lost } = await collect(stage, came);
  toResults((await stage.verify()).trimEnd());
  return { taps: came, verdicts, lost, p50Ms: percentile(timesMs, 0.5), p99Ms: percentile(timesMs, 0.99) };
}

/** Shows the lane until `q`. */
async function show(
  stage: Stage,
  happenings: Happenings,
  lane: LivingLane,
  { color: inColor, unicode }: Abilities,
): Promise<void> {
  let model = newModel(stage.device);
  let stale = true;
  happenings.listen((happening) => {
    model = after(model, happening);
    stale = true;
  });
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const terminal = new Terminal({
    input: process.stdin,
    output: screenOutput(process.stdout),
    inColor,
    onKey: (key) => (key === 'q' ? end() : lane.press(key)),
    onRedraw: () => draw(),
  });
  const draw = () => {
    stale = false;
    terminal.draw(render(model, terminal.size, { unicode }));
  };
  const frames = setInterval(() => stale && draw(), FRAME_MS);
  const counting = setInterval(() => lane.count(), COUNT_EVERY_MS);
  try {
    follow(stage, happenings);
    draw();
    await ended;
  } finally {
    clearInterval(frames);
    clearInterval(counting);
    terminal.close();
  }
}

/** The living lane: real programs, and what the elder, central and the broker's owner see of them, side by side. */
export async function liveDemo(able: Abilities): Promise<number> {
  const happenings = new Happenings();
  const visitors = new Visitors();
  let lane: LivingLane | undefined;
  toResults('setting the stage:');
  const stage = await setStage({
    people: visitors.people,
    say: (line) => toResults(`  ${line}`),
    gate: {
      pulseMs: PULSE_MS,
      logLevel: 'debug',
      service: {
        onLine(line) {
          const happening = fromGateLog(line);
          if (happening !== undefined) happenings.tell(happening);
        },
      },
    },
    onSend: (_module, cardIsOut) => lane?.onSend(cardIsOut),
  });
  try {
    lane = new LivingLane(stage, visitors, happenings);
    await show(stage, happenings, lane, able);
    // On the shell's page again, where Ctrl-C ends what takes too long.
    toResults('what was begun comes to its end ...');
    await lane.finish();
    const result = await conclude(stage, lane);
    toResults(ending(result, lane.balance));
    toResults(JSON.stringify(result));
    return result.lost === 0 ? EXIT.done : EXIT.no;
  } finally {
    await stage.close();
  }
}
