// The data inside the HTML report: what is in it, and how the page reads it. html-payload.ts writes it.
//
// The index holds what lists, filters and searches need, as columns of numbers; texts and frames are stored once. Stacks
// are paths in one tree of calls, outermost call first: a search marks the frames that match, then nodes of the tree,
// then findings, each in one pass over numbers. Everything else about findings is in chunks that are read on demand.

import type { Owner, Severity, StackLabel } from '../../model/finding.ts';
import type { Measure } from '../../model/profile.ts';
import type { Excerpt, Finding, Pardon, RawExcerpt, Report, Standing } from '../../model/report.ts';
import { harmless } from '../terminal-text.ts';

/** How many findings share a chunk of details. */
export const chunkSize = 100;

export const owners: readonly Owner[] = ['mine', 'library', 'system', 'tool'];
export const severities: readonly Severity[] = ['critical', 'error', 'warning', 'info'];
export const pardons: readonly Pardon[] = ['baseline', 'ownership', 'fail-on', 'limit', 'interpreter'];
export const standings: readonly Standing[] = ['new', 'changed', 'known'];

/** Bits of the column `flags`. */
export const flag = { error: 1, failing: 2, hidden: 4, atLeast: 8 } as const;

/**
 * The columns in the order in which they are written. A `Ref` is a position in a table plus 1, and 0 means none.
 * Frames: `function` to `inlined`. Nodes of the tree of calls: `nodeParent` (as the distance to the node, which comes
 * later) and `nodeFrame`. Stacks, those of each finding together: `stackLabel` and `stackNode`, a Ref to the innermost
 * call. The rest, but for `seenImage` and `requestNumber`, has an entry for each finding.
 */
export const columnNames = [
  'function',
  'object',
  'path',
  'line',
  'owner',
  'reason',
  'ip',
  'inlined',
  'nodeParent',
  'nodeFrame',
  'stackLabel',
  'stackNode',
  'id',
  'what',
  'title',
  'rule',
  'tool',
  'kind',
  'severity',
  'flags',
  'pardon',
  'standing',
  'blamedStack',
  'blamedFrame',
  'count',
  'leak',
  'directBytes',
  'blocks',
  'stacks',
  'seen',
  'seenImage',
  'requests',
  'requestNumber',
] as const;

export type ColumnName = (typeof columnNames)[number];
export type Columns = Readonly<Record<ColumnName, Float64Array>>;

/** What the page knows of a profile before it is read. */
export interface ProfileHead {
  readonly program: string;
  readonly pid: number;
  readonly format: string;
  readonly measures: readonly Measure[];
  readonly primary: number;
  readonly trees: number;
  readonly functions: number;
  /** Source lines with costs. */
  readonly lines: number;
  readonly timeline: boolean;
  /** Name of what it is compared with. */
  readonly before?: string;
}

/** The report but for its findings, and of its profiles only what they are. */
export type Summary = Omit<Report, 'findings' | 'profiles'> & { readonly profiles?: readonly ProfileHead[] };

/** What the index leaves out of a finding. */
export type Details = Pick<
  Finding,
  | 'fingerprint'
  | 'thread'
  | 'alsoSeen'
  | 'details'
  | 'leak'
  | 'access'
  | 'descriptor'
  | 'seenIn'
  | 'requests'
  | 'before'
  | 'span'
> & {
  /** What the tool says of each stack; null where it says nothing. */
  readonly texts: readonly (string | null)[];
  readonly excerpt?: Excerpt;
  readonly raw?: RawExcerpt;
  readonly suppression?: string;
  /** Only where they differ from those of the rule. */
  readonly meaning?: string;
  readonly advice?: string;
  readonly witnesses?: readonly PageWitness[];
};

/** What another instrument says of the same defect. */
export interface PageWitness {
  readonly id: string;
  readonly rule: string;
  readonly tool: string;
  readonly headline: string;
  readonly details: readonly string[];
  readonly stacks: readonly (PageStack & { readonly text?: string })[];
  /** Of a leak, direct and indirect together. */
  readonly bytes?: number;
  readonly blocks?: number;
  readonly raw?: RawExcerpt;
}

/** One call, as the page shows it. */
export interface PageFrame {
  readonly function?: string;
  readonly object?: string;
  readonly path?: string;
  readonly line?: number;
  readonly owner: Owner;
  readonly ownerReason: string;
  /** Only where there is no source line. */
  readonly ip?: string;
  readonly inlined?: boolean;
}

export interface PageStack {
  readonly label: StackLabel;
  /** Innermost first. */
  readonly frames: readonly PageFrame[];
}

/** The index, read. */
export interface Index {
  readonly strings: readonly string[];
  readonly columns: Columns;
  readonly findings: number;
  readonly nodes: number;
  /** Node above each node of the tree of calls; -1 at its roots. */
  readonly parent: Int32Array;
  /** First stack of each finding, and one more entry for the end. */
  readonly firstStack: Int32Array;
  /** First entry of each finding in `seenImage`, and one more entry for the end. */
  readonly firstSeen: Int32Array;
  /** The same for `requestNumber`. */
  readonly firstRequest: Int32Array;
  readonly byId: ReadonlyMap<string, number>;
}

/** Reads `columns` (numbers of 7 bits a byte, the lowest first) and `strings` (JSON). */
export function decodeIndex(bytes: Uint8Array, strings: string): Index {
  const columns = decodeColumns(bytes);
  const texts = decodeStrings(strings);
  const findings = columns.id.length;
  const nodes = columns.nodeFrame.length;
  const parent = new Int32Array(nodes);
  for (let node = 0; node < nodes; node++) parent[node] = node - at(columns.nodeParent, node);
  const byId = new Map<string, number>();
  for (let index = findings - 1; index >= 0; index--) byId.set(texts[at(columns.id, index) - 1] ?? '', index);
  return {
    strings: texts,
    columns,
    findings,
    nodes,
    parent,
    firstStack: runningSum(columns.stacks),
    firstSeen: runningSum(columns.seen),
    firstRequest: runningSum(columns.requests),
    byId,
  };
}

