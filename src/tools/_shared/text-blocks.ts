// What the lines of a text log are gathered into: an error with its sentences and stacks, a message, a thread.
import type { Frame, Thread } from '../../model/finding.ts';
import type { MessageRecord } from '../../model/record.ts';
import type { Headline } from './headlines.ts';
import * as say from './text-grammar.ts';
import type { ErrorPart, StackContainer } from './valgrind-error.ts';

/** Frames and sentences of one error, lines of one message: far above what valgrind prints. */
export const longestBlock = 2_000;

export interface MutableStack {
  readonly type: 'stack';
  readonly frames: Frame[];
  readonly container?: StackContainer;
  readonly text?: string;
  readonly address?: string;
}

export type Part = Extract<ErrorPart, { type: 'text' }> | MutableStack;

/** What the lines being read belong to. */
export type Block =
  | ErrorBlock
  | { readonly type: 'lead'; readonly body: Body }
  | { readonly type: 'thread'; readonly id: number; readonly root: boolean; readonly frames: Frame[] }
  | {
      readonly type: 'message';
      readonly source: MessageRecord['source'];
      readonly lines: string[];
      readonly frames: Frame[];
    }
  | {
      readonly type: 'signal';
      readonly number: number;
      readonly name: string;
      cause?: string;
      address?: string;
      readonly frames: Frame[];
    }
  | { readonly type: 'advice' };

/** Sentences and stacks in the order of the log. */
export interface Body {
  readonly parts: Part[];
  stack?: MutableStack;
  /** What the next stack is. */
  next?: Omit<MutableStack, 'type' | 'frames'>;
  /** A sentence that belongs after the next stack: `Locks held: none`. */
  after?: Part;
}

export interface ErrorBlock {
  readonly type: 'error';
  readonly headline: Headline;
  readonly what: string;
  moreWhat?: string;
  readonly body: Body;
  /** What helgrind said of locks before the headline. */
  readonly lead?: readonly Part[];
  /** Empty lines seen since the last line of this error. */
  blanks: number;
  readonly offset: number;
  readonly thread?: Thread;
  readonly context?: { readonly count: number; readonly suppressed: boolean };
  suppression?: string;
}

/**
 * Whether the end of an error was seen. Every error ends with an empty line, but helgrind's races and lock orders
 * have empty lines inside: a race is whole with the access it conflicts with, a lock order after two empty lines.
 */
export function isWhole({ headline, body, blanks }: ErrorBlock): boolean {
  if (blanks === 0) return false;
  if (headline.tool !== 'helgrind') return true;
  if (headline.kind === 'LockOrder') return blanks > 1;
  if (headline.kind !== 'Race') return true;
  return body.parts.some((part) => part.type === 'text' && part.text.startsWith('This conflicts with '));
}

/** All that an error says. Its addresses are in it: valgrind prints the very same words again. */
export function contextKey({ what, body, lead }: ErrorBlock): string {
  const parts = lead === undefined ? body.parts : body.parts.slice(0, body.parts.length - lead.length);
  return [
    what,
    ...parts.map((part) => (part.type === 'text' ? part.text : part.frames.map(({ ip }) => ip).join())),
  ].join('\n');
}

export function startStack(body: Body): void {
  const stack: MutableStack = { type: 'stack', frames: [], ...body.next };
  body.parts.push(stack);
  if (body.after !== undefined) body.parts.push(body.after);
  body.stack = stack;
  delete body.next;
  delete body.after;
}

/** A sentence inside an error: about the error, or the title of the stack under it. */
export function addSentence(block: Block | undefined, text: string): void {
  if (block?.type !== 'error' && block?.type !== 'lead') return;
  if (block.type === 'error') block.blanks = 0;
  const { body } = block;
  delete body.stack;
  if (body.parts.length >= longestBlock) return;
  const sentence = text.trim();
  const observed = say.firstObserved.exec(text);
  const segment = say.otherSegment.exec(text);
  const allocated = say.allocationContext.exec(text);
  if (say.stackGone.test(text)) startStack(body);
  else if (observed?.[1] !== undefined && observed[2] !== undefined) {
    body.next = { container: 'first_observed_at', text: observed[1], address: observed[2] };
  } else if (segment !== null) {
    body.next = { container: `other_segment_${segment[1] === 'end' ? 'end' : 'start'}`, text: sentence };
  } else if (say.conflictingWait.test(text)) body.next = { container: 'confl_wait_call', text: sentence };
  else if (allocated !== null) {
    if (allocated[1]) body.parts.push({ type: 'text', text: allocated[1] });
    body.next = { container: 'allocation_context' };
  } else if (/^Locks held: /.test(text)) body.after = { type: 'text', text: sentence };
  else {
    body.parts.push({ type: 'text', text: sentence });
  }
}

/** The margin lines that go on with what is open, instead of beginning something. */
export function continues(block: Block | undefined, text: string): boolean {
  if (block?.type !== 'error' && block?.type !== 'lead') return false;
  return (
    say.continuation.test(text) ||
    say.firstObserved.test(text) ||
    say.otherSegment.test(text) ||
    say.conflictingWait.test(text) ||
    say.allocationContext.test(text)
  );
}
