/**
 * The house rule: imports run one way.
 *
 *   protocol <- platform <- drivers <- daemon
 *               platform <------------ central
 *
 * daemon and central never import each other; only scripts import either.
 */
const forbid = (from, allowed, comment) => ({
  name: `${from}-imports-only-${allowed.join('-') || 'itself'}`,
  comment,
  severity: 'error',
  from: { path: `^${from}/` },
  to: {
    path: '^(protocol|platform|drivers|daemon|central|scripts|test)/',
    pathNot: `^(${[from, ...allowed].join('|')})/`,
  },
});

module.exports = {
  forbidden: [
    forbid('protocol', [], 'protocol is pure: bytes to values and back'),
    forbid(
      'platform',
      ['protocol'],
      'platform is what the machine gives to both ends: clock, disk, network, threads, log',
    ),
    forbid('drivers', ['protocol', 'platform'], 'drivers know hardware, not decisions'),
    forbid('daemon', ['protocol', 'platform', 'drivers'], 'the gate never imports the service that it asks'),
    forbid('central', ['protocol', 'platform'], 'the service never imports the gate or its hardware'),
    forbid(
      'scripts',
      ['protocol', 'platform', 'drivers', 'daemon', 'central'],
      'what people run is not run by tests alone',
    ),
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'protocol-does-no-io',
      comment: 'no files, no sockets, no processes, no timers in protocol (zlib for its CRC-32)',
      severity: 'error',
      from: { path: '^protocol/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|util|buffer|zlib)$' },
    },
    {
      name: 'native-add-ons-load-lazily',
      comment: 'a gate that needs no serial port never loads one; onoff and i2c-bus may be absent',
      severity: 'error',
      from: {},
      to: {
        path: 'node_modules/(serialport|onoff|i2c-bus)/',
        dynamic: false,
        dependencyTypesNot: ['type-only', 'type-import'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
