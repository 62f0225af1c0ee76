// Writes the profiles of the HTML report in the form that html-page/profile-payload.ts describes.
import type { ProfileBefore, ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import { owners, type ProfileHead } from './html-page/payload.ts';
import {
  type ColumnKind,
  columnKinds,
  type FrameColumns,
  frameTexts,
  leastColumn,
  type WrittenProfile,
} from './html-page/profile-payload.ts';
import { numberWriter } from './number-writer.ts';

/** What the page must know before it reads a profile. */
export function profileHead(profile: ReportProfile): ProfileHead {
  const { program, pid, format, measures, primary, trees, functions, lines, timeline, before } = profile;
  return {
    program,
    pid,
    format,
    measures,
    primary,
    trees: trees.filter(({ parents }) => parents.length > 0).length,
    functions: functions.length,
    lines: lines?.lines.length ?? 0,
    timeline: (timeline?.snapshots.length ?? 0) > 0,
    ...(before && { before: before.name }),
  };
}

/** A profile in three parts. */
export interface EncodedProfile {
  readonly json: string;
  readonly texts: string;
  readonly columns: Uint8Array;
}

/** Encodes one profile. Its orders are left out: the page sorts by itself. */
export function encodeProfile(profile: ReportProfile): EncodedProfile {
  const { byInclusive: _, bySelf: __, frames, functions, before, ...rest } = profile;
  const texts = new Map<string, number>();
  const ref = (text: string | undefined): number => {
    if (text === undefined) return 0;
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, texts.size + 1);
    return texts.size;
  };
  const written: WrittenProfile = {
    ...rest,
    ...(before && { before: withoutOrders(before) }),
    frames: frameColumns(frames, ref),
    functions: frameColumns(functions, ref),
  };
  const columns: Uint8Array[] = [];
  const json = JSON.stringify(written, (_key, value: unknown) => {
    if (!Array.isArray(value)) return value;
    if (!value.every((each) => typeof each === 'number')) return value;
    const numbers: readonly number[] = value;
    // JSON has no word for NaN.
    if (numbers.length < leastColumn && numbers.every(Number.isFinite)) return numbers;
    columns.push(encodeColumn(numbers));
    return { '#': columns.length - 1 };
  });
  return { json, texts: JSON.stringify([...texts.keys()]), columns: Buffer.concat(columns) };
}

function withoutOrders({
  bySelfChange: _,
  byInclusiveChange: __,
  ...before
}: ProfileBefore): NonNullable<WrittenProfile['before']> {
  return before;
}

function frameColumns(
  frames: readonly ReportProfileFrame[],
  ref: (text: string | undefined) => number,
): FrameColumns {
  const texts = Object.fromEntries(
    frameTexts.map((field) => [field, frames.map((frame) => ref(frame[field]))]),
  ) as Record<(typeof frameTexts)[number], number[]>;
  return {
    texts,
    lines: frames.map(({ line }) => (line === undefined ? 0 : line + 1)),
    flags: frames.map(
      ({ inlined, owner }) =>
        Math.max(0, owners.indexOf(owner)) + (inlined === undefined ? 0 : inlined ? 4 : 8),
    ),
  };
}

/** Largest number whose double is still a safe integer. */
const mostSigned = 2 ** 52;

/** A column in its shortest form. */
export function encodeColumn(values: readonly number[]): Uint8Array {
  const kind = kindFor(values);
  const column = numberWriter(64 + values.length * 2);
  column.put(columnKinds.indexOf(kind));
  column.put(values.length);
  let last = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    if (kind === 'floats') column.putFloat(value);
    else column.put(written(kind, value, last, row));
    last = value;
  }
  return column.bytes();
}

function written(kind: ColumnKind, value: number, last: number, row: number): number {
  if (kind === 'plain') return value;
  return zigzag(kind === 'signed' ? value : kind === 'steps' ? value - last : row - value);
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function kindFor(values: readonly number[]): ColumnKind {
  let least = 0;
  let most = 0;
  for (const value of values) {
    // Minus zero is a float too: it would come back as zero, which is the same to a reader but not to a test.
    if (!Number.isInteger(value) || Object.is(value, -0)) return 'floats';
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (least >= 0 && most > mostSigned) return most > Number.MAX_SAFE_INTEGER ? 'floats' : 'plain';
  if (least < -mostSigned || most - least > mostSigned) return 'floats';
  const kinds: readonly ColumnKind[] = least >= 0 ? ['plain', 'steps', 'rows'] : ['signed', 'steps', 'rows'];
  let best: ColumnKind = kinds[0] ?? 'signed';
  let fewest = Number.POSITIVE_INFINITY;
  for (const kind of kinds) {
    let size = 0;
    // A few thousand tell as much as all.
    const step = Math.ceil(values.length / 4096);
    for (let row = 0; row < values.length; row += step) {
      size += sizeOf(written(kind, values[row] as number, values[row - 1] ?? 0, row));
    }
    if (size < fewest) {
      fewest = size;
      best = kind;
    }
  }
  return best;
}

function sizeOf(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : value < 268_435_456 ? 4 : 7;
}
