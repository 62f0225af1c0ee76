// What an instrument and a log format are to the rest of vgrun. The registry is index.ts.
import type { Frame } from '../model/finding.ts';
import type { Launch, Plan, PlanContext } from '../model/launch.ts';
import type { Problem } from '../model/problem.ts';
import type { ParsedRecord } from '../model/record.ts';
import type { Interpret } from './_shared/valgrind-error.ts';

/** One instrument: how to launch it and how to read what it says. */
export interface Tool {
  /** The word of `--tool=`. */
  readonly name: string;
  readonly title: string;
  /**
   * What starts the program. `none`: the program starts by itself, and `plan` gives an environment only. `heaptrack`: the same,
   * with what is installed of heaptrack. `gdb`: gdb starts it, with a script of vgrun's.
   */
  readonly launcher: 'valgrind' | 'perf' | 'heaptrack' | 'gdb' | 'none';
  /**
   * What is captured. `errors`: XML or a text log. `profile`: files of values, and the text log beside them.
   * `log`: all that the tool has to say stands in its text log. `reports`: files of a runtime inside the program. `stops`: a log
   * of moments at which processes stood still.
   */
  readonly yields: 'errors' | 'profile' | 'log' | 'reports' | 'stops';
  /** A library of vgrun's own that is loaded into the program: name of its C source in `run/preload`. */
  readonly preload?: string;
  /** Each process leaves a report, also when it has nothing to say: one without was not seen. */
  readonly everyProcessReports?: true;
  /** Looks, before anything is made, whether its options go together; throws UserError when not. Pure. */
  readonly refuse?: (launch: Launch) => void;
  /** Options for this launch. Pure. */
  readonly plan: (launch: Launch, context: PlanContext) => Plan;
  /** How to understand its errors; missing for a tool that finds none. */
  readonly interpret?: Interpret;
  /**
   * What is in every program that is built for it: at least one of the words stands in its file. One without is refused:
   * `NAME MISSING`, and the hint.
   */
  readonly evidence?: {
    readonly words: readonly string[];
    readonly missing: string;
    readonly hint: string;
  };
  /**
   * Commands that turn what the run left into artifacts that can be read without the instrument. Pure.
   *
   * @param artifacts names of the files in the run directory.
   */
  readonly collect?: (artifacts: readonly string[], context: CollectContext) => readonly CollectStep[];
}

/** What a tool may know when it says how to collect. */
export interface CollectContext {
  /** Absolute path of the run directory. */
  readonly directory: string;
  /** Absolute path of the instrument, or of what reads its data where that is another program; of `none`, empty. */
  readonly instrument: string;
  /** Absolute path of the program. */
  readonly program: string;
  /** Absolute paths of the executables that processes of the run had, by pid, as far as they were seen. */
  readonly executables: ReadonlyMap<number, string>;
}

/** One command of collecting; it is never run through a shell. */
export interface CollectStep {
  readonly command: readonly [program: string, ...arguments: string[]];
  /** Name in the run directory of the file that it reads as its standard input; it is removed when all went well. */
  readonly consumes?: string;
  /** Name in the run directory of the file that its standard output becomes. */
  readonly output: string;
  /** What is said, at level `incomplete`, when it fails; what it printed on stderr is added. */
  readonly failure: string;
  /** Said in any case: what is not sure about it. */
  readonly doubt?: Problem;
}

/** What a reader needs from outside. */
export interface ReadContext {
  /** Artifact name for problems. */
  readonly artifact: string;
  /** A fresh image number, unique within the parsed run. */
  readonly nextImage: () => number;
  /** The tool's `interpret`; a generic one for tools that the registry lacks. */
  readonly interpreterFor: (tool: string) => Interpret;
  /**
   * The process that the file is about, where its format does not tell: from its name (`massif.out.123`) or the run.
   */
  readonly process?: {
    readonly pid: number;
    readonly argv?: readonly string[];
    readonly version?: string;
    /** There is a later file of it: unless this one says how it ended, it became another program. */
    readonly goesOn?: boolean;
  };
  /** What the addresses of a log mean, for formats that tell addresses only; missing: nothing is known. */
  readonly symbols?: Symbols;
  /** The file is the instrument's own log of a run: nobody else wrote into it, so every line of its form is true. */
  readonly fromInstrument?: boolean;
}

/** What a symbolizer said of addresses. */
export interface Symbols {
  /**
   * @param object as the log names it.
   * @param offset in the object, as a symbolizer takes it: without the base at which it was loaded.
   * @param buildId of the object that was loaded, hex, where the log tells it: a file with another one says nothing.
   * @returns the calls at that address, the innermost of inlined ones first; undefined when it is not known. Each asked address
   * may be remembered, so that a first reading finds out what a symbolizer must be asked.
   */
  readonly framesAt: (object: string, offset: number, buildId?: string) => readonly Frame[] | undefined;
}

/** A log format. */
export interface Reader {
  readonly name: string;
  /** It tells of values rather than of errors; several files of it may be about one process. */
  readonly isProfile?: true;
  /** Looks at the first bytes (at least 4 KiB where there are that many). */
  readonly recognizes: (head: Uint8Array) => boolean;
  /** Never throws on input; ends every image it began with a `process-end`. Memory does not grow with the input. */
  readonly read: (source: AsyncIterable<Uint8Array>, context: ReadContext) => AsyncIterable<ParsedRecord>;
}