/** The number at a place that is known to be in the column. */
export function at(column: Float64Array | Int32Array | Uint8Array, index: number): number {
  return column[index] ?? 0;
}

/** Reads numbers from 0 up, written 7 bits a byte, one after the other; `skip` passes over other bytes. */
export function numberReader(bytes: Uint8Array): {
  readonly next: () => number;
  readonly at: () => number;
  readonly skip: (count: number) => void;
} {
  let offset = 0;
  return {
    next: () => {
      let value = 0;
      let scale = 1;
      for (;;) {
        const byte = bytes[offset++] ?? 0;
        if (byte < 128) return value + byte * scale;
        value += (byte - 128) * scale;
        scale *= 128;
      }
    },
    at: () => offset,
    skip: (count) => {
      offset += count;
    },
  };
}

function decodeColumns(bytes: Uint8Array): Columns {
  const { next } = numberReader(bytes);
  const read = columnNames.map((name) => {
    const column = new Float64Array(next());
    for (let index = 0; index < column.length; index++) column[index] = next();
    return [name, column] as const;
  });
  return Object.fromEntries(read) as Columns;
}

function runningSum(counts: Float64Array): Int32Array {
  const sums = new Int32Array(counts.length + 1);
  for (let index = 0; index < counts.length; index++) sums[index + 1] = at(sums, index) + at(counts, index);
  return sums;
}

// JSON writes C0 controls and lone surrogates as `\u001b`; a text without these and without the characters that
// `harmless` looks for need not be gone through string by string.
const suspicious = /\\[unrtbf]|[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]/;

/** Texts of one line each, harmless. */
export function decodeStrings(json: string): readonly string[] {
  const strings: readonly string[] = JSON.parse(json);
  return suspicious.test(json) ? strings.map(harmless) : strings;
}

/** Reads any other JSON of the report: its texts made harmless, but lines and tabs stay what they are. */
export function decodeJson<T>(json: string): T {
  const value: T = JSON.parse(json);
  return (suspicious.test(json) ? harmlessValue(value) : value) as T;
}

function harmlessValue(value: unknown): unknown {
  if (typeof value === 'string') return harmlessLines(value);
  if (Array.isArray(value)) return value.map(harmlessValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, harmlessValue(part)]));
}

/** The text harmless, its lines kept and its tabs four spaces. */
export function harmlessLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => harmless(line.replaceAll('\t', '    ')))
    .join('\n');
}

/** A text of the index by its Ref. */
export function textOf(index: Index, column: ColumnName, row: number): string {
  return index.strings[at(index.columns[column], row) - 1] ?? '';
}

export function has(index: Index, finding: number, bit: number): boolean {
  return (at(index.columns.flags, finding) & bit) !== 0;
}

/** Bytes direct and indirect together; undefined for what is no leak. */
export function leakBytes(index: Index, finding: number): number | undefined {
  const ref = at(index.columns.leak, finding);
  return ref === 0 ? undefined : ref - 1;
}

export function frameAt(index: Index, frame: number): PageFrame {
  const { columns } = index;
  const optional = (column: 'function' | 'object' | 'path' | 'ip') =>
    at(columns[column], frame) === 0 ? {} : { [column]: textOf(index, column, frame) };
  const line = at(columns.line, frame);
  return {
    ...optional('function'),
    ...optional('object'),
    ...optional('path'),
    ...(line === 0 ? {} : { line: line - 1 }),
    owner: owners[at(columns.owner, frame)] ?? 'system',
    ownerReason: textOf(index, 'reason', frame),
    ...optional('ip'),
    ...(at(columns.inlined, frame) === 0 ? {} : { inlined: at(columns.inlined, frame) === 2 }),
  };
}

/** Frames of a stack, innermost first, as positions in the table of frames. */
export function framesOf(index: Index, stack: number): readonly number[] {
  const frames: number[] = [];
  for (let node = at(index.columns.stackNode, stack) - 1; node >= 0; node = index.parent[node] ?? -1) {
    frames.push(at(index.columns.nodeFrame, node));
  }
  return frames;
}

export function stacksOf(index: Index, finding: number): readonly PageStack[] {
  const stacks: PageStack[] = [];
  for (let stack = at(index.firstStack, finding); stack < at(index.firstStack, finding + 1); stack++) {
    stacks.push({
      label: textOf(index, 'stackLabel', stack) as StackLabel,
      frames: framesOf(index, stack).map((frame) => frameAt(index, frame)),
    });
  }
  return stacks;
}

/** Numbers of the requests that a finding comes from. */
export function requestsOf(index: Index, finding: number): Float64Array {
  const { columns, firstRequest } = index;
  return columns.requestNumber.subarray(at(firstRequest, finding), at(firstRequest, finding + 1));
}

/** Where a finding is shown to be: the blamed frame, or else the innermost that is not the tool's own. -1: no frame. */
export function placeFrame(index: Index, finding: number): number {
  const { columns } = index;
  const first = at(index.firstStack, finding);
  const blamed = at(columns.blamedStack, finding);
  if (blamed > 0) return framesOf(index, first + blamed - 1)[at(columns.blamedFrame, finding)] ?? -1;
  if (first === at(index.firstStack, finding + 1)) return -1;
  const frames = framesOf(index, first);
  return frames.find((frame) => owners[at(columns.owner, frame)] !== 'tool') ?? frames[0] ?? -1;
}
