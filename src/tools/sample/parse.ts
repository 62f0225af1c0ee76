// What macOS' `sample` prints: one call tree for each thread, in samples.
import type { CallTree, Profile, ProfileFrame } from '../../model/profile.ts';
import { sumOf, type TreeBuilder, treeBuilder } from '../../model/profile-tables.ts';
import { byteLines } from '../_shared/byte-lines.ts';
import { textOf } from '../_shared/byte-text.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfileParser, profileReader } from '../_shared/profile-reader.ts';

/** Binary images that are remembered. A process has some hundred. */
const mostImages = 20_000;

/** Notes of the header, as far as they tell how it was measured. */
const headerNotes: ReadonlySet<string> = new Set([
  'Code Type',
  'Date/Time',
  'OS Version',
  'Physical footprint',
  'Physical footprint (peak)',
]);

/**
 * Reads the text of `/usr/bin/sample` and of "Sample Process" of Activity Monitor, which are the same (sample(1)).
 *
 * Under `Call graph:` each line is a place, with the samples of all that it called, indented by its depth, with
 * characters that only help the eye:
 *
 *     2638 Thread_51128: Main Thread   DispatchQueue_1: com.apple.main-thread  (serial)
 *     + 2638 start  (in dyld) + 3056  [0x7ff804e3c530]
 *     +   ! 2600 main  (in demo) + 12,40,...  [0x10177d010,0x10177d02c,...]  demo.c:12
 *
 * The paths of the objects stand behind, under `Binary Images:`.
 */
export const sampleReader = profileReader('sample', 'sample', recognizesSample, startSample);

// `Analysis of sampling demo (pid 123) every 1 millisecond`, perhaps after `Sampling process 123 for 3 seconds with 1 …`
function recognizesSample(head: Uint8Array): boolean {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, 4096)).toString('latin1');
  return /^\s*(?:Sampling (?:process|completed)[^\n]*\n|Sample analysis of process [^\n]*\n|\s*\n)*Analysis of sampling .+ every /.test(
    text,
  );
}

type Part = 'header' | 'graph' | 'sums' | 'images';

