// `vgrun gdb [options] program [arguments]`: a crash explained, probes; with -i gdb itself on the terminal.
import { inheritedDescriptors } from '../run/descriptors.ts';
import { readOwnBytes } from '../run/exact-bytes.ts';
import { ownDirectory } from '../run/working-directory.ts';
import { version } from '../version.ts';
import { readGdbWords } from './gdb-words.ts';
import { main as run } from './run.ts';

/** @returns the exit status: as for a run; with -i that of gdb. */
export async function main(argv: readonly string[]): Promise<number> {
  const descriptors = inheritedDescriptors();
  const own = readOwnBytes(argv);
  const words = readGdbWords(own.words);
  if (words.kind === 'interactive') {
    const { startGdb } = await import('../run/gdb/interactive.ts');
    return startGdb(words.wish, ownDirectory(), descriptors, own);
  }
  const answered = words.argv.slice(
    0,
    words.argv.indexOf('--') === -1 ? undefined : words.argv.indexOf('--'),
  );
  const [only] = answered.slice(1);
  if (only === '--help' || only === '-h') {
    const { gdbHelp } = await import('./gdb-help.ts');
    process.stdout.write(gdbHelp(process.stdout.columns ?? 80));
    return 0;
  }
  if (only === '--version') {
    process.stdout.write(`vgrun ${version}\n`);
    return 0;
  }
  return run(words.argv, undefined, { ...own, words: words.argv });
}
