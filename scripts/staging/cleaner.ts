import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads `born PID` and `gone PID` until its standard input ends, which it does however the process at the other end
 * came to its own. A process that was killed needs a moment to let go of its files.
 */
const CLEANING = `
live=' '
while read -r what pid; do
  case $what in
    born) live="$live$pid " ;;
    gone) live="\${live%% $pid *} \${live#* $pid }" ;;
  esac
done
for pid in $live; do kill -9 "$pid" 2>/dev/null; done
sleep 1
rm -rf -- "$1"
`;

/**
 * Ends what this process has started and removes its folder, should it be gone without a word (SIGKILL, out of memory):
 * then nothing here can do that any more, so that a shell of its own waits for it.
 */
export class Cleaner {
  readonly #shell: ChildProcess;

  constructor(folder: string) {
    // In a session of its own: what is sent to all processes of a terminal does not end it.
    this.#shell = spawn('sh', ['-c', CLEANING, 'cardpad-cleaner', folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#shell.unref();
    this.#shell.stdin?.on('error', () => {});
    // Without it all works but the cleaning up after a SIGKILL.
    this.#shell.on('error', () => {});
  }

  readonly watch = (child: ChildProcess): void => {
    if (child.pid === undefined) return;
    this.#shell.stdin?.write(`born ${child.pid}\n`);
    child.once('exit', () => this.#shell.stdin?.write(`gone ${child.pid}\n`));
  };

  /** This process cleans up by itself. */
  readonly dismiss = (): void => {
    this.#shell.kill('SIGKILL');
  };
}
