import t from 'tap';
import { readConfig } from '../../daemon/config/config.js';
import { blocksOf, readDocument } from './support/markdown.js';

type Json = Readonly<Record<string, unknown>>;

/** Where BCM numbers come out on the 40-pin header, the same on every Raspberry Pi that has it. */
const PIN_OF: Readonly<Record<number, number>> = {
  ...{
    2: 3,
    3: 5,
    4: 7,
    14: 8,
    15: 10,
    17: 11,
    18: 12,
    27: 13,
    22: 15,
    23: 16,
    24: 18,
    10: 19,
    9: 21,
    25: 22,
  },
  ...{ 11: 23, 8: 24, 7: 26, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40 },
};
const UART = [
  { signal: 'TX', bcm: 14 },
  { signal: 'RX', bcm: 15 },
] as const;

const example = JSON.parse(readDocument('scripts/packaging/debian/config.json')) as {
  readonly gpio: { readonly lines: Readonly<Record<string, { readonly offset: number }>> };
};
const lines = Object.entries(example.gpio.lines).map(([name, { offset }]) => ({ name, bcm: offset }));
const page = readDocument('docs/installing.md');
const picture = readDocument('docs/wiring.svg');
const words = [...picture.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, word = '']) => word);

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The document with the keys of the change in it: objects are joined, all else is replaced. */
function changed(document: Json, change: Json): Json {
  const entries = Object.entries(change).map(([key, value]) => {
    const old = document[key];
    return [key, isObject(old) && isObject(value) ? changed(old, value) : value] as const;
  });
  return { ...document, ...Object.fromEntries(entries) };
}

t.test('who wires by the table wires what the example configuration says', async (t) => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (\d+) \|/gm)];
  const inTable = rows.map(([, name = '', bcm, pin]) => ({ name, bcm: Number(bcm), pin: Number(pin) }));
  t.same(
    inTable,
    lines.map(({ name, bcm }) => ({ name, bcm, pin: PIN_OF[bcm] })),
  );
  for (const { signal, bcm } of UART) t.ok(page.includes(`| UART ${signal} | ${bcm} | ${PIN_OF[bcm]} |`));
});

t.test('who wires by the picture does so as well', async (t) => {
  const inPicture = words.filter((word) => /BCM \d/.test(word));
  t.same(inPicture.sort(), [
    ...UART.map(({ signal, bcm }) => `BCM ${bcm}, pin ${PIN_OF[bcm]}: ${signal}`),
    ...lines.map(({ name, bcm }) => `${name}: BCM ${bcm}, pin ${PIN_OF[bcm]}`).sort(),
  ]);
});

t.test('what the page shows of the example gives a right configuration', async (t) => {
  const [block] = blocksOf(page).filter(({ language }) => language === 'json');
  const change = JSON.parse(block?.text ?? '') as Json;
  const read = readConfig(changed(example, change));
  t.same(read.ok ? [] : read.errors, []);
  for (const { name, bcm } of lines) {
    const at = (change.gpio as typeof example.gpio).lines[name];
    if (at !== undefined) t.equal(at.offset, bcm, name);
  }
});

t.test('the picture is small, says in words what it shows, and needs nothing from elsewhere', async (t) => {
  t.ok(Buffer.byteLength(picture) < 20_000);
  t.match(picture, /<title id="title">[^<]+<\/title>/);
  t.match(picture, /<desc id="desc">[^<]+past the computer/);
  t.notMatch(picture, /href|@import|url\(/);
  t.match(page, /!\[[^\]]{40,}\]\(wiring\.svg\)/);
  t.match(words.join('\n'), /^EMERGENCY$[\s\S]*past the computer/m);
});

t.test('every element of the picture is closed', async (t) => {
  const open: string[] = [];
  for (const [, end, name = '', single] of picture.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (end === '/') t.equal(open.pop(), name);
    else if (single !== '/') open.push(name);
  }
  t.same(open, []);
});
