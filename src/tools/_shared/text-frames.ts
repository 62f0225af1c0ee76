// Call frames as valgrind's text log prints them.
import type { Frame } from '../../model/finding.ts';

/**
 * Three spaces in valgrind's own log; web pages lose them.
 * `   at 0x48417B4: malloc (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)`
 * `   by 0x10918D: def (leaks.c:5)`
 */
const frameLine = /^ *(at|by) (0x[0-9A-Fa-f]+): (.+)$/;

/** `(leaks.c:5)`, with `--fullpath-after=` also `(src/leaks.c:5)` */
const place = /^(.+):(\d+)$/;

/** Distinct frames remembered; real programs have a few thousand. */
const rememberedFrames = 30_000;

export interface FrameLine {
  /** True for `at`: a new stack begins. */
  readonly first: boolean;
  readonly frame: Frame;
}

/** Reads frame lines; equal frames come back as the same object. */
export type ReadFrame = (line: string) => FrameLine | undefined;

export function isFrameLine(line: string): boolean {
  return frameLine.test(line);
}

/** A reader with its own memory of frames, for one log. */
export function createFrameReader(): ReadFrame {
  const known = new Map<string, Frame>();
  return (line) => {
    const match = frameLine.exec(line);
    if (match === null) return undefined;
    const key = line.slice(line.indexOf('0x'));
    let frame = known.get(key);
    if (frame === undefined) {
      frame = parseFrame(match[2] ?? '', match[3] ?? '');
      if (known.size >= rememberedFrames) known.clear();
      known.set(key, frame);
    }
    return { first: match[1] === 'at', frame };
  };
}

/** Reads what stands behind the address: `main (heap.c:10)`, `??? (in /lib/x.so)`. */
export function parseFrame(ip: string | undefined, text: string): Frame {
  const at: Frame = ip === undefined ? {} : { ip };
  const open = openingParenthesis(text);
  if (open === -1) return named(at, text);
  const inside = text.slice(open + 1, -1);
  const name = text.slice(0, Math.max(0, open - 1));
  // `(in /obj)`; up to 3.4 `(within /obj)`
  const object = /^(?:in|within) (.+)$/.exec(inside);
  if (object?.[1] !== undefined) return named({ ...at, object: object[1] }, name);
  const source = place.exec(inside);
  if (source?.[1] === undefined) return named(at, text);
  // The XML log tells directory and file apart, so this does too.
  const slash = source[1].lastIndexOf('/');
  const directory = slash === -1 ? {} : { directory: source[1].slice(0, slash) || '/' };
  return named({ ...at, ...directory, file: source[1].slice(slash + 1), line: Number(source[2]) }, name);
}

/**
 * Where the last parenthesis of the line opens, or -1. Names and paths hold parentheses of their own, as in
 * `main::{lambda(int)#1}::operator()(int) const (strings.cpp:10)` or `f (in /srv/a (deleted))`, so this counts
 * back from the end; only a path with a lone parenthesis needs the fallback.
 */
function openingParenthesis(text: string): number {
  if (!text.endsWith(')')) return -1;
  const at = balancedParenthesis(text);
  if (at !== -1) return at;
  const fallback = text.lastIndexOf(' (');
  return fallback === -1 ? -1 : fallback + 1;
}

/** Where the parenthesis opens that the last one closes, if it begins the text or follows a space; else -1. */
export function balancedParenthesis(text: string): number {
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    const char = text[at];
    if (char === ')') depth++;
    else if (char === '(' && --depth === 0) {
      if (at === 0 || text[at - 1] === ' ') return at;
      break;
    }
  }
  return -1;
}

function named(frame: Frame, name: string): Frame {
  return name === '' || name === '???' ? frame : { ...frame, function: name };
}
