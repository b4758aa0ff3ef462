import { provision } from '../../daemon/identity.js';
import { createSm2Inline } from '../../platform/sm2/inline.js';
import { DEVICE_ID } from '../../protocol/wire/topics.js';
import { type Command, EXIT, toPeople, toResults } from './command.js';
import { noMorePositionals, parseCommandLine, required, UsageError } from './options.js';

export const provisionCommand: Command = {
  name: 'provision',
  summary: "makes a device's keys and prints its enrolment",
  help: `usage: cardpad provision --data DIR --device ID --central FILE [--json]

Makes the device's SM2 key pair in DIR (the configuration's dataDir), keeps a copy of central's public file there, and
prints the enrolment, which holds nothing secret. Run again it changes nothing and prints the same.

  --data DIR       where the keys and the journal are kept
  --device ID      the device's name: lower-case letters, digits, hyphens
  --central FILE   central.public.json, as \`cardpad central init\` wrote it
  --json           changes nothing: the enrolment is one JSON document anyway

example: cardpad provision --data /var/lib/cardpad --device gz-bus-a1 --central central.public.json > gz-bus-a1.json`,
  results: 'json',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      data: { type: 'string' },
      device: { type: 'string' },
      central: { type: 'string' },
      json: { type: 'boolean' },
    });
    noMorePositionals(positionals);
    const data = required(values.data, '--data');
    const device = required(values.device, '--device');
    const central = required(values.central, '--central');
    if (!DEVICE_ID.test(device)) {
      throw new UsageError('--device takes 1 to 63 lower-case letters, digits and hyphens, no hyphen first');
    }
    toResults(JSON.stringify(await provision(data, device, central, createSm2Inline())));
    toPeople(`keys are in ${data}; next: cardpad central enroll, with what was printed`);
    return EXIT.done;
  },
};
