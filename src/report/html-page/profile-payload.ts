// The profiles inside the HTML report: what is in their blocks, and how the page reads them. html-profile.ts writes them.
//
// A profile is JSON in which every longer array of numbers is `{"#":n}`, the n-th of the columns; frames are a table of
// columns whose texts are stored once. A column is written in the way that takes the fewest bytes, which for a tree of
// 200,000 nodes makes two bytes a number instead of seven, and nothing to parse.
import type { ProfileBefore, ReportProfile, ReportProfileFrame } from '../../model/profile-report.ts';
import { decodeJson, decodeStrings, numberReader, owners } from './payload.ts';

/** What the page has of a profile: no orders, which it makes itself, and no directories, which are in the paths. */
export type PageProfile = Omit<ReportProfile, 'byInclusive' | 'bySelf' | 'before'> & {
  readonly before?: Omit<ProfileBefore, 'bySelfChange' | 'byInclusiveChange'>;
};

/**
 * How a column is written: numbers from 0 up, 7 bits a byte; whole numbers with their sign in the lowest bit; the same
 * for the difference to the number before, and for that to the own row; 8 bytes a number for everything else.
 */
export const columnKinds = ['plain', 'signed', 'steps', 'rows', 'floats'] as const;
export type ColumnKind = (typeof columnKinds)[number];

/** Fields of a frame that are texts, as positions in the table of texts plus 1; 0: missing. */
export const frameTexts = ['function', 'object', 'path', 'ip', 'sum', 'ownerReason'] as const;

/** A table of frames as it is written: names of columns, each an array of numbers. */
export interface FrameColumns {
  readonly texts: Readonly<Record<(typeof frameTexts)[number], readonly number[]>>;
  /** Line plus 1; 0: missing. */
  readonly lines: readonly number[];
  /** 4 for inlined, 8 for known not to be, and the position of the owner. */
  readonly flags: readonly number[];
}

/** What the run before had of a profile; nothing where it lacks the measure, whose columns then mean nothing. */
export function beforeOf({ before }: PageProfile, measure: number): PageProfile['before'] {
  return before === undefined || (before.totals[measure] ?? null) === null ? undefined : before;
}

/** A profile as it is written. */
export interface WrittenProfile extends Omit<PageProfile, 'frames' | 'functions'> {
  readonly frames: FrameColumns;
  readonly functions: FrameColumns;
}

/** Arrays of fewer numbers stand in the JSON. */
export const leastColumn = 8;

/** Reads `profile-N` (JSON), `profile-N-texts` (JSON) and `profile-N-columns`. */
export function decodeProfile(json: string, texts: string, columns: Uint8Array): PageProfile {
  const strings = decodeStrings(texts);
  const numbers = decodeColumns(columns);
  const written = withColumns(decodeJson<unknown>(json), numbers) as WrittenProfile;
  return {
    ...written,
    frames: readFrames(written.frames, strings),
    functions: readFrames(written.functions, strings),
  };
}

function readFrames({ texts, lines, flags }: FrameColumns, strings: readonly string[]): ReportProfileFrame[] {
  return flags.map((bits, row) => {
    const frame: Record<string, unknown> = {};
    for (const field of frameTexts) {
      const text = texts[field][row] ?? 0;
      if (text > 0) frame[field] = strings[text - 1] ?? '';
    }
    const line = lines[row] ?? 0;
    if (line > 0) frame.line = line - 1;
    if (bits >= 4) frame.inlined = (bits & 4) !== 0;
    frame.owner = owners[bits & 3] ?? 'system';
    frame.ownerReason ??= '';
    return frame as unknown as ReportProfileFrame;
  });
}

function withColumns(value: unknown, columns: readonly (readonly number[])[]): unknown {
  if (Array.isArray(value)) return value.map((each) => withColumns(each, columns));
  if (typeof value !== 'object' || value === null) return value;
  const column = (value as { readonly '#'?: unknown })['#'];
  if (typeof column === 'number') return columns[column] ?? [];
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withColumns(part, columns)]));
}

/** Each column is the position of its kind, the number of entries, then the entries. */
export function decodeColumns(bytes: Uint8Array): readonly (readonly number[])[] {
  const columns: number[][] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { next, at, skip } = numberReader(bytes);
  const signed = (): number => {
    const value = next();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  while (at() < bytes.length) {
    const kind = columnKinds[next()];
    const length = next();
    const column: number[] = [];
    let last = 0;
    for (let row = 0; row < length; row++) {
      if (kind === 'plain') last = next();
      else if (kind === 'signed') last = signed();
      else if (kind === 'steps') last += signed();
      else if (kind === 'rows') last = row - signed();
      else {
        last = view.getFloat64(at(), true);
        skip(8);
      }
      column.push(last);
    }
    columns.push(column);
  }
  return columns;
}
