import type { Gate } from './gate.js';
import type { Machine } from './machine/machine.js';
import type { Outside } from './outside.js';
import type { ConfigChoices } from './wiring.js';

const APT_WITHIN_MS = 600_000;
const COMMAND_WITHIN_MS = 240_000;
/** Where the second disk's files are in the machine. */
export const PAYLOAD = '/root/payload';

/** Unpacks what the host brings. */
export async function takePayload(machine: Machine): Promise<void> {
  await machine.agent.run(`mkdir -p ${PAYLOAD}; tar -x -f /dev/vdb -C ${PAYLOAD}`);
}

/** `apt install ./cardpad.deb`, without a network: all that the package depends on is in the image. */
export async function aptInstall(
  machine: Machine,
  file: string,
  options: readonly string[] = [],
): Promise<string> {
  const apt = ['DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends', ...options].join(
    ' ',
  );
  return machine.agent.run(`cd ${PAYLOAD} && ${apt} ./${file}`, APT_WITHIN_MS);
}

/** The steps of the package's README.Debian, in their order, up to the start. */
export async function setUp(gate: Gate, outside: Outside, choices: ConfigChoices): Promise<void> {
  const { agent } = gate.machine;
  await gate.configure(choices);
  await agent.run('cardpad config check /etc/cardpad/config.json', COMMAND_WITHIN_MS);
  const central = '/etc/cardpad/central.public.json';
  await agent.run(`install -m 644 ${PAYLOAD}/central.public.json ${central}`);
  const enrolment = await agent.run(
    `runuser -u cardpad -- cardpad provision --data /var/lib/cardpad --device ${choices.device} --central ${central} 2>/dev/null`,
    COMMAND_WITHIN_MS,
  );
  await outside.enroll(enrolment);
}
