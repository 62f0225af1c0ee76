// Owns the way from a finding to a suppression entry for it, in three widths: the shortest comes first.
import { posix } from 'node:path';
import { entryName, type FrameLine, patternOf, type SuppressionEntry } from './suppression-file.ts';
import { type ComparedFrame, comparedFrames } from './suppression-match.ts';
import { mangledPattern } from './suppression-names.ts';
import { type Refusal, type Suppressible, suppressionKind, suppressionTool } from './suppression-subject.ts';

/** What a finding must have to get an entry with a name. */
export type Nameable = Suppressible & {
  readonly id: string;
  readonly blamed?: { readonly stack: number; readonly frame: number };
};

/** Without a frame of mine, so many frames tell what it is. */
const causeFrames = 4;

// Callers of main and of threads: the same in every stack.
const startFunction = /^(?:\(below main\)|_start|__libc_start\w*|start_thread|clone3?|thread_start)$/;

/**
 * Entries that hide a finding, from the shortest to the most exact; they differ, and none is wider than the one before.
 * - Frames that are mine are kept, with everything below the outermost of them cut: main's callers, an event loop.
 * - Of library frames before the first of mine the innermost (an allocator) and the one that I called are kept, `...`
 *   stands for those between; of several between frames of mine `...` stands for all.
 * - Frames without a name become their object, without directory and version.
 * - Without any frame of mine the innermost four frames are taken.
 * The second keeps all frames down to the outermost of mine, the third the whole stack.
 */
export function suppressionsFor(finding: Nameable): readonly SuppressionEntry[] | Refusal {
  const subject = suppressionKind(finding);
  if ('refusal' in subject) return subject;
  const frames = comparedFrames(finding);
  if (frames.length === 0) return { refusal: 'it has no stack' };
  const outermost = frames.findLastIndex(({ frame }) => frame.owner === 'mine');
  const started = frames.findIndex(({ frame }) => startFunction.test(frame.function ?? ''));
  const inside = started <= 0 ? frames : frames.slice(0, Math.max(started, outermost + 1));
  const widths =
    outermost >= 0
      ? [
          collapsed(frames.slice(0, outermost + 1)),
          frames.slice(0, outermost + 1).map(lineOf),
          inside.map(lineOf),
        ]
      : [inside.slice(0, causeFrames).map(lineOf), inside.map(lineOf)];
  const entries = widths
    .map(tidy)
    .filter((lines) =>
      lines.some(({ by, ...rest }) => by !== '...' && 'pattern' in rest && rest.pattern !== '*'),
    )
    .map((lines) => ({
      name: nameOf(finding),
      tools: [suppressionTool(finding)],
      kind: subject.kind,
      extra: subject.extra.map(patternOf),
      frames: lines,
    }));
  const known = new Set<string>();
  const different = entries.filter(({ frames: lines }) => {
    const key = JSON.stringify(lines);
    return !known.has(key) && known.add(key);
  });
  return different.length === 0 ? { refusal: 'no frame of its stack has a name' } : different;
}

const anyFrames: FrameLine = { by: '...' };

function collapsed(frames: readonly ComparedFrame[]): readonly FrameLine[] {
  const lines: FrameLine[] = [];
  let run: ComparedFrame[] = [];
  let first = true;
  const endRun = () => {
    const whole = run.map(lineOf);
    if (whole.length <= 1) lines.push(...whole);
    else if (!first) lines.push(anyFrames);
    else if (whole.length === 2) lines.push(...whole);
    else lines.push(whole[0] as FrameLine, anyFrames, whole.at(-1) as FrameLine);
    run = [];
  };
  for (const compared of frames) {
    if (compared.frame.owner !== 'mine') {
      run.push(compared);
      continue;
    }
    endRun();
    first = false;
    lines.push(lineOf(compared));
  }
  return lines;
}

/** Several `...` are one; at the end it says nothing, because what follows is not compared. */
function tidy(lines: readonly FrameLine[]): readonly FrameLine[] {
  const kept = lines.filter((line, index) => line.by !== '...' || lines[index - 1]?.by !== '...');
  return kept.at(-1)?.by === '...' ? kept.slice(0, -1) : kept;
}

function lineOf({ frame, compared }: ComparedFrame): FrameLine {
  if (compared !== undefined && compared !== '???') return { by: 'fun', pattern: stableName(compared) };
  const pattern = frame.function === undefined ? undefined : mangledPattern(frame.function);
  if (pattern !== undefined) return { by: 'fun', pattern };
  if (frame.object !== undefined) return { by: 'obj', pattern: objectPattern(frame.object) };
  // A name that cannot be turned back, in a log that does not tell the object.
  return frame.function === undefined ? { by: 'obj', pattern: '*' } : anyFrames;
}

/** What another build or another glibc numbers otherwise: `foo.isra.0`, `dlopen@@GLIBC_2.34`. */
function stableName(name: string): string {
  return patternOf(
    name
      .replace(/(\.(?:isra|part|constprop|cold|lto_priv|llvm)\.)\d+/g, '$1*')
      // Names begin with a letter: nothing is left of `@@V` alone.
      .replace(/(.)@@?[\w.]+$/, '$1@*'),
  );
}

/** `/usr/lib/x86_64-linux-gnu/libfoo.so.1.2` is `*\/libfoo.so*`, without the `\`. */
function objectPattern(object: string): string {
  const base = posix.basename(object);
  const name = /^(.*?)(?:-[\d.]+)?\.so(?:\.[\w.]+)?$/.exec(base)?.[1];
  const pattern = name === undefined ? base : base.startsWith(`${name}-`) ? `${name}-*.so*` : `${name}.so*`;
  return patternOf(object.includes('/') ? `*/${pattern}` : pattern);
}

/** `Leak_DefinitelyLost push <F-3f2a90b1c2d3>`. */
function nameOf(finding: Nameable): string {
  const { stacks, blamed, kind, id } = finding;
  const frame =
    (blamed === undefined ? undefined : stacks[blamed.stack]?.frames[blamed.frame]) ??
    stacks[0]?.frames.find(({ function: name, owner }) => name !== undefined && owner !== 'tool') ??
    stacks[0]?.frames[0];
  const place = frame?.function ?? (frame?.object === undefined ? undefined : posix.basename(frame.object));
  return entryName([kind, ...(place === undefined ? [] : [shortName(place)]), `<${id}>`].join(' '));
}

/** Without parameters and template arguments, and at most 60 characters. */
function shortName(name: string): string {
  const short = name.replace(/(\w)(?:<.*>)?\(.*$/s, '$1');
  return [...short].slice(0, 60).join('');
}
