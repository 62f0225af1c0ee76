// One <error> of valgrind's XML, or one error paragraph of its text log, before a tool interprets it.
import type { FindingRecord, Frame, Span } from '../../model/finding.ts';

/** The XML elements that wrap a stack inside <error>, besides none. */
export type StackContainer =
  | 'acquired_at'
  | 'first_observed_at'
  | 'allocation_context'
  | 'confl_wait_call'
  | 'other_segment_start'
  | 'other_segment_end';

/** What follows the headline, in document order. A text line and the stack under it are two parts. */
export type ErrorPart =
  | {
      readonly type: 'text';
      readonly text: string;
      /** <xauxwhat> place of a declaration. */
      readonly file?: string;
      readonly line?: number;
      readonly directory?: string;
    }
  | {
      readonly type: 'stack';
      readonly frames: readonly Frame[];
      readonly container?: StackContainer;
      /** <what> and <address> inside the container. */
      readonly text?: string;
      readonly address?: string;
    };

/** An error as both readers (XML and text) hand it to the tool's `interpret`. */
export interface ValgrindError {
  readonly image: number;
  readonly unique?: string;
  readonly tid?: number;
  readonly threadName?: string;
  /** `<kind>`; a text log has none, so the text reader derives it from the headline. */
  readonly kind: string;
  readonly what: string;
  /** Second <what>: helgrind's `with error code 35 (EDEADLK: …)`. */
  readonly moreWhat?: string;
  readonly fd?: number;
  readonly path?: string;
  readonly leakedBytes?: number;
  readonly leakedBlocks?: number;
  readonly threads: readonly number[];
  /** Counted by the reader: which leak check of the image this record belongs to, from 1. */
  readonly leakCheck: number;
  readonly parts: readonly ErrorPart[];
  readonly suppression?: string;
  readonly count?: number;
  readonly span?: Span;
}

/** Turns the raw error into a finding record: labels for the stacks, sizes, addresses. Pure, never throws. */
export type Interpret = (error: ValgrindError) => FindingRecord;
