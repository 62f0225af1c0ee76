// What a reporter is, and what it may be told about the place it writes to.
import type { Report } from '../model/report.ts';

/** How a report may look. Everything has a default: no colour, 100 columns, 50 rows. */
export interface RenderOptions {
  readonly color?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** Paths are written as OSC 8 links; only for terminals that are known to understand them. */
  readonly hyperlinks?: boolean | undefined;
  /** All frames of all stacks, and all there is about each finding. */
  readonly fullStacks?: boolean | undefined;
  /** Lists hidden findings too, and all messages and processes. */
  readonly all?: boolean | undefined;
}

/** One output format. A reporter decides nothing about findings: it gives form to what analyze settled. */
export interface Reporter {
  /** The word of `--report FORMAT=FILE`. */
  readonly name: string;
  /**
   * The report in pieces, in order: text, or bytes for a binary format. Pure.
   * @throws UserError (125) at once, before any piece is taken, when the format has no form for this report.
   */
  readonly render: (report: Report, options: RenderOptions) => Iterable<string | Uint8Array>;
  /** Another format that belongs to it, appended to the file that an environment variable of the CI system names. */
  readonly companion?: { readonly format: string; readonly variable: string };
}
