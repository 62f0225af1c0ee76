// Owns what heaptrack's values say was never freed: a finding for each call path.
import type { FindingRecord, Frame } from '../../model/finding.ts';
import type { ProfileFrame } from '../../model/profile.ts';
import { isSystemBlock } from '../_shared/system-blocks.ts';

/** Call paths, numbered from 1; 0 is none. */
export interface UnfreedPaths {
  readonly paths: {
    /** The instruction of each. */
    readonly instructions: readonly number[];
    readonly parents: readonly number[];
    /** Bytes. */
    readonly live: readonly number[];
  };
  /** Live blocks of each path. */
  readonly blocks: readonly number[];
  /** Frames of each instruction, innermost first. */
  readonly instructions: readonly (readonly number[])[];
  readonly frames: readonly ProfileFrame[];
  /** Patterns of functions, files or objects. */
  readonly suppressions: readonly string[];
}

interface Amount {
  readonly bytes: number;
  readonly blocks: number;
}

/** What is left at the end. */
export interface Left {
  readonly findings: readonly Omit<FindingRecord, 'type' | 'image' | 'tool'>[];
  readonly ofSystem: Amount;
  readonly suppressed: Amount;
}

export const nothingLeft: Amount = { bytes: 0, blocks: 0 };

/** Functions below which heaptrack itself takes no block for a leak: caches that live as long as the program (1.4, 1.5). */
export const builtIn: readonly string[] = [
  '__nss_module_allocate',
  '__gconv_read_conf',
  '__new_exitfn',
  'tzset_internal',
  'dl_open_worker',
  'g_main_context_new',
  'g_thread_self',
];

/** Frames of a stack that are kept; heaptrack records 64, and what is inlined in them. */
const deepest = 1000;

/** The blocks that nobody freed, by call path, the largest first. */
export function unfreed(from: UnfreedPaths): Left {
  const { paths, blocks, instructions, frames } = from;
  const converted = new Map<number, Frame>();
  const isHidden = suppressedFrames(from);
  const ofSystem = { ...nothingLeft };
  const suppressed = { ...nothingLeft };
  const findings: Left['findings'][number][] = [];
  for (let path = 0; path < blocks.length; path++) {
    const count = blocks[path] as number;
    if (count === 0) continue;
    const bytes = paths.live[path] as number;
    const numbers: number[] = [];
    for (let at = path; at > 0 && numbers.length < deepest; at = paths.parents[at] as number)
      numbers.push(...(instructions[paths.instructions[at] as number] as readonly number[]));
    const innermost = frames[numbers[0] ?? -1];
    const sum =
      innermost !== undefined && isSystemBlock(innermost)
        ? ofSystem
        : numbers.some(isHidden)
          ? suppressed
          : undefined;
    if (sum !== undefined) {
      sum.bytes += bytes;
      sum.blocks += count;
      continue;
    }
    findings.push({
      kind: 'unfreed',
      what: `${bytes} bytes in ${count} ${count === 1 ? 'block' : 'blocks'} were never freed`,
      details: [],
      stacks: [{ label: 'at', frames: numbers.map((number) => frameOf(number, frames, converted)) }],
      leak: { bytes, directBytes: bytes, indirectBytes: 0, blocks: count, check: 1 },
    });
  }
  findings.sort((a, b) => (b.leak?.bytes ?? 0) - (a.leak?.bytes ?? 0));
  return { findings, ofSystem, suppressed };
}

/** The same object for the same number: equal frames are one. */
function frameOf(number: number, frames: readonly ProfileFrame[], converted: Map<number, Frame>): Frame {
  const known = converted.get(number);
  if (known !== undefined) return known;
  const { ip, object, function: name, directory, file, line } = frames[number] as ProfileFrame;
  const frame: Frame = {
    ...(ip !== undefined && { ip }),
    ...(object !== undefined && { object }),
    ...(name !== undefined && { function: name }),
    ...(directory !== undefined && { directory }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
  };
  converted.set(number, frame);
  return frame;
}

function suppressedFrames({ frames, suppressions }: UnfreedPaths): (number: number) => boolean {
  const patterns = suppressions.map(matcher);
  const known = new Map<number, boolean>();
  return (number) => {
    const before = known.get(number);
    if (before !== undefined) return before;
    const { function: name, directory, file, object } = frames[number] as ProfileFrame;
    const path = directory === undefined ? file : `${directory}/${file}`;
    const hidden = [name, path, object].some(
      (text) => text !== undefined && patterns.some((matches) => matches(text)),
    );
    known.set(number, hidden);
    return hidden;
  };
}

/** LeakSanitizer's patterns, which heaptrack takes: a piece of the text, `*` anything, `^` and `$` its ends. */
function matcher(pattern: string): (text: string) => boolean {
  const start = pattern.startsWith('^');
  const end = pattern.endsWith('$');
  const pieces = pattern.slice(start ? 1 : 0, end ? -1 : undefined).split('*');
  return (text) => {
    let from = 0;
    for (const [index, piece] of pieces.entries()) {
      const isLast = index === pieces.length - 1;
      const at = isLast && end ? text.length - piece.length : text.indexOf(piece, from);
      if (at < from || !text.startsWith(piece, at) || (index === 0 && start && at !== 0)) return false;
      from = at + piece.length;
    }
    return true;
  };
}
