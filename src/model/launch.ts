// What to start: the user's wish, and the plan a tool makes of it.
import type { Problem } from './problem.ts';

/**
 * What is captured. Errors reach the run directory as `xml` (a file for each process), `fd` (one stream) or `text` (the
 * user's own log). `profile`: files of values, and a log beside them; `log`: a log that says all there is. `reports`: files of
 * what a runtime inside the program reported (a sanitizer, mtrace, memwatch); a process with nothing to say may write none.
 * `stops`: a log of moments at which processes stood still.
 */
export type Capture = 'xml' | 'fd' | 'text' | 'profile' | 'log' | 'reports' | 'stops';

/** A shipped set of suppressions and where it is. */
export interface NoiseFile {
  /** The word of `--known-noise`. */
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
}

/** What is done where valgrind stops a process at an error. */
export type Debugging =
  /** `--db-attach=yes`: the user is asked, and gdb started on the terminal: with these words, `%f` in them is the program. */
  { readonly how: 'ask'; readonly command: readonly string[] };

/** What the user asked for, after the command line is read. */
export interface Launch {
  readonly tool: string;
  /** Instrument options in order, old spellings translated, sinks taken out. */
  readonly toolOptions: readonly string[];
  readonly program: string;
  readonly arguments: readonly string[];
  readonly capture: Capture;
  /** The user's own text log template (`--log-file=`), when given. */
  readonly logFile?: string;
  /** The user's own XML template (`--xml-file=`), when given. */
  readonly xmlFile?: string;
  /** What is captured is also passed on to a descriptor or socket of the user's (`--log-fd=`, `--xml-socket=`, …). */
  readonly relayed?: boolean;
  /** Nothing is started: the instrument looks at a process that runs, for so many seconds. `program` is its file then. */
  readonly attach?: { readonly pid: number; readonly seconds: number };
  /** Missing: somebody else may bring gdb. */
  readonly debugging?: Debugging;
  /** The runtimes of sanitizers leave a core after an error, too. */
  readonly wantsCore?: true;
  /** `--known-noise`: suppressions that go before the user's own. */
  readonly knownNoise?: readonly NoiseFile[];
}

/** What a tool needs to know to plan. */
export interface PlanContext {
  /** Absolute path of the run directory. */
  readonly directory: string;
  /** Installed instrument version, e.g. `3.19.0`. */
  readonly version: string;
  /** Descriptor number for `--xml-fd` when `capture` is `fd`. */
  readonly xmlDescriptor: number;
  /** Options that valgrind will take from rc files and VALGRIND_OPTS, already split, in order. */
  readonly environmentOptions: readonly string[];
  /** Variables that the program would have without the plan. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Absolute path of an llvm-symbolizer, where one is installed. */
  readonly symbolizer?: string;
  /** Absolute path of the library that the tool loads into the program; missing: the program has its own. */
  readonly preload?: string;
}

/** Logs that the program itself appends to, in the directory where it stands. */
export interface AppendedLogs {
  /** Names that they may have there. */
  readonly names: readonly string[];
  /** What the run added is kept as `USUAL.N` in the run directory, N from 1. */
  readonly usual: string;
  /** How the first line of a program's part begins: each becomes a file of its own. */
  readonly begin: string;
  /** Said when nothing was added anywhere. */
  readonly missing: Problem;
  /** Said when a log was made, or opened, and nothing stands in it. */
  readonly empty: Problem;
}

/** How to start the instrument: everything between the instrument's path and the program. */
export interface Plan {
  readonly options: readonly string[];
  /** Environment variables to set for the instrument. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables of the program alone: what is loaded into it stays out of the programs that stand in front of it. */
  readonly programEnvironment?: Readonly<Record<string, string>>;
  /** What the instrument starts instead of the program, when it attaches to one that runs. */
  readonly command?: readonly string[];
  /**
   * Files that the user wants elsewhere, as templates of valgrind's (`%p`, `%n`, `%q{VAR}`), with the name that a copy gets in
   * the run directory, where only `%p` may stand in it.
   */
  readonly outputs?: readonly { readonly template: string; readonly usual: string }[];
  /** The status with which the instrument ends a program, or that it puts in the place of the program's own. */
  readonly exitcode?: number;
  /** A runtime in each process is to search for leaks at its end, and to show that it did. */
  readonly searchesLeaks?: boolean;
  /** Where the user wants the reports of the runtimes, too: as the start of their names (`log_path=`). */
  readonly reportCopy?: string;
  readonly appended?: AppendedLogs;
}
