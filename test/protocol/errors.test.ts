import t from 'tap';
import { CardpadError, codeOf, messageOf } from '../../protocol/errors.js';

t.test('an error carries code, disposition, help and cause', async (t) => {
  const cause = new Error('below');
  const error = new CardpadError('port.refused', 'reconnect', 'refused', { help: 'Look.', cause });
  t.match(error, {
    name: 'CardpadError',
    code: 'port.refused',
    disposition: 'reconnect',
    message: 'refused',
  });
  t.equal(error.help, 'Look.');
  t.equal(error.cause, cause);
  t.ok(error instanceof Error);
  t.notOk('cause' in new CardpadError('a.b', 'reject', 'c'));
});

for (const [thrown, code, message] of [
  [new CardpadError('a.b', 'reject', 'said'), 'a.b', 'said'],
  [Object.assign(new Error('no such file'), { code: 'ENOENT' }), 'ENOENT', 'no such file'],
  [Object.assign(new Error('odd'), { code: 7 }), undefined, 'odd'],
  ['text', undefined, 'text'],
  [null, undefined, 'null'],
  [undefined, undefined, 'undefined'],
  [7, undefined, '7'],
] as const) {
  t.test(`${String(thrown)} thrown: code ${code}, message "${message}"`, async (t) => {
    t.equal(codeOf(thrown), code);
    t.equal(messageOf(thrown), message);
  });
}