function startSample(problems: ProblemTally): ProfileParser {
  let part: Part = 'header';
  let complete = false;
  let pid: number | undefined;
  let ppid: number | undefined;
  let path: string | undefined;
  let program: string | undefined;
  const notes: string[] = [];
  const frames: ProfileFrame[] = [];
  const frameOfText = new Map<string, number>();
  const paths = new Map<string, string | undefined>();
  const threads: {
    readonly about: Omit<CallTree, 'parents' | 'frames' | 'values'>;
    readonly tree: TreeBuilder;
  }[] = [];
  let tree: TreeBuilder | undefined;
  // The open nodes from the thread to the last line: where each line's number stands, its row and what of it is left.
  const columns: number[] = [];
  const rows: number[] = [];
  const left: number[] = [];
  let excess = 0;

  let withoutStack = -1;

  /** Closes the nodes that the next line is not under: what none of their calls had is theirs. */
  function closeTo(column: number): void {
    while (columns.length > 0 && (columns[columns.length - 1] as number) >= column) {
      columns.pop();
      const row = rows.pop() as number;
      const own = left.pop() as number;
      if (own < 0) excess -= own;
      else if (own > 0 && tree !== undefined) {
        if (row < 0 && withoutStack < 0) withoutStack = frames.push({ sum: 'samples without a stack' }) - 1;
        tree.add(row < 0 ? tree.child(-1, withoutStack) : row, 0, own);
      }
    }
  }

  function openTree(about: Omit<CallTree, 'parents' | 'frames' | 'values'>): void {
    tree = treeBuilder(1);
    threads.push({ about, tree });
  }

  // `    +       ! : 53 _dispatch_source_invoke  (in libdispatch.dylib) + 953,1389,...  [0x7fff7022f053,...]`
  function takeGraph(bytes: Buffer, from: number, to: number): boolean {
    let at = from;
    // The characters that draw the tree: space + ! : |
    for (; at < to; at++) {
      const byte = bytes[at];
      if (byte !== 32 && byte !== 43 && byte !== 33 && byte !== 58 && byte !== 124) break;
    }
    const column = at - from;
    let count = 0;
    const digits = at;
    for (; at < to; at++) {
      const digit = (bytes[at] as number) - 48;
      if (digit < 0 || digit > 9) break;
      count = count * 10 + digit;
    }
    if (at === digits || bytes[at] !== 32 || count > Number.MAX_SAFE_INTEGER) return false;
    while (at < to && bytes[at] === 32) at++;
    if (at === to) return false;
    closeTo(column);
    const isThread = columns.length === 0 && bytes.toString('latin1', at, Math.min(to, at + 7)) === 'Thread_';
    if (isThread) {
      openTree(threadOf(textOf(bytes, at, to)));
      columns.push(column);
      rows.push(-1);
      left.push(count);
      return true;
    }
    if (tree === undefined) openTree({});
    const depth = left.length - 1;
    if (depth >= 0) left[depth] = (left[depth] as number) - count;
    const key = bytes.toString('latin1', at, to);
    let frame = frameOfText.get(key);
    if (frame === undefined) {
      frame = frames.push(frameOf(textOf(bytes, at, to))) - 1;
      frameOfText.set(key, frame);
    }
    columns.push(column);
    rows.push((tree as TreeBuilder).child(depth < 0 ? -1 : (rows[depth] as number), frame));
    left.push(count);
    return true;
  }

  function takeHeader(line: string): void {
    // `Analysis of sampling demo (pid 123) every 1 millisecond`, of old `Analysis of sampling pid 123 every 10 milliseconds`
    if (line.startsWith('Analysis of sampling ')) {
      const [, number, period] = /pid (\d{1,10})\)? every (.{1,60})$/.exec(line) ?? [];
      if (number !== undefined) pid = Number(number);
      if (period !== undefined) notes.push(`sampled every ${period}`);
      const named = /^Analysis of sampling (.{1,200}) \(pid \d+\)/.exec(line);
      program = named?.[1];
      return;
    }
    const at = line.indexOf(':');
    if (at < 0) return;
    const key = line.slice(0, at);
    const value = line.slice(at + 1).trim();
    // `Path:            /Users/USER/*/demo`
    if (key === 'Path') path ??= value;
    // `Parent Process:  zsh [2569]`
    else if (key === 'Parent Process') ppid = Number(/\[(\d{1,10})\]$/.exec(value)?.[1] ?? Number.NaN);
    else if (headerNotes.has(key) && notes.length < 20) notes.push(`${key}: ${value.slice(0, 100)}`);
  }

  // `       0x102a50000 -        0x102dc719f +com.example.demo (0.4 - 1) <5B424D44-…> /Users/*/demo`
  function takeImage(line: string): void {
    const at = line.indexOf('> /');
    if (at < 0 || paths.size >= mostImages) return;
    const file = line.slice(at + 2);
    const name = file.slice(file.lastIndexOf('/') + 1);
    // Two objects of one name cannot be told apart.
    paths.set(name, paths.has(name) && paths.get(name) !== file ? undefined : file);
  }

  const lines = byteLines((bytes, from, to, offset, ended, cut) => {
    const whole = ended && !cut;
    if (from === to) return;
    if (part === 'graph') {
      if (bytes[from] === 32) {
        // Half a line may be half a name.
        if (whole && takeGraph(bytes, from, to)) return;
        problems.add({
          code: 'unreadable-line',
          level: 'incomplete',
          message: 'a line of the call graph of sample could not be read',
          offset,
          quote: textOf(bytes, from, Math.min(to, from + 400)),
        });
        return;
      }
      closeTo(0);
      // `Total number in stack (recursive counted multiple, when >=5):`
      if (!whole) return;
      complete = true;
      part = 'sums';
    }
    if (part === 'images') takeImage(textOf(bytes, from, to));
    else if (bytes[from] !== 32) {
      const line = textOf(bytes, from, Math.min(to, from + 2000)).trimEnd();
      if (line === 'Call graph:' && part === 'header') part = 'graph';
      else if (line === 'Binary Images:') part = 'images';
      else if (part === 'header') takeHeader(line);
    }
  });

  return {
    push: lines.push,
    end: () => {
      lines.end();
      closeTo(0);
      if (excess > 0) {
        problems.add({
          code: 'unreadable-value',
          level: 'incomplete',
          message: `calls in the call graph of sample have more samples than the place that they were made from: ${excess}`,
        });
      }
      if (!complete) {
        problems.add({
          code: 'truncated-document',
          level: 'incomplete',
          message: 'the text of sample ends within its call graph: what is missing was not seen',
        });
      }
      const word = path ?? program;
      return {
        processes: [
          {
            ...(pid !== undefined && { pid }),
            ...(ppid !== undefined && Number.isSafeInteger(ppid) && { ppid }),
            ...(word !== undefined && { argv: [word] }),
            profile: buildProfile(
              frames.map((frame) => withPath(frame, paths)),
              threads.map(({ about, tree }) => tree.build(about)),
              notes,
            ),
          },
        ],
        complete,
      };
    },
  };
}

