// Owns the question whether a suppression entry hides a finding, answered as valgrind does when it has seen the error
// (m_errormgr.c, m_seqmatch.c, and each tool's error_matches_suppression).
import type { ReportFrame } from '../../model/report.ts';
import {
  type FrameLine,
  leakKindsOfEntry,
  parseSuppressions,
  type SuppressionEntry,
} from './suppression-file.ts';
import { type Answer, globMatches, isPlainName, matchesDemangled } from './suppression-names.ts';
import type { Suppressible } from './suppression-subject.ts';
import { suppressionKind, suppressionTool } from './suppression-subject.ts';

/** Whether the entry hides the finding. */
export function hides(entry: SuppressionEntry, finding: Suppressible): Answer {
  if (!entry.tools.includes(suppressionTool(finding))) return 'no';
  const kind = kindMatches(entry, finding);
  return kind === 'no' ? 'no' : least(kind, stackMatches(entry.frames, comparedFrames(finding)));
}

function kindMatches(entry: SuppressionEntry, finding: Suppressible): Answer {
  const wanted = suppressionKind(finding);
  if ('refusal' in wanted) return wanted.unknowable === entry.kind.replace(/\d+$/, '') ? 'cannot tell' : 'no';
  const kind = entry.kind === 'Value0' ? 'Cond' : entry.kind === 'BadSize' ? 'UnsafeZeroSize' : entry.kind;
  if (kind !== wanted.kind) return 'no';
  if (kind === 'Leak') return leakKindsOfEntry(entry).includes(wanted.leak ?? '') ? 'yes' : 'no';
  const [line] = wanted.extra;
  return line === undefined || entry.extra[0] === line ? 'yes' : 'no';
}

/** A frame as valgrind compares it. */
export interface ComparedFrame {
  readonly frame: ReportFrame;
  /** The name that `fun:` is matched against, when the log tells it. */
  readonly compared?: string;
  /** A frame before it was inlined. */
  readonly afterInlined?: boolean;
}

/**
 * The frames of the stack that valgrind compares. Their mangled names are in the block that `--gen-suppressions=all`
 * printed for the finding, if there is one; the names of C functions and of inlined calls are what the log shows.
 */
export function comparedFrames(finding: Suppressible): readonly ComparedFrame[] {
  const printed =
    finding.suppression === undefined ? undefined : parseSuppressions(finding.suppression).entries[0]?.frames;
  let inlinedBefore = false;
  return primaryFrames(finding).map((frame, index): ComparedFrame => {
    const compared = comparedName(frame, printed?.[index]);
    const afterInlined = inlinedBefore;
    inlinedBefore ||= frame.inlined === true;
    return {
      frame,
      ...(compared === undefined ? {} : { compared }),
      ...(afterInlined ? { afterInlined } : {}),
    };
  });
}

function comparedName(frame: ReportFrame, printed: FrameLine | undefined): string | undefined {
  if (printed?.by === 'fun' && agrees(printed.pattern, frame)) return printed.pattern;
  const name = frame.function;
  if (name === undefined) return '???';
  return frame.inlined === true || isPlainName(name) ? name : undefined;
}

/** A block that was printed for another stack says nothing about this one. */
function agrees(printed: string, { function: name }: ReportFrame): boolean {
  if (name === undefined || printed.includes('*')) return false;
  return printed === name || (!isPlainName(name) && matchesDemangled(printed, name) !== 'no');
}

/** The stack of an error that suppressions are about: where it was seen, or where a leaked block was allocated. */
export function primaryFrames({ stacks }: Pick<Suppressible, 'stacks'>): readonly ReportFrame[] {
  for (const label of ['at', 'observed order then', 'allocated at'] as const) {
    const stack = stacks.find((each) => each.label === label && each.frames.length > 0);
    if (stack !== undefined) return stack.frames;
  }
  return stacks[0]?.frames ?? [];
}

/** Prefix match from the innermost frame. What is possible along one way is possible; what is sure along one is sure. */
function stackMatches(lines: readonly FrameLine[], shown: readonly ComparedFrame[]): Answer {
  // valgrind compares what is below main too, but shows it only with --show-below-main=yes (observed 3.19).
  const frames = shown.at(-1)?.compared === 'main' ? [...shown, ...belowMain] : shown;
  // After the lines so far: what can be said of having used up so many frames.
  let reached: Answer[] = Array.from({ length: frames.length + 1 }, (_, used) => (used === 0 ? 'yes' : 'no'));
  for (const line of lines) {
    const next: Answer[] = Array.from({ length: frames.length + 1 }, () => 'no');
    let before: Answer = 'no';
    for (const [used, answer] of reached.entries()) {
      if (line.by === '...') {
        before = most(before, answer);
        next[used] = before;
      } else if (answer !== 'no' && used < frames.length) {
        next[used + 1] = least(answer, frameMatches(line, frames[used] as ComparedFrame));
      }
    }
    if (next.every((answer) => answer === 'no')) return 'no';
    reached = next;
  }
  return reached.reduce(most, 'no');
}

/** The callers of main, of which logs tell nothing, not even how many there are. */
const belowMain: readonly ComparedFrame[] = Array.from({ length: 4 }, () => ({
  frame: { owner: 'system', ownerReason: 'system' },
}));

const namesBelowMain = [
  '(below main)',
  '__libc_start_call_main',
  '__libc_start_main',
  '__libc_start_main_impl',
  '__libc_start_main@@GLIBC_2.34',
  'generic_start_main',
  '_start',
];

function frameMatches(
  line: Exclude<FrameLine, { by: '...' }>,
  { frame, compared, afterInlined }: ComparedFrame,
): Answer {
  if (compared === undefined && frame.function === undefined) {
    const named = line.by !== 'fun' || namesBelowMain.some((name) => globMatches(line.pattern, name));
    return named ? 'cannot tell' : 'no';
  }
  if (/^\*+$/.test(line.pattern)) return 'yes';
  switch (line.by) {
    case 'fun':
      return compared === undefined
        ? matchesDemangled(line.pattern, frame.function ?? '')
        : sure(globMatches(line.pattern, compared));
    case 'obj':
      // Text logs name the object only where there is no source.
      if (frame.object === undefined)
        return frame.file === undefined ? sure(globMatches(line.pattern, '???')) : 'cannot tell';
      return sure(globMatches(line.pattern, frame.object));
    case 'src':
      // valgrind then looks at the source of another frame (observed 3.19).
      return afterInlined === true ? 'cannot tell' : sourceMatches(line.pattern, frame);
  }
}

/** `src:list.c`, `src:list.c:20`. */
function sourceMatches(pattern: string, { file, line }: ReportFrame): Answer {
  if (file === undefined) return 'no';
  if (globMatches(pattern, file) || globMatches(pattern, `${file}:${line ?? ''}`)) return 'yes';
  // `sub/list.c`: valgrind cuts the directory off when the debug information has one.
  const base = file.slice(file.lastIndexOf('/') + 1);
  const loose =
    base !== file && (globMatches(pattern, base) || globMatches(pattern, `${base}:${line ?? ''}`));
  return loose ? 'cannot tell' : 'no';
}

const sure = (is: boolean): Answer => (is ? 'yes' : 'no');
const rank: Readonly<Record<Answer, number>> = { no: 0, 'cannot tell': 1, yes: 2 };
const least = (a: Answer, b: Answer): Answer => (rank[a] <= rank[b] ? a : b);
const most = (a: Answer, b: Answer): Answer => (rank[a] >= rank[b] ? a : b);
