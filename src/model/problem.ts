// What went wrong with the measuring. Never a statement about the target: that is an Exit or a Finding.

/**
 * How much a problem weighs.
 * - `incomplete`: something that should have been measured was not seen, so the run cannot be `clean`.
 * - `warning`: the measurement stands, but a reader should know this.
 * - `note`: said once, changes nothing.
 */
export type ProblemLevel = 'incomplete' | 'warning' | 'note';

/** One thing that went wrong while measuring or reading. */
export interface Problem {
  /** Stable kebab-case word, e.g. `truncated-document`, `unknown-element`, `no-debug-info`. */
  readonly code: string;
  readonly level: ProblemLevel;
  /** One sentence for people. */
  readonly message: string;
  /** What to do about it: one sentence. */
  readonly hint?: string;
  /** File name of the artifact, relative to the run directory. */
  readonly artifact?: string;
  /** Where in the artifact, in bytes from its start. */
  readonly offset?: number;
  /** What stood there, at most 200 characters, raw: reporters escape it. */
  readonly quote?: string;
  readonly pid?: number;
}