function buildProfile(
  frames: readonly ProfileFrame[],
  trees: readonly CallTree[],
  notes: readonly string[],
): Profile {
  return {
    format: 'sample',
    measures: [{ name: 'samples', title: 'samples', unit: 'samples' }],
    primary: 0,
    totals: [trees.reduce((sum, { values }) => sum + sumOf(values[0] ?? []), 0)],
    frames,
    trees,
    functions: [],
    files: [],
    notes,
  };
}

/** `Thread_51128: Main Thread   DispatchQueue_1: com.apple.main-thread  (serial)` */
function threadOf(text: string): { readonly name: string; readonly tid?: number } {
  const name = text.trim().replace(/ {2,}/g, ' ');
  const [, number] = /^Thread_(\d{1,15})(?![0-9a-zA-Z])/.exec(name) ?? [];
  return { name: name.slice(0, 200), ...(number !== undefined && { tid: Number(number) }) };
}

/**
 * - `main  (in demo) + 8535  [0x1078cb667]`, with debug information followed by `  demo.c:12`
 * - `???  (in demo)  load address 0x1069de000 + 0x13dea66  [0x107dbca66]`
 * - `???  (in <unknown binary>)  [0x102c40144]`
 */
function frameOf(text: string): ProfileFrame {
  const [at, end] = objectOf(text);
  const name = (at < 0 ? text : text.slice(0, at)).trim();
  const object = at < 0 ? '' : text.slice(at + 4, end);
  const rest = at < 0 ? '' : text.slice(end + 1);
  // Of several addresses none is that of the place.
  const [, ip] = /\[(0x[0-9a-f]{1,16})\]/.exec(rest) ?? [];
  const [, file, number] = /\] {1,4}([^[\]]+):(\d{1,9})$/.exec(rest) ?? [];
  const line = Number(number ?? 0);
  const slash = file?.lastIndexOf('/') ?? -1;
  return {
    ...(ip !== undefined && { ip }),
    ...(object !== '' && object !== '<unknown binary>' && { object }),
    ...(name !== '' && name !== '???' && { function: name }),
    ...(file !== undefined &&
      (file.startsWith('/') && slash > 0
        ? { directory: file.slice(0, slash), file: file.slice(slash + 1) }
        : { file })),
    ...(line > 0 && { line }),
  };
}

/** Where `(in OBJECT)` begins and ends; names of objects may have parentheses: `(in Demo Helper (Renderer))`. */
function objectOf(text: string): readonly [number, number] {
  let at = text.lastIndexOf('  (in ') + 2;
  // Some write one space; the names of functions have no such thing in them.
  if (at === 1) at = text.lastIndexOf(' (in ') + 1;
  if (at <= 0) return [-1, -1];
  let open = 0;
  for (let index = at; index < text.length; index++) {
    if (text[index] === '(') open++;
    else if (text[index] === ')' && --open === 0) return [at, index];
  }
  return [-1, -1];
}

function withPath(frame: ProfileFrame, paths: ReadonlyMap<string, string | undefined>): ProfileFrame {
  const path = frame.object === undefined ? undefined : paths.get(frame.object);
  return path === undefined ? frame : { ...frame, object: path };
}
