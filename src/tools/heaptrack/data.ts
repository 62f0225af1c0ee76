// heaptrack's own data, unpacked (`zstd -dc heaptrack.PROGRAM.PID.zst`): every allocation and its call path.
import type { Profile, ProfileFrame, Snapshot } from '../../model/profile.ts';
import { frameTable, sumOf, treeBuilder } from '../../model/profile-tables.ts';
import { textOf } from '../_shared/byte-text.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfileParser, profileReader } from '../_shared/profile-reader.ts';
import { allocatedBytes, allocationCalls, leakedBytes, peakBytes, temporaryCalls } from './measures.ts';
import { builtIn, type Left, nothingLeft, unfreed } from './unfreed.ts';

/** Points of the time line that are kept: at twice as many, every second one goes. */
const fewestSnapshots = 500;
/** Bytes of a line that are kept: mangled names are a few KiB at most. */
const longestLine = 256 * 1024;
/** Numbers of frames that one instruction can have by inlining. */
const mostInlined = 1000;

/**
 * Reads the file format versions 1 to 3 of heaptrack 1.0 to 1.5, as `heaptrack_interpret` writes it. One line is one
 * record, numbers are hexadecimal:
 *
 * - `v VERSION FORMAT`, `X COMMAND`, `I PAGESIZE PAGES`, `A` (attached to a running process: counting begins here),
 * - `s LENGTH TEXT` strings (before format 3 `s TEXT`), `i IP MODULE [FUNCTION FILE LINE]…` instructions with what was
 *   inlined there, innermost first, `t INSTRUCTION PARENT` call paths, `a SIZE PATH` kinds of allocations: each is
 *   numbered in order, from 1, kinds of allocations from 0; 0 means none,
 * - `+ KIND` allocated, `- KIND` freed, `c MS` time, `R PAGES` resident memory, `S` suppressions, `#` remarks.
 *
 * Frames that only call on (`operator new`) are left out, as heaptrack does. An allocation is temporary when it is freed
 * before the next one. The peak of a call path is what it had when the whole program had most.
 */
export const heaptrackDataReader = profileReader('heaptrack-data', 'heaptrack', recognizesData, startData);

