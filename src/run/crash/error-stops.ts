// Owns what happens at `--vgdb-error`: who is asked, what is written down, and that no process waits for ever.
import { watchStops } from '../../drive/vgdb.ts';
import type { Debugging } from '../../model/launch.ts';
import type { Problem } from '../../model/problem.ts';
import type { OptionToken } from '../../tools/_shared/valgrind-options.ts';
import { hasControllingTerminal } from '../signals.ts';

/** Hears what valgrind writes while the program runs. */
export interface ErrorStops {
  /** It wants to hear of XML too, not only of logs. */
  readonly readsXml?: true;
  /** Bytes appended to a file of the run directory, named by its name there. */
  readonly read: (file: string, bytes: Uint8Array) => void;
  /** All processes have ended. */
  readonly finish: () => Promise<readonly Problem[]>;
}

/** @returns undefined when the program never stops for gdb. */
export async function errorStops(options: {
  /** What valgrind will go by, in its order. */
  readonly effective: readonly OptionToken[];
  readonly debugging: Debugging | undefined;
  /** Absolute path of valgrind. */
  readonly valgrind: string;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Absolute path of the run directory. */
  readonly directory: string;
  readonly say: (line: string) => void;
}): Promise<ErrorStops | undefined> {
  const { effective, debugging, valgrind, say } = options;
  if (!effective.some(({ name }) => name === '--vgdb-error' || name === '--vgdb-stop-at')) return undefined;
  const prefix = effective.findLast(({ name }) => name === '--vgdb-prefix')?.value ?? '';
  if (debugging?.how === 'ask') {
    const { askAtErrors } = await import('./db-attach.ts');
    const { workingDirectory } = options;
    return askAtErrors({ valgrind, prefix, command: debugging.command, workingDirectory, say });
  }
  const watch = watchStops({ instrument: valgrind, prefix, terminal: hasControllingTerminal(), say });
  return {
    read: (file, bytes) => {
      if (file.endsWith('.log')) watch.read(bytes);
    },
    finish: async () => [],
  };
}
