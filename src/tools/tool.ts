// What an instrument and a log format are to the rest of vgrun. The registry is index.ts.
import type { Launch, Plan, PlanContext } from '../model/launch.ts';
import type { ParsedRecord } from '../model/record.ts';
import type { Interpret } from './_shared/valgrind-error.ts';

/** One instrument: how to launch it and how to read what it says. */
export interface Tool {
  /** The word of `--tool=`. */
  readonly name: string;
  readonly title: string;
  /** Options for this launch. Pure. */
  readonly plan: (launch: Launch, context: PlanContext) => Plan;
  readonly interpret: Interpret;
}

/** What a reader needs from outside. */
export interface ReadContext {
  /** Artifact name for problems. */
  readonly artifact: string;
  /** A fresh image number, unique within the parsed run. */
  readonly nextImage: () => number;
  /** The tool's `interpret`; a generic one for tools that the registry lacks. */
  readonly interpreterFor: (tool: string) => Interpret;
  /** The file is the instrument's own log of a run: nobody else wrote into it, so every line of its form is true. */
  readonly fromInstrument?: boolean;
}

/** A log format. */
export interface Reader {
  readonly name: string;
  /** Looks at the first bytes (at least 4 KiB where there are that many). */
  readonly recognizes: (head: Uint8Array) => boolean;
  /** Never throws on input; ends every image it began with a `process-end`. Memory does not grow with the input. */
  readonly read: (source: AsyncIterable<Uint8Array>, context: ReadContext) => AsyncIterable<ParsedRecord>;
}