// `v 10400 3`, then `X ./demo`
function recognizesData(head: Uint8Array): boolean {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, 4096)).toString('latin1');
  // Of a program that was killed before it wrote anything, all that there is: `# strings: 0`, `# ips: 0`
  if (/^\r?\n?# strings: 0\r?\n# ips: 0\r?\n$/.test(text)) return true;
  return /^v [0-9a-f]{1,8} [0-9a-f]{1,2}\r?\n(?:X |# |A\r?\n|I [0-9a-f]+ )/.test(text);
}

/** Functions that allocate for the one that matters. */
const operatorNew: ReadonlySet<string> = new Set([
  'operator new(unsigned long)',
  'operator new[](unsigned long)',
  'operator new(unsigned int)',
  'operator new[](unsigned int)',
]);

/** Patterns of a program of its own that are kept. */
const mostSuppressions = 1000;

/** Columns over call paths, which are numbered from 1. */
interface Paths {
  readonly instructions: number[];
  readonly parents: number[];
  readonly live: number[];
  readonly allocations: number[];
  readonly temporary: number[];
  readonly allocated: number[];
  /** What the path had at the peak numbered `peakNumbers`; later peaks saw `live`, which had not changed since. */
  readonly peaks: number[];
  readonly peakNumbers: number[];
}

function emptyPaths(): Paths {
  const none = (): number[] => [0];
  return {
    instructions: none(),
    parents: none(),
    live: none(),
    allocations: none(),
    temporary: none(),
    allocated: none(),
    peaks: none(),
    peakNumbers: none(),
  };
}

function startData(problems: ProblemTally): ProfileParser {
  let version: string | undefined;
  let format = 1;
  let command: string | undefined;
  let attached = false;
  let ended = false;
  const strings: string[] = [''];
  /** Frames of each instruction, innermost first. */
  const instructions: (readonly number[])[] = [[]];
  const skipped = new Set<number>();
  const frames = frameTable();
  const paths = emptyPaths();
  const sizes: number[] = [];
  const pathOfKind: number[] = [];
  const liveOfKind: number[] = [];
  let total = 0;
  let peak = 0;
  let peakNumber = 0;
  let peakTime = 0;
  let lastKind = -1;
  let time = 0;
  let pageSize = 4096;
  let mostPages = 0;
  const timeline = createTimeline();
  const suppressions: string[] = [...builtIn];

  let line: Buffer = Buffer.alloc(0);
  let at = 0;
  let end = 0;

  /** The next hexadecimal number; -1: none, or none that is safe. */
  function hex(): number {
    while (at < end && line[at] === 32) at++;
    const from = at;
    let value = 0;
    for (; at < end; at++) {
      const byte = line[at] as number;
      const digit = byte < 58 ? byte - 48 : byte > 96 ? byte - 87 : -1;
      if (digit < 0 || digit > 15) break;
      value = value * 16 + digit;
    }
    return at > from && value <= Number.MAX_SAFE_INTEGER ? value : -1;
  }

  /** The peak value of a path is settled before its live bytes change. */
  function settle(path: number): void {
    if (paths.peakNumbers[path] === peakNumber) return;
    paths.peakNumbers[path] = peakNumber;
    paths.peaks[path] = paths.live[path] as number;
  }

  function allocate(kind: number): void {
    const path = pathOfKind[kind] as number;
    const size = sizes[kind] as number;
    settle(path);
    liveOfKind[kind] = (liveOfKind[kind] as number) + 1;
    paths.live[path] = (paths.live[path] as number) + size;
    paths.allocations[path] = (paths.allocations[path] as number) + 1;
    paths.allocated[path] = (paths.allocated[path] as number) + size;
    total += size;
    lastKind = kind;
    if (total > peak) {
      peak = total;
      peakNumber++;
      peakTime = time;
    }
  }

  function release(kind: number): void {
    const path = pathOfKind[kind] as number;
    const size = sizes[kind] as number;
    settle(path);
    liveOfKind[kind] = (liveOfKind[kind] as number) - 1;
    paths.live[path] = (paths.live[path] as number) - size;
    total -= size;
    if (lastKind === kind) paths.temporary[path] = (paths.temporary[path] as number) + 1;
    lastKind = -1;
  }

  function takeString(): boolean {
    if (format < 3) {
      strings.push(textOf(line, at + 1, end));
      return true;
    }
    const length = hex();
    if (length < 0) return false;
    strings.push(textOf(line, at + 1, end));
    // A string with a line end in it goes on in the next line; the parts behind are skipped as unreadable.
    return end - at - 1 === length;
  }

  function takeInstruction(): boolean {
    const from = at + 1;
    hex();
    const ip = textOf(line, from, Math.min(at, from + 16));
    const object = strings[hex()];
    const own: ProfileFrame[] = [];
    let first = -1;
    while (own.length < mostInlined) {
      const name = hex();
      if (name < 0) break;
      if (own.length === 0) first = name;
      const file = hex();
      const number = hex();
      own.push({
        ...(strings[name] ? { function: strings[name] } : { ip: `0x${ip}` }),
        ...(object && { object }),
        ...(strings[file] && splitPath(strings[file])),
        ...(number > 0 && { line: number }),
      });
    }
    if (own.length === 0) own.push({ ip: `0x${ip}`, ...(object && { object }) });
    const last = own.length - 1;
    const number =
      instructions.push(
        own.map((frame, depth) => frames.add(depth < last ? { ...frame, inlined: true } : frame)),
      ) - 1;
    if (first > 0 && operatorNew.has(strings[first] ?? '')) skipped.add(number);
    return true;
  }

  function takePath(): boolean {
    let instruction = hex();
    let parent = hex();
    const number = paths.parents.length;
    const known = instruction >= 0 && instruction < instructions.length && parent >= 0 && parent < number;
    if (!known) {
      instruction = 0;
      parent = 0;
    } else if (skipped.has(instruction)) {
      instruction = paths.instructions[parent] as number;
      parent = paths.parents[parent] as number;
    }
    paths.instructions.push(instruction);
    paths.parents.push(parent);
    for (const column of [paths.live, paths.allocations, paths.temporary, paths.allocated, paths.peaks])
      column.push(0);
    paths.peakNumbers.push(0);
    return known;
  }

  function takeKind(): boolean {
    const size = hex();
    const path = hex();
    const known = size >= 0 && path >= 0 && path < paths.parents.length;
    sizes.push(known ? size : 0);
    pathOfKind.push(known ? path : 0);
    liveOfKind.push(0);
    return known;
  }

  function restart(): void {
    attached = true;
    total = 0;
    peak = 0;
    peakNumber++;
    lastKind = -1;
    for (const column of [paths.live, paths.allocations, paths.temporary, paths.allocated, paths.peaks])
      column.fill(0);
    liveOfKind.fill(0);
    paths.peakNumbers.fill(peakNumber);
  }

  function takeRecord(mode: number): boolean {
    switch (mode) {
      case 43: {
        // `+ 1a`
        const kind = hex();
        if (kind < 0 || kind >= sizes.length) return false;
        allocate(kind);
        return true;
      }
      case 45: {
        // `- 1a`
        const kind = hex();
        if (kind < 0 || kind >= sizes.length || (liveOfKind[kind] as number) === 0) return false;
        release(kind);
        return true;
      }
      case 97:
        return takeKind(); // `a 64 a`
      case 116:
        return takePath(); // `t a 9`
      case 105:
        return takeInstruction(); // `i 7fe8e60fea1d 8 e d 4a e d 1a`
      case 115:
        return takeString(); // `s 7 _dl_init`
      case 99: {
        // `c 7b0`
        const stamp = hex();
        if (stamp < 0) return false;
        time = stamp;
        timeline.add(time, total);
        return true;
      }
      case 82: {
        // `R 458`
        const pages = hex();
        if (pages > mostPages) mostPages = pages;
        return pages >= 0;
      }
      case 73: {
        // `I 1000 5e298f`
        const bytes = hex();
        if (bytes > 0) pageSize = bytes;
        return bytes > 0;
      }
      case 118: {
        // `v 10400 3`
        const number = hex();
        const second = hex();
        if (number < 0) return false;
        version = `${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
        if (second > 0) format = second;
        if (format > 3) {
          problems.add({
            code: 'newer-format',
            level: 'warning',
            message: `the data is in format ${format} of heaptrack, and known are those up to 3`,
          });
        }
        return true;
      }
      case 88: // `X ./demo`
        command ??= textOf(line, at + 1, end);
        return true;
      case 65: // `A`
        restart();
        return true;
      case 83: {
        // `S leak:demo`, from the program's own __lsan_default_suppressions()
        const pattern = textOf(line, at, end).trim();
        if (pattern.startsWith('leak:') && suppressions.length < mostSuppressions)
          suppressions.push(pattern.slice(5));
        return true;
      }
      case 35: // `# ips: 35`, the last line
        ended = ended || line.toString('latin1', at, Math.min(end, at + 6)) === ' ips: ';
        return true;
      default:
        return at >= end && mode === 10;
    }
  }

  function takeLine(bytes: Buffer, from: number, to: number, offset: number): void {
    const stop = to > from && bytes[to - 1] === 13 ? to - 1 : to;
    if (stop === from) return;
    line = bytes;
    at = from + 1;
    end = stop;
    if (takeRecord(bytes[from] as number)) return;
    problems.add(
      {
        code: 'unreadable-line',
        level: 'incomplete',
        message: 'a record of heaptrack could not be read, or speaks of what is not known',
        offset,
        quote: textOf(bytes, from, Math.min(stop, from + 400)),
      },
      String.fromCharCode(bytes[from] as number),
    );
  }

  let rest: Buffer | undefined;
  let position = 0;

  return {
    push: (chunk) => {
      let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let base = position;
      position += bytes.length;
      if (rest !== undefined) {
        base -= rest.length;
        bytes = Buffer.concat([rest, bytes]);
        rest = undefined;
      }
      let from = 0;
      const { length } = bytes;
      while (from < length) {
        const mode = bytes[from];
        let to: number;
        if (mode === 43 || mode === 45) {
          // Nearly all lines, and short: a search by call costs more than the line.
          to = from + 1;
          while (to < length && bytes[to] !== 10) to++;
          if (to === length) to = -1;
        } else to = bytes.indexOf(10, from);
        if (to < 0) break;
        takeLine(bytes, from, to, base + from);
        from = to + 1;
      }
      // Copied: the chunk is not ours. What is too long for a line is cut, so that memory does not grow.
      if (from < length) rest = Buffer.from(bytes.subarray(from, Math.min(length, from + longestLine)));
    },
    end: () => {
      // A line without its end may be half a number.
      const complete = ended && strings.length > 1;
      if (!ended) {
        problems.add({
          code: 'truncated-document',
          level: 'incomplete',
          message: "heaptrack's data ends before its end: what came later was not seen",
        });
      } else if (!complete) {
        // What a program that is killed has not yet written is lost; heaptrack ends the file all the same.
        problems.add({
          code: 'nothing-recorded',
          level: 'incomplete',
          message:
            'heaptrack recorded nothing: the program was killed before it wrote anything, or never began',
        });
      }
      for (let path = 0; path < paths.live.length; path++) settle(path);
      const blocks: number[] = paths.live.map(() => 0);
      for (const [kind, path] of pathOfKind.entries())
        blocks[path] = (blocks[path] as number) + (liveOfKind[kind] as number);
      // Of a process that goes on, what it has is no leak.
      const left: Left = attached
        ? { findings: [], ofSystem: nothingLeft, suppressed: nothingLeft }
        : unfreed({ paths, blocks, instructions, frames: frames.frames, suppressions });
      timeline.finish(peakTime, peak);
      const notes = [
        `peak heap memory: ${peak} bytes, after ${peakTime} ms`,
        ...(mostPages > 0
          ? [`most resident memory, with that of heaptrack: ${mostPages * pageSize} bytes`]
          : []),
        ...(attached
          ? ['heaptrack attached to the running process: what was allocated before is not known']
          : []),
        ...(left.ofSystem.blocks > 0
          ? [
              `never freed by the C library or the loader, and no leaks of the program: ${amount(left.ofSystem)}`,
            ]
          : []),
        ...(left.suppressed.blocks > 0
          ? [`never freed, and suppressed as heaptrack does: ${amount(left.suppressed)}`]
          : []),
      ];
      return {
        processes: [
          {
            // Words are not told apart from spaces within them.
            ...(command !== undefined && { argv: command.split(' ') }),
            ...(version !== undefined && { version }),
            findings: left.findings,
            profile: buildProfile(paths, instructions, frames.frames, peak > 0 ? timeline.list() : [], notes),
          },
        ],
        complete,
      };
    },
  };
}

/** Bytes over time, in memory that does not grow with the time. */
function createTimeline() {
  let times: number[] = [];
  let values: number[] = [];
  let stride = 1;
  let skippedPoints = 0;
  let peak = 0;
  let peakTime = 0;
  return {
    add: (time: number, bytes: number): void => {
      if (++skippedPoints < stride) return;
      skippedPoints = 0;
      times.push(time);
      values.push(bytes);
      if (times.length < 2 * fewestSnapshots) return;
      const odd = (_: number, index: number): boolean => index % 2 === 1;
      times = times.filter(odd);
      values = values.filter(odd);
      stride *= 2;
    },
    finish: (time: number, bytes: number): void => {
      peak = bytes;
      peakTime = time;
    },
    /** In order of time, with the peak among them; that one has the tree. */
    list: (): Snapshot[] => {
      const points = times.map((time, index) => ({ time, bytes: values[index] as number, peak: false }));
      if (peak > 0) {
        const before = points.findIndex(({ time }) => time > peakTime);
        points.splice(before < 0 ? points.length : before, 0, { time: peakTime, bytes: peak, peak: true });
      }
      return points.map(({ time, bytes, peak: isPeak }, number) => ({
        number,
        time,
        values: [bytes],
        kind: isPeak ? 'peak' : 'normal',
        ...(isPeak && { tree: 0 }),
      }));
    },
  };
}

function buildProfile(
  paths: Paths,
  instructions: readonly (readonly number[])[],
  frames: readonly ProfileFrame[],
  snapshots: readonly Snapshot[],
  notes: readonly string[],
): Profile {
  const columns = [paths.peaks, paths.live, paths.allocations, paths.temporary, paths.allocated];
  const used = new Uint8Array(paths.parents.length);
  for (let path = used.length - 1; path >= 0; path--) {
    if ((paths.allocations[path] as number) > 0) used[path] = 1;
    if (used[path] === 1) used[paths.parents[path] as number] = 1;
  }
  const tree = treeBuilder(columns.length);
  const nodes = new Int32Array(used.length).fill(-1);
  let unknown = -1;
  for (let path = 0; path < used.length; path++) {
    if (used[path] === 0) continue;
    // Callers stand before what they called; path 0 is no path.
    let node = path === 0 ? -1 : (nodes[paths.parents[path] as number] as number);
    const inner = instructions[paths.instructions[path] as number] as readonly number[];
    for (let depth = inner.length - 1; depth >= 0; depth--) node = tree.child(node, inner[depth] as number);
    nodes[path] = node;
    if ((paths.allocations[path] as number) === 0) continue;
    if (node < 0) {
      unknown = tree.child(-1, frames.length);
      node = unknown;
    }
    for (const [measure, column] of columns.entries()) tree.add(node, measure, column[path] as number);
  }
  return {
    format: 'heaptrack',
    measures: [peakBytes, leakedBytes, allocationCalls, temporaryCalls, allocatedBytes],
    primary: 0,
    totals: columns.map(sumOf),
    frames: unknown < 0 ? frames : [...frames, { sum: 'no call path recorded' }],
    trees: [tree.build()],
    functions: [],
    files: [],
    ...(snapshots.length > 0 && {
      timeline: { clock: 'ms', series: [{ name: 'heap', title: 'heap', unit: 'bytes' }], snapshots },
    }),
    notes,
  };
}

function amount({ bytes, blocks }: { readonly bytes: number; readonly blocks: number }): string {
  return `${bytes} bytes in ${blocks} ${blocks === 1 ? 'block' : 'blocks'}`;
}

/** `/home/user/demo/demo.c` as directory and file; a path that is relative stays in one piece. */
function splitPath(path: string): ProfileFrame {
  const at = path.lastIndexOf('/');
  return path.startsWith('/') && at > 0
    ? { directory: path.slice(0, at), file: path.slice(at + 1) }
    : { file: path };
}
