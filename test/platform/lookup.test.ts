import type { LookupAddress } from 'node:dns';
import t from 'tap';
import { type LookupAll, NameLookup } from '../../platform/lookup.js';

type Answer = Parameters<LookupAll>[1];

const ADDRESSES: readonly LookupAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];

function open() {
  const asked: { readonly name: string; readonly answer: Answer }[] = [];
  const names = new NameLookup((name, answer) => asked.push({ name, answer }));
  const got: unknown[] = [];
  const ask = (name: string, all: boolean) =>
    names.lookup(name, { all }, (error, address, family) => got.push(error?.message ?? [address, family]));
  return { asked, got, ask, names };
}

t.test(
  'a name is looked up once however often it is asked for meanwhile, and all get the answer',
  async (t) => {
    const { asked, got, ask } = open();
    for (const all of [true, false, true]) ask('broker.example', all);
    ask('reader.example', true);
    t.same(
      asked.map(({ name }) => name),
      ['broker.example', 'reader.example'],
    );
    asked[0]?.answer(null, ADDRESSES);
    t.same(got, [
      [ADDRESSES, undefined],
      ['::1', 6],
      [ADDRESSES, undefined],
    ]);
  },
);

t.test('when it was answered it is looked up anew: addresses change', async (t) => {
  const { asked, got, ask, names } = open();
  t.notOk(names.pending);
  ask('broker.example', true);
  t.ok(names.pending);
  asked[0]?.answer(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
  ask('broker.example', false);
  t.equal(asked.length, 2);
  asked[1]?.answer(null, []);
  t.notOk(names.pending);
  t.same(got, ['no such name', 'broker.example has no address']);
});
