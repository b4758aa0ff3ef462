import { join } from 'node:path';
import t from 'tap';
import { cutTo } from '../../scripts/screen/columns.js';
import { ROOT } from './support/child.js';
import { Tmux } from './support/tmux.js';

const DEMO = [join(ROOT, 'scripts', 'demo')];
/** The first rows of the picture that are three columns. */
const PANEL = [4, 14] as const;
const LEFT_COLUMNS = 27;

/** The last line of JSON among lines. */
function resultIn(output: string): Record<string, unknown> {
  const line = output.split('\n').findLast((text) => text.startsWith('{"taps"'));
  return JSON.parse(line ?? '{}') as Record<string, unknown>;
}

t.test('the living lane: every key, in a terminal of 80x24', async (t) => {
  const lane = await Tmux.open(t, DEMO);
  await lane.shows(/the elder sees +\| central knows +\| the broker sees/);
  t.match(lane.seen, /^gate +\|=====\| shut/m);
  t.match(lane.seen, /network: up +daemon: runs/);
  t.equal(
    lane.left().some((name) => name.startsWith('cardpad-demo-')),
    true,
    'one folder for everything',
  );

  await t.test('g: a green card opens, and all three see it in their own way', async (t) => {
    await lane.press('g');
    await lane.shows(/^请通行 /m);
    t.match(lane.seen, /^please pass /m);
    for (const row of lane.seen.split('\n').slice(...PANEL))
      t.equal(cutTo(row, LEFT_COLUMNS).slice(-3), ' | ', row);
    await lane.shows(/^#1 +green +pass +open +\d+\.\d ms, \d+\.\d of it the network/m);
    await lane.shows(/\| 1\/\d+ pass [\s\S]*central health\.green[\s\S]*who [0-9a-f]{16} /);
    await lane.shows(/\| (up\/verify|down\/verdict|up\/events) +\d+ B/);
    t.match(lane.seen, /\| {3}[0-9a-f]{2}( [0-9a-f]{2}){7}/);
    await lane.shows(/came 1 +taps at central 1 +records waiting on disk 0 +0 lost/);
  });

  const CARDS: readonly (readonly [
    key: string,
    name: string,
    words: RegExp,
    visit: RegExp,
    known: RegExp,
  ])[] = [
    [
      'y',
      'a yellow card calls staff',
      /^请稍候工作人员来帮您 /m,
      /^#2 +yellow +attend +staff .* of it the network/m,
      /health\.yellow/,
    ],
    [
      'r',
      'a red card is held',
      /^red +\(\(✗\)\) LIT +cross[\s\S]*^请到人工服务台 /m,
      /^#3 +red +refuse +hold\+staff/m,
      /refuse [\s\S]*health\.red/,
    ],
    [
      'u',
      'somebody unknown is met by staff',
      /^请稍候工作人员来帮您 /m,
      /^#4 +unknown +attend +staff/m,
      /code\.absent/,
    ],
    [
      'x',
      'an expired card is read twice and met by staff',
      /^请稍候工作人员来帮您 /m,
      /^#5 +expired +attend +staff +\d+\.\d ms, (?!0\.0 )\d+\.\d of it the network/m,
      /id\.expired/,
    ],
    [
      'd',
      'a damaged card is to be placed again, and counts nobody',
      /^请重新放置证件 /m,
      /^#6 +damaged +unread/m,
      /void [\s\S]*card\.damaged/,
    ],
  ];
  for (const [key, name, words, visit, known] of CARDS) {
    await t.test(`${key}: ${name}`, async () => {
      await lane.press(key);
      await lane.shows(words);
      await lane.shows(visit);
      await lane.shows(known);
    });
  }

  await t.test('n: without the network it still opens, and the queue counts up', async () => {
    await lane.press('n');
    await lane.shows(/network: PULLED/);
    await lane.press('g');
    await lane.shows(/^已登记请通行 /m);
    await lane.shows(/^#7 +green +undetermined +open +\d+\.\d ms, without the network/m);
    await lane.shows(/records waiting on disk [1-9]\d* +0 lost/);
  });

  await t.test('n again: the session was never lost, and the queue drains at once', async () => {
    await lane.press('n');
    await lane.shows(/network: up[\s\S]*The network is back: [1-9]\d* records? on the way to central/);
    await lane.shows(/taps at central 6 +records waiting on disk 0 +0 lost/);
    await lane.press('n', 'g');
    await lane.shows(/^#8 +green +undetermined +open/m);
  });

  await t.test(
    'k: killed in mid-pulse the gate stays as it was, and is safe at the next start; nothing is lost',
    async () => {
      await lane.press('k');
      await lane.shows(/daemon: KILLED[\s\S]*^gate +\| {5}\| OPEN[\s\S]*stays OPEN, unsafe,/m);
      await lane.shows(
        /daemon: runs[\s\S]*^gate +\|=====\| shut[\s\S]*gate safe \d+ ms\s+after the start[\s\S]*0 lost\./m,
      );
    },
  );

  await t.test('n after that: a new session, and the queue drains', async () => {
    await lane.press('n');
    await lane.shows(/network: up/);
    await lane.shows(/came 8 +taps at central 8 +records waiting on disk 0 +0 lost/);
    await lane.shows(/sys\.offline|sys\.restart/);
  });

  await t.test('t: verify names the record that was tampered with, in a copy', async () => {
    await lane.press('t');
    await lane.shows(/NOT WHOLE:\s+altered\s+at\s+1\/\d+[\s\S]*demo-gate-1\s+ok:\s+\d+\s+records/);
  });

  await t.test('q: a balance, the result, the terminal as it was, and nothing left behind', async (t) => {
    await lane.press('q');
    const output = await lane.ended();
    t.match(output, /ended with 0/);
    t.match(output, /demo-gate-1 ok: \d+ records/);
    const lost = Number(/A queue in memory would have lost (\d+) records? here/.exec(output)?.[1]);
    t.ok(lost >= 3, `the tap without network, its verdict and the tap of the kill, at least; ${lost}`);
    t.match(output, /cardpad lost 0/);
    const { verdicts, ...result } = resultIn(output);
    t.match(result, { taps: 8, lost: 0, p50Ms: Number, p99Ms: Number });
    t.match(verdicts, { pass: 1, attend: 3, refuse: 1, undetermined: 3 });
    t.match(output, /[^-]icanon[\s\S]* echo /, 'keys go to the shell again');
    t.ok(await lane.isGivenBack());
    await lane.leavesNothing();
  });
});

t.test('NO_COLOR, a terminal that is too small at first, and SIGTERM in the middle of a visit', async (t) => {
  const lane = await Tmux.open(t, DEMO, { columns: 60, rows: 20, env: { NO_COLOR: '1' } });
  await lane.shows(/needs 80x24, and the terminal has 60x20/);
  await lane.resize(80, 24);
  await lane.shows(/the elder sees +\|/);
  await lane.press('r');
  await lane.shows(/\(\(✗\)\) LIT/);
  t.notOk((await lane.inColor()).includes('\u001b'), 'no color, and no other attribute');
  await lane.press('n');
  await lane.shows(/network: PULLED/);
  await lane.press('n');
  // The session is still good: no new one is opened.
  await lane.shows(/network: up[\s\S]*The network is back: \d records?/);
  await lane.press('n', 'g');
  await lane.shows(/network: PULLED/);
  process.kill(lane.pid, 'SIGTERM');
  t.match(await lane.ended(), /ended with 1/);
  t.ok(await lane.isGivenBack());
  await lane.leavesNothing();
});

t.test('SIGTERM while the stage is being set leaves nothing behind', async (t) => {
  const lane = await Tmux.open(t, DEMO);
  await lane.shows(/central: keys, rules, people/);
  process.kill(lane.pid, 'SIGTERM');
  t.match(await lane.ended(), /ended with 1/);
  await lane.leavesNothing();
});

t.test('TERM=dumb: lines as in a pipe, and Ctrl-C leaves nothing behind', async (t) => {
  const lane = await Tmux.open(t, DEMO, { env: { TERM: 'dumb' } });
  await lane.shows(/30 people put their cards on the pad/);
  t.ok(await lane.isGivenBack(), 'the page of the shell all the time');
  await lane.press('C-c');
  t.match(await lane.ended(), /ended with 1/);
  await lane.leavesNothing();
});
