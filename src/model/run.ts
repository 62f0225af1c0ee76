// What happened: how the target ended, and the manifest that makes a directory a run.
import type { Exit } from './exit.ts';
import type { Capture } from './launch.ts';
import type { Problem } from './problem.ts';
import type { Replay } from './request.ts';
import type { Sanitizer } from './sanitizer.ts';

export type { Exit } from './exit.ts';

/** Why vgrun ended the target, when it did. `served`: it had answered all requests, and was asked to end. */
export type StoppedBy = 'timeout' | 'interrupt' | 'served';

/** What an artifact is, for whoever reads the directory. */
export type ArtifactRole =
  | 'xml'
  | 'text'
  | 'profile'
  | 'report'
  | 'stops'
  | 'symbols'
  | 'rescued-xml'
  | 'rescued-text'
  | 'other';

/** One raw file of the run. */
export interface Artifact {
  /** Relative to the run directory. */
  readonly name: string;
  readonly role: ArtifactRole;
  /** Bytes. */
  readonly size: number;
  /** sha256, hex; missing while a process was still writing. */
  readonly sha256?: string;
  /** When the file was made and last written, ms after the start of the run; missing where nobody could tell. */
  readonly madeMs?: number;
  readonly writtenMs?: number;
}

/** A process of the run as it was seen in passing: one that was short may be missing. */
export interface Executable {
  readonly pid: number;
  /** Absolute; what it exec'd last. */
  readonly path: string;
  /** Who started it. */
  readonly ppid?: number;
  /** It never was anything but what its parent was when it was first seen: it began by fork, without exec. */
  readonly forked?: true;
  /** Seen once only, and maybe in between: on its way to another program, or a helper of the instrument's. */
  readonly brief?: true;
  /** Of the first process: what it was before it exec'd, absolute, the first one first. */
  readonly was?: readonly string[];
  /** The sanitizers that the file is built with, and those that it was, where that was looked at. */
  readonly sanitizers?: readonly Sanitizer[];
}

/** Options that valgrind takes from the environment, in the order in which it reads them. */
export interface EnvironmentOptions {
  /** `~/.valgrindrc`, `VALGRIND_OPTS` or `./.valgrindrc`. */
  readonly source: string;
  readonly options: readonly string[];
}

/** What a log grew by while a request was served: findings in it were made then. */
export interface LogGrowth {
  readonly artifact: string;
  /** Bytes from the start of the artifact; `to` is behind the last one. */
  readonly from: number;
  readonly to: number;
}

/** A pass of a request, as the launch knows it that served it. */
export interface ServedPass {
  /** `ReplayedRequest.number`. */
  readonly request: number;
  /** From 1; 0 and below: warm-up. */
  readonly pass: number;
  /** Missing when no log grew. */
  readonly grown?: readonly LogGrowth[];
}

/** A core file that a process of the run left. Either `artifact` or `path` is there. */
export interface FoundCore {
  readonly pid: number;
  /** Name in the run directory. */
  readonly artifact?: string;
  /** Absolute; it could not be taken into the run directory. */
  readonly path?: string;
  /** Absolute path of what the process executed, where that was seen. */
  readonly program?: string;
  /** Number of the signal that ended it. */
  readonly signal?: number;
  /** valgrind wrote it: the registers and memory of the program, and none of valgrind's. */
  readonly isValgrinds?: true;
}

/** `run.json`. Version 1. Written when the run starts and again when it ends. */
export interface RunManifest {
  readonly version: 1;
  readonly id: string;
  /** Version of vgrun that made the run. */
  readonly vgrun: string;
  readonly tool: { readonly name: string; readonly version: string; readonly path: string };
  /** Program and arguments as the user gave them. */
  readonly command: readonly string[];
  /** Absolute path of the program that was found. */
  readonly program: string;
  /** Instrument options as the user gave them, after translation of old spellings. */
  readonly toolOptions: readonly string[];
  readonly environmentOptions: readonly EnvironmentOptions[];
  /** Shipped sets of suppressions that the user asked for (`--known-noise`), by name. */
  readonly knownNoise?: readonly string[];
  /** Names of the variables that the config set or took away; their values are kept out. */
  readonly environment?: readonly string[];
  /** The exact argument array that was started. */
  readonly argv: readonly string[];
  /** Working directory of the target. */
  readonly directory: string;
  /** Directory whose sources count as mine. */
  readonly projectRoot: string;
  readonly capture: Capture;
  /** Interpreter of a script target, whose own findings are left out unless asked for. */
  readonly interpreter?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly durationMs?: number;
  /** Pid of the first process, when it could be started. */
  readonly pid?: number;
  readonly exit?: Exit;
  readonly stoppedBy?: StoppedBy;
  /** The status with which the instrument ends a program, or that it puts in the place of the program's own. */
  readonly instrumentExitcode?: number;
  /** Each process that the instrument is in was to search for leaks at its end, and to show that it did. */
  readonly searchesLeaks?: true;
  /** What processes of the run executed, where the instrument's files do not say it. */
  readonly executables?: readonly Executable[];
  /**
   * A replay: what was asked and what came. Such a run has no artifacts of an instrument itself: those are in `launches`.
   */
  readonly replay?: Replay;
  /** Of a replay: names of the folders in the run directory that are runs themselves, one for each start of the program. */
  readonly launches?: readonly string[];
  /**
   * Of a launch of a replay: the passes it served, as far as they tell something: the only one of a CGI program, of others those in
   * which a log grew or the process ended.
   */
  readonly served?: readonly ServedPass[];
  /** With `--core`: the core files that were found. */
  readonly cores?: readonly FoundCore[];
  /** Absolute path of a core file that was read: nothing was run, and how its process ended the core itself tells. */
  readonly core?: string;
  /** Pids that still wrote when the run was closed. */
  readonly alive: readonly number[];
  readonly artifacts: readonly Artifact[];
  readonly problems: readonly Problem[];
}
