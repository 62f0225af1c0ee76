// What an option of an instrument is: the rows of valgrind-options.json and perf-options.ts.

/** One option of valgrind's core or of its tools. */
export interface ValgrindOption {
  /** With its dashes: `--leak-check`, `-q`. */
  readonly name: string;
  /** Tools that have it; missing: all. */
  readonly tools?: readonly string[];
  /** Where valgrind's own help lists it. */
  readonly group: string;
  /**
   * `flag` takes no value, `bool` yes or no, `switch` 0 or 1 or words for them, `enum` one of `values`, `set` several of them with commas, `bits` that
   * many zeros and ones; the rest is any text.
   */
  readonly type:
    | 'flag'
    | 'bool'
    | 'switch'
    | 'enum'
    | 'set'
    | 'int'
    | 'hex'
    | 'bits'
    | 'float'
    | 'list'
    | 'path'
    | 'string';
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly digits?: number;
  /** How the text is built, for help. */
  readonly format?: string;
  readonly default?: string;
  /** First release that has it, `major.minor`. */
  readonly since: string;
  /** Where a tool got it later than `since`. */
  readonly sinceOfTool?: Readonly<Record<string, string>>;
  /** Values that came later than the option. */
  readonly sinceOfValue?: Readonly<Record<string, string>>;
  /**
   * What to do with it after the program. Missing: safe, valgrind's alone. `ambiguous`: programs have it too.
   * `never`: a flag, or a place where logs go.
   */
  readonly afterProgram?: 'ambiguous' | 'never';
  /** Each use counts; otherwise the last one wins. */
  readonly repeatable?: boolean;
  /** Can be changed while the program runs. */
  readonly dynamic?: boolean;
  readonly undocumented?: boolean;
  /** One line for help. */
  readonly summary?: string;
}
