// Knows lines again from their bytes, mostly without looking for their end: for logs that say the same again and again.
import { byteTable, hashBytes } from './byte-table.ts';

/** Lines, and their bytes, that are kept at a time; then all are forgotten. */
const mostLines = 40_000;
const mostBytes = 8 * 1024 * 1024;

/** A longer line is not kept. */
const longestKept = 4096;

/** Unknown lines in a row after which the place in the usual order of lines is lost. */
const depth = 8;

/**
 * Numbers lines. What a line is followed by is remembered, also across a few lines that are new each time (they tell addresses
 * or pids): so a report that comes again is compared, not searched, hashed and cut up.
 */
export interface LineMemory<Value> {
  /** Which bytes the following calls are about. */
  readonly use: (bytes: Buffer) => void;
  /**
   * The length of the expected line when it stands at `at`, its LF included; 0: another one stands there.
   *
   * @param to end of the bytes.
   */
  readonly expected: (at: number, to: number) => number;
  /**
   * Looks for the line from `at` to `end`, its LF included.
   *
   * @returns whether it is known.
   */
  readonly find: (at: number, end: number) => boolean;
  /** What is kept for the line that `expected` or `find` knew. */
  readonly value: () => Value;
  /** As `find` for a line that cannot be known. */
  readonly miss: () => void;
  /** Where in the usual order of lines the last known line is. */
  readonly place: () => number;
  /** Goes on behind a line whose place it was, as if it had been met now. */
  readonly goOn: (place: number) => void;
  /** Keeps the line that `find` did not know. Without this call it stays unknown. */
  readonly keep: (at: number, end: number, value: Value) => void;
}

/** An empty memory of at most some 10 MiB, and 40,000 values. */
export function lineMemory<Value>(): LineMemory<Value> {
  let table = byteTable(mostLines);
  let values: Value[] = [];
  let arena = Buffer.alloc(64 * 1024);
  let arenaView = new DataView(arena.buffer, arena.byteOffset, arena.byteLength);
  let starts = new Int32Array(mostLines + 1);
  /** The line after `n` followed by `k` unknown ones, plus 1, at `n * depth + k`. */
  let followers = new Int32Array(mostLines * depth);
  let size = 0;
  let bytes: Buffer = Buffer.alloc(0);
  let view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** The last known line, -1 for none, and unknown ones since. */
  let last = -1;
  let missed = 0;
  /** How often all were forgotten: places of before mean nothing. */
  let age = 0;

  function isAt(line: number, at: number, to: number): number {
    const start = starts[line] as number;
    const length = (starts[line + 1] as number) - start;
    if (at + length > to || bytes[at + length - 1] !== 10) return 0;
    // The line end is the last byte; four bytes at a time, the last four again.
    if (length < 4) {
      for (let index = 0; index < length; index++) if (arena[start + index] !== bytes[at + index]) return 0;
      return length;
    }
    const end = length - 4;
    if (view.getInt32(at + end, true) !== arenaView.getInt32(start + end, true)) return 0;
    for (let index = 0; index < end; index += 4) {
      if (view.getInt32(at + index, true) !== arenaView.getInt32(start + index, true)) return 0;
    }
    return length;
  }

  function reach(line: number): void {
    if (last >= 0 && missed < depth) followers[last * depth + missed] = line + 1;
    last = line;
    missed = 0;
  }

  function forget(): void {
    table = byteTable(mostLines);
    values = [];
    starts = new Int32Array(mostLines + 1);
    followers = new Int32Array(mostLines * depth);
    size = 0;
    last = -1;
    missed = 0;
    age++;
  }

  return {
    use: (next) => {
      bytes = next;
      view = new DataView(next.buffer, next.byteOffset, next.byteLength);
    },
    expected: (at, to) => {
      if (last < 0 || missed >= depth) return 0;
      const line = (followers[last * depth + missed] as number) - 1;
      if (line < 0) return 0;
      const length = isAt(line, at, to);
      if (length > 0) {
        last = line;
        missed = 0;
      }
      return length;
    },
    find: (at, end) => {
      if (end - at <= longestKept) {
        const hash = hashBytes(bytes, at, end);
        const line = table.find(hash, bytes, at, end);
        if (line >= 0) {
          reach(line);
          return true;
        }
      }
      missed++;
      return false;
    },
    miss: () => {
      missed++;
    },
    place: () => age * mostLines + last,
    goOn: (place) => {
      const line = place - age * mostLines;
      last = line >= 0 && line < size ? line : -1;
      missed = 0;
    },
    value: () => values[last] as Value,
    keep: (at, end, value) => {
      const length = end - at;
      if (length > longestKept) return;
      if (size === mostLines || (starts[size] as number) + length > mostBytes) forget();
      const start = starts[size] as number;
      if (start + length > arena.length) {
        const larger = Buffer.alloc(Math.max(arena.length * 2, start + length));
        larger.set(arena);
        arena = larger;
        arenaView = new DataView(arena.buffer, arena.byteOffset, arena.byteLength);
      }
      arena.set(bytes.subarray(at, end), start);
      starts[size + 1] = start + length;
      values[size] = value;
      table.add(hashBytes(bytes, at, end), bytes, at, end);
      size++;
    },
  };
}
