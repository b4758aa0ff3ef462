import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CardpadError } from '../../protocol/errors.js';
import { toPeople } from '../cli/command.js';
import { screenSvg } from './screenSvg.js';
import { HiddenTerminal } from './terminal.js';

/** The checkout, seen from `build/scripts/picture`. */
const ROOT = new URL('../../../', import.meta.url);
const PICTURE = 'docs/demo.svg';
/** A little wider than the least, so that times of three digits fit as well. */
const SIZE = { columns: 88, rows: 24 };
const WORDS = {
  title: 'scripts/demo in a terminal: one tap, seen from three sides',
  description:
    'On the left what the elder sees: the gate is open, the green lamp with its tick is lit, the words say "please pass" in Chinese. In the middle what central knows: the verdict and its reason under a pseudonym. On the right what the broker sees: the kinds and lengths of sealed messages. Below, one line a tap, with the time from card to lamp.',
};

/** A yellow card, a red one, one without the network; then a green one, caught while the gate is open. */
async function play(lane: HiddenTerminal): Promise<string> {
  await lane.shows(/the elder sees/);
  await lane.press('y');
  await lane.shows(/^#1 +yellow +attend .* ms/m);
  await lane.press('r');
  await lane.shows(/^#2 +red +refuse .* ms/m);
  await lane.press('n');
  await lane.shows(/network: PULLED/);
  await lane.press('g');
  await lane.shows(/^#3 +green +undetermined .* ms/m);
  await lane.press('n');
  await lane.shows(/taps at central 3 +records waiting on disk 0 /);
  // The bell of the red card rings on for a while.
  await lane.shows(/^staff +not called/m);
  await lane.press('g');
  return lane.shows(/\| {5}\| OPEN[\s\S]*LIT[\s\S]*^#4 +green +pass +open .* ms/m);
}

const lane = await HiddenTerminal.open(fileURLToPath(new URL('scripts/demo', ROOT)), SIZE);
try {
  const screen = await play(lane);
  await writeFile(fileURLToPath(new URL(PICTURE, ROOT)), screenSvg(screen, SIZE, WORDS));
  toPeople(PICTURE);
  await lane.press('q');
  await lane.shows(/\{"taps"/).catch(() => {});
} catch (thrown) {
  if (!(thrown instanceof CardpadError)) throw thrown;
  toPeople(`${thrown.message} (${thrown.code})`);
  if (thrown.help !== undefined) toPeople(thrown.help);
  process.exitCode = 1;
} finally {
  await lane.close();
}
