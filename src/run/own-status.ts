// Owns ending as the program ended, for who started it and must not notice vgrun: with its status, or by its signal.
import { access, constants } from 'node:fs/promises';
import { constants as system } from 'node:os';
import type { Exit } from '../model/exit.ts';

const prlimit = '/usr/bin/prlimit';
const hasSignal = (name: string): name is NodeJS.Signals => Object.hasOwn(system.signals, name);

/**
 * Ends this process by the signal that the program was killed by, or gives the status that it ended with.
 *
 * @param usual the status when it is not known how the program ended.
 */
export async function endLikeProgram(exit: Exit | undefined, usual: number): Promise<number> {
  if (exit?.how === 'exited') return exit.code;
  if (exit?.how !== 'signaled') return usual;
  const { signal, number } = exit;
  if (!hasSignal(signal)) return usual;
  // A core of this process would pass for the program's.
  const canLimit = await access(prlimit, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (canLimit) {
    const { execa } = await import('execa');
    await execa(prlimit, ['--core=0:0', `--pid=${process.pid}`], { reject: false, stdio: 'ignore' });
  }
  await new Promise<void>((done) => process.stderr.write('', () => done()));
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  return 128 + number;
}
