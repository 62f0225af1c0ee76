// The process tree: who forked whom, who exec'd in place, and how each image ended.
import type { ProcessRecord } from '../model/record.ts';
import type { ProcessEnd } from '../model/report.ts';
import type { ImageDraft } from './fold.ts';

/** One image with its place in the tree. */
export interface TreeNode {
  readonly image: ImageDraft;
  /** The image of the parent process that made this one, when it is in the run. */
  readonly parent: ImageDraft | undefined;
  readonly end: ProcessEnd;
  /** Nothing that should have been measured in this image is missing. */
  readonly complete: boolean;
  /** Runs the interpreter of a script and not a program of the user. */
  readonly interpreter: boolean;
}

/** What the tree needs to know beside the images. */
export interface TreeContext {
  /** Whether a process still ran when its run was closed. */
  readonly isAlive: (process: ProcessRecord) => boolean;
  /** Path of a script's interpreter. */
  readonly interpreter: string | undefined;
}

/** A process: each launch of a replay is a run of its own, and its pids may be those of another one. */
export interface ProcessId {
  readonly pid: number;
  readonly launch?: number;
}

/** A text that names a process in its run. */
export function processKey({ pid, launch = 0 }: ProcessId): string {
  return `${launch} ${pid}`;
}

/** The images as a tree, parents before children, images of one process in order. */
export function processTree(images: readonly ImageDraft[], context: TreeContext): readonly TreeNode[] {
  const byKey = new Map<string, ImageDraft[]>();
  for (const image of images) {
    if (image.process.pid === 0) continue;
    const key = processKey(image.process);
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [image]);
    else same.push(image);
  }
  const parents = new Map(images.map((image) => [image, parentOf(image, byKey)]));
  const order = parentsFirst(images, parents, byKey);

  const interpreters = new Set<ImageDraft>();
  const nodes: TreeNode[] = [];
  for (const image of order) {
    const siblings = byKey.get(processKey(image.process)) ?? [image];
    const place = siblings.indexOf(image);
    const parent = parents.get(image);
    if (isInterpreter(image, parent, siblings, place, context, interpreters)) interpreters.add(image);
    const end = endOf(
      image,
      { followed: place + 1 < siblings.length, hasParent: parent !== undefined },
      context,
    );
    const complete = image.end?.complete === true || end === 'execed' || end === 'exec-stub';
    nodes.push({ image, parent, end, complete, interpreter: interpreters.has(image) });
  }
  return nodes;
}

function endOf(
  image: ImageDraft,
  { followed, hasParent }: { readonly followed: boolean; readonly hasParent: boolean },
  context: TreeContext,
): ProcessEnd {
  const ended = image.end?.finished === true || image.end?.complete === true;
  if (image.fatal !== undefined) return 'signaled';
  if (ended && image.end?.unseen === true) return 'unseen';
  if (ended) return image.profiles.length > 0 ? 'measured' : 'finished';
  if (followed) return 'execed';
  if (context.isAlive(image.process)) return 'running';
  // Without a parent in the run it did not fork: its log is cut before it could say RUNNING.
  if (image.process.forked && hasParent && image.findings.size === 0 && execsUntraced(image))
    return 'exec-stub';
  return 'cut';
}

/** Whether what this image exec'd would have left no log: children are not traced, or some are skipped. */
function execsUntraced(image: ImageDraft): boolean {
  // It follows each process that it names through all that it executes.
  if (image.process.tool === 'gdb') return false;
  let traced = false;
  for (const option of image.process.instrumentArgv) {
    if (/^--trace-children-skip(?:-by-arg)?=./.test(option)) return true;
    const value = /^--trace-children=(yes|no)$/.exec(option)?.[1];
    if (value !== undefined) traced = value === 'yes';
  }
  return !traced;
}

/**
 * The image of the parent process. A forked child has the very arguments of the image it was forked from; an exec'd
 * one may come from any image of its parent, and then the last is as good a guess as there is.
 */
function parentOf(
  image: ImageDraft,
  byKey: ReadonlyMap<string, readonly ImageDraft[]>,
): ImageDraft | undefined {
  const { ppid, pid, launch = 0, forked, argv } = image.process;
  if (ppid === undefined || ppid === pid) return undefined;
  const candidates = byKey.get(processKey({ pid: ppid, launch })) ?? [];
  const twin = forked ? candidates.find((candidate) => sameWords(candidate.process.argv, argv)) : undefined;
  return twin ?? candidates.at(-1);
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}

function parentsFirst(
  images: readonly ImageDraft[],
  parents: ReadonlyMap<ImageDraft, ImageDraft | undefined>,
  byKey: ReadonlyMap<string, readonly ImageDraft[]>,
): readonly ImageDraft[] {
  const children = new Map<string, ImageDraft[]>();
  const roots: ImageDraft[] = [];
  for (const image of images) {
    const parent = parents.get(image);
    const siblings = parent === undefined ? roots : children.get(processKey(parent.process));
    if (siblings !== undefined) siblings.push(image);
    else if (parent !== undefined) children.set(processKey(parent.process), [image]);
  }
  const order = new Set<ImageDraft>();
  // A stack of work and not recursion: a thousand generations are no reason to fail. Pids are used again in long
  // logs, so parents can form a ring; what a ring hides is appended at the end.
  const walk = (start: ImageDraft): void => {
    const work = [start];
    for (let image = work.pop(); image !== undefined; image = work.pop()) {
      if (order.has(image)) continue;
      const chain = byKey.get(processKey(image.process)) ?? [image];
      for (const link of chain) order.add(link);
      work.push(...(children.get(processKey(image.process)) ?? []).toReversed());
    }
  };
  for (const root of roots) walk(root);
  for (const image of images) walk(image);
  return [...order];
}

/**
 * A script's interpreter is the first image of the run; the images that its process goes through until one has the
 * interpreter's name (`#!/usr/bin/env python3` runs env, then python3; a pyenv shim runs bash in between); what those
 * exec in place under that same name; and all that fork from them without exec.
 */
function isInterpreter(
  image: ImageDraft,
  parent: ImageDraft | undefined,
  siblings: readonly ImageDraft[],
  place: number,
  context: TreeContext,
  known: ReadonlySet<ImageDraft>,
): boolean {
  if (context.interpreter === undefined) return false;
  if (image.process.forked) return parent !== undefined && known.has(parent);
  const before = siblings[place - 1];
  if (before === undefined) return parent === undefined;
  if (!known.has(before)) return false;
  const name = baseName(context.interpreter);
  const isNamed = ({ process }: ImageDraft): boolean => baseName(process.argv[0] ?? '') === name;
  if (isNamed(image)) return true;
  // On the way there each hands the script on: `./list.py`, then `/usr/bin/bash /home/ann/shims/python3 ./list.py`.
  const script = siblings[0]?.process.argv[0];
  const handsOn = script !== undefined && image.process.argv.indexOf(script, 1) > 0;
  return handsOn && !siblings.slice(0, place).some(isNamed) && siblings.slice(place + 1).some(isNamed);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
