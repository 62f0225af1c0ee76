// What is known of a kind of error: the shape of an entry of the knowledge base.
import type { Severity } from '../model/finding.ts';

/** What is known of one kind. All texts are for people and hold no markup. */
export interface Kind {
  /** `memcheck`, `asan`, `mtrace`, …, or `core` for what valgrind itself reports under any tool. */
  readonly tool: string;
  readonly kind: string;
  readonly severity: Severity;
  /** A few words, no full stop. */
  readonly title: string;
  /** One sentence. */
  readonly meaning: string;
  /** One sentence. */
  readonly advice: string;
  readonly causes: readonly string[];
  readonly fixes: readonly string[];
  readonly falsePositives: readonly string[];
  /** Options of the tool that help to find where it comes from. */
  readonly options: readonly string[];
  /** First lines of a suppression: `Addr4`, `Leak` with its second line, … */
  readonly suppression?: string;
  /** How the tool's sentence begins or what it holds, in lower case; `explain` finds the kind by it. */
  readonly headlines: readonly string[];
}
