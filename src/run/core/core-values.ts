// Owns the arguments and locals of the frames of a core file: gdb reads them, where there is debug information, and only for frames
// that vgrun found itself.
import { dirname } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import type { StopThread, Variable } from '../../model/stop.ts';
import { askGdb } from '../gdb/batch.ts';

/** Frames of a thread whose variables are read. */
const mostFrames = 64;
/** Threads that gdb looks at: the first one, and those that follow it. */
const mostThreads = 256;
/** s for all variables, once gdb has opened the core; ms for gdb as a whole. */
const seconds = 5;
const longestWait = 30_000;

/** What gdb is to open. */
export interface CoreForGdb {
  /** Absolute path of the core. */
  readonly core: string;
  /** Absolute path of the program that crashed. */
  readonly program: string;
  /** Absolute paths of files that lie elsewhere than the core says. */
  readonly movedFiles: readonly string[];
  readonly sysroot?: string | undefined;
  readonly debuginfod: boolean;
  /** Absolute path of a folder for files that are removed again. */
  readonly folder: string;
}

/** Variables of the frames of a thread, by lwp. */
export type CoreValues = ReadonlyMap<number, readonly FrameValues[]>;

interface FrameValues {
  readonly ip: string;
  readonly function?: string;
  readonly variables: readonly Variable[];
}

/**
 * Asks gdb for the variables of threads, and of those with equal stacks for the first one's only. What it cannot tell is a problem,
 * never an error.
 */
export async function readCoreValues(
  { core, program, movedFiles, sysroot, debuginfod, folder }: CoreForGdb,
  lwps: readonly number[],
): Promise<{ readonly values: CoreValues; readonly problems: readonly Problem[] }> {
  const folders = [...new Set(movedFiles.map((file) => dirname(file)))].filter((path) => !/[:\n]/.test(path));
  const settings = [
    ...(sysroot === undefined || sysroot.includes('\n') ? [] : [`set sysroot ${sysroot}`]),
    ...(folders.length === 0 ? [] : [`set solib-search-path ${folders.join(':')}`]),
  ];
  const asked = await askGdb({
    script: 'core_values.py',
    words: [...settings.flatMap((setting) => ['-iex', setting]), `--se=${program}`, `--core=${core}`],
    wishes: { lwps: lwps.slice(0, mostThreads), frames: mostFrames, seconds },
    folder,
    timeout: longestWait,
    debuginfod,
  });
  if ('answer' in asked) return { values: valuesOf(asked.answer), problems: [] };
  const why = {
    missing: 'gdb is not installed',
    timeout: `gdb did not answer within ${longestWait / 1000} s`,
    'no answer': 'gdb could not read the core',
  }[asked.failure];
  return {
    values: new Map(),
    problems: [
      {
        code: 'no-values',
        level: 'warning',
        message: `arguments and locals are not known: ${why}`,
        ...(asked.said !== '' && { quote: asked.said }),
      },
    ],
  };
}

/** The thread with the variables of its frames. Inlined calls have the address of their caller: there the name decides. */
export function withValues(thread: StopThread, values: CoreValues): StopThread {
  const found = values.get(thread.lwp);
  if (found === undefined || found.length === 0) return thread;
  const left = [...found];
  const frames = thread.frames.map((frame) => {
    const sameAddress = (each: FrameValues) => frame.ip !== undefined && BigInt(each.ip) === BigInt(frame.ip);
    const named = left.findIndex(
      (each) => sameAddress(each) && plainName(each.function) === plainName(frame.function),
    );
    const at = named === -1 && frame.isInlined !== true ? left.findIndex(sameAddress) : named;
    if (at === -1) return frame;
    const [{ variables }] = left.splice(at, 1) as [FrameValues];
    return { ...frame, variables };
  });
  return { ...thread, frames };
}

/** gdb leaves out what a demangler writes: `sum(int, char const*)`. */
function plainName(name: string | undefined): string | undefined {
  return name?.replace(/\(.*$/s, '');
}

/** The answer is of our own script, but its texts are the target's: what has another form is left out. */
function valuesOf(answer: unknown): CoreValues {
  const values = new Map<number, readonly FrameValues[]>();
  if (typeof answer !== 'object' || answer === null) return values;
  for (const [lwp, frames] of Object.entries(answer)) {
    if (Array.isArray(frames)) values.set(Number(lwp), frames.filter(isFrameValues));
  }
  return values;
}

function isFrameValues(value: unknown): value is FrameValues {
  const frame = value as Partial<FrameValues> | null;
  return (
    typeof frame === 'object' &&
    frame !== null &&
    typeof frame.ip === 'string' &&
    /^0x[0-9a-f]{1,16}$/.test(frame.ip) &&
    Array.isArray(frame.variables)
  );
}
