// The call tree of a profile on a terminal: what costs the most, with who called it.
import type { CallTree } from '../model/profile.ts';
import type { ReportProfile } from '../model/profile-report.ts';
import { inclusiveValues } from '../model/profile-tables.ts';
import type { Ink } from './pretty-ink.ts';
import { clean, placeText, title } from './pretty-profile-table.ts';
import {
  clockText,
  countedTrees,
  peakSnapshot,
  percent,
  primaryMeasure,
  primaryTotal,
  scaled,
  treeCaveats,
} from './profile-text.ts';
import { clip, grouped, wrap } from './terminal-text.ts';

/** Less than this is never drawn. */
export const leastShare = 0.001;

/** The counted tree that costs the most, each node with all it called: one that was measured, with `all` a likely one too. */
export function treeMaker(
  profile: ReportProfile,
  all: boolean,
  ink: Ink,
): (most: number) => readonly string[] {
  const trees = countedTrees(profile).filter(({ inferred }) => all || inferred === undefined);
  const [largest] = [...trees].sort((a, b) => ownSum(b, profile) - ownSum(a, profile));
  if (largest === undefined) return () => [];
  const peak = peakSnapshot(profile);
  const name =
    profile.timeline === undefined || peak === undefined
      ? title('CALL TREE', ink)
      : `${title('AT THE PEAK', ink)}  ${ink.dim(`snapshot ${peak.number}, ${clockText(peak.time, profile.timeline.clock)}`)}`;
  const which = trees.length > 1 && largest.name !== undefined ? ink.dim(`  of ${clean(largest.name)}`) : '';
  const draw = treeDrawer(profile, largest, all, ink);
  return (most) => {
    const rows = most === 0 ? [] : draw(most);
    if (rows.length === 0) return [];
    const doubts = largest.inferred === undefined ? [] : treeCaveats(profile);
    const doubt = doubts.flatMap((why) => wrap(clean(why), ink.columns - 2));
    return [clip(`${name}${which}`, ink.columns), ...doubt.map((line) => `  ${ink.yellow(line)}`), ...rows];
  };
}

function ownSum({ values }: CallTree, { primary }: ReportProfile): number {
  return (values[primary] ?? []).reduce((sum, value) => sum + value, 0);
}

function treeDrawer(
  profile: ReportProfile,
  tree: CallTree,
  all: boolean,
  ink: Ink,
): (most: number) => readonly string[] {
  const { primary } = profile;
  const total = primaryTotal(profile);
  const sums = inclusiveValues({ ...tree, values: [tree.values[primary] ?? []] })[0] ?? [];
  const candidates: number[] = [];
  const inner = all ? new Uint8Array(sums.length) : innerCalls(profile, tree, sums);
  const repeats = repeatedCalls(profile, tree, all);
  for (let node = 0; node < sums.length; node++) {
    // What stands for the others must be drawn.
    if ((repeats.counts[node] as number) > 1) inner[node] = 0;
    if (repeats.folded[node] === 1) inner[node] = 1;
  }
  for (let node = 0; node < sums.length; node++) {
    if ((sums[node] as number) > total * leastShare && inner[node] === 0) candidates.push(node);
  }
  // A node costs at least what it called, and stands before it: so no node is chosen without its caller.
  candidates.sort((a, b) => (sums[b] as number) - (sums[a] as number) || a - b);
  const drawn = {
    tree,
    sums,
    candidates,
    counts: repeats.counts,
    ...parentsPast(tree, inner, repeats.folded),
  };
  return (most) => drawTree(profile, drawn, most, ink);
}

/**
 * 1 for calls within a library that say nothing: all that its caller spent was spent in it, all that it spent in a
 * call of its own, and none of the three is mine. What my code called, and where it ended, are left.
 */
function innerCalls(
  { frames }: ReportProfile,
  { parents, frames: rows }: CallTree,
  sums: readonly number[],
): Uint8Array {
  const mine = Uint8Array.from(frames, ({ owner }) => (owner === 'mine' ? 1 : 0));
  const foreign = (node: number): boolean => mine[rows[node] as number] !== 1;
  const passes = (node: number, parent: number): boolean =>
    parent >= 0 && sums[parent] === sums[node] && foreign(node) && foreign(parent);
  const goesOn = new Uint8Array(parents.length);
  const inner = new Uint8Array(parents.length);
  for (let node = 0; node < parents.length; node++) {
    const parent = parents[node] as number;
    if (passes(node, parent)) goesOn[parent] = 1;
  }
  for (let node = 0; node < parents.length; node++) {
    if (goesOn[node] === 1 && passes(node, parents[node] as number)) inner[node] = 1;
  }
  return inner;
}

/** Calls of a function by itself, which are drawn as one. */
interface Repeats {
  /** 1 for those that stand in the first one. */
  readonly folded: Uint8Array;
  /** For the first one, how many calls deep it is; 0 for those in it. */
  readonly counts: Int32Array;
}

/** Finds them; with `exactly` only those from the same line. */
function repeatedCalls(
  { frames }: ReportProfile,
  { parents, frames: rows }: CallTree,
  exactly: boolean,
): Repeats {
  const known = new Map<string, number>();
  const groups = Int32Array.from(frames, ({ function: name, object, path }, frame) => {
    if (exactly || name === undefined) return frame;
    const key = `${name}\0${object ?? ''}\0${path ?? ''}`;
    const group = known.get(key) ?? frame;
    known.set(key, group);
    return group;
  });
  const folded = new Uint8Array(parents.length);
  const counts = new Int32Array(parents.length);
  const heads = new Int32Array(parents.length);
  const depths = new Int32Array(parents.length);
  for (let node = 0; node < parents.length; node++) {
    const parent = parents[node] as number;
    const isRepeat = parent >= 0 && groups[rows[parent] as number] === groups[rows[node] as number];
    const head = isRepeat ? (heads[parent] as number) : node;
    const depth = isRepeat ? (depths[parent] as number) + 1 : 1;
    folded[node] = isRepeat ? 1 : 0;
    heads[node] = head;
    depths[node] = depth;
    if (depth > (counts[head] as number)) counts[head] = depth;
  }
  return { folded, counts };
}

/** The nearest caller of each node that is not left out, and 1 where others than its repeats were left out between. */
function parentsPast(
  { parents }: CallTree,
  inner: Uint8Array,
  folded: Uint8Array,
): { readonly parents: Int32Array; readonly passed: Uint8Array } {
  const past = new Int32Array(parents.length);
  const passed = new Uint8Array(parents.length);
  for (let node = 0; node < parents.length; node++) {
    const parent = parents[node] as number;
    const skips = parent >= 0 && inner[parent] === 1;
    past[node] = skips ? (past[parent] as number) : parent;
    if (skips) passed[node] = folded[parent] === 1 ? (passed[parent] as number) : 1;
  }
  return { parents: past, passed };
}

/** A tree as it is drawn. */
interface DrawnTree {
  readonly tree: CallTree;
  readonly sums: readonly number[];
  /** Nodes from dear to cheap. */
  readonly candidates: readonly number[];
  /** The caller of each node that is drawn. */
  readonly parents: Int32Array;
  readonly passed: Uint8Array;
  readonly counts: Int32Array;
}

function drawTree(
  profile: ReportProfile,
  { tree, sums, candidates, parents, passed: isPassed, counts }: DrawnTree,
  most: number,
  ink: Ink,
): readonly string[] {
  const { frames } = profile;
  const { unit } = primaryMeasure(profile);
  const total = primaryTotal(profile);
  const chosen = candidates.slice(0, most);
  const children = new Map<number, number[]>();
  for (const node of chosen) {
    const parent = parents[node] as number;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [node]);
    else siblings.push(node);
  }
  const values = chosen.map((node) => scaled(sums[node] as number, unit));
  const width = values.reduce((widest, text) => Math.max(widest, text.length), 0);
  const lines: string[] = [];
  const indent = Math.floor(ink.columns / 3);
  // Prefix of the node itself, and of what stands below it.
  const roots = children.get(-1) ?? [];
  const open = [...roots].reverse().map((node) => ({ node, ...stepTo(node, roots, '') }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, own, below } = next;
    const frame = frames[tree.frames[node] as number];
    const sum = sums[node] as number;
    const cost = `${percent(sum, total).padStart(6)}  ${scaled(sum, unit).padStart(width)}  `;
    const lead = own.length > indent ? `…${own.slice(own.length - indent + 1)}` : own;
    const passed = isPassed[node] === 1 ? '… ' : '';
    const count = counts[node] as number;
    const times = count > 1 ? ` × ${grouped(count)}` : '';
    const room = ink.columns - 2 - cost.length - lead.length - passed.length;
    const place = frame === undefined ? '???' : placeText(frame, Math.max(12, room), times);
    const text = `${passed}${place}`;
    const mine = frame?.owner === 'mine';
    lines.push(`${mine ? ink.red('>') : ' '} ${cost}${ink.dim(lead)}${mine ? text : ink.dim(text)}`);
    const called = children.get(node) ?? [];
    // The one on top of the pile is drawn next.
    for (const child of [...called].reverse()) open.push({ node: child, ...stepTo(child, called, below) });
  }
  const left = candidates.length - lines.length;
  if (candidates.length > most && left > 0) {
    lines.push(ink.dim(`  … ${grouped(left)} more calls of 0.1% or more; --all shows them.`));
  }
  return lines;
}

/** What stands before a call and before all below it. One that is called alone takes no step to the right. */
function stepTo(child: number, called: readonly number[], below: string): { own: string; below: string } {
  if (called.length === 1) return { own: below, below };
  const last = child === called[called.length - 1];
  return { own: `${below}${last ? '└ ' : '├ '}`, below: `${below}${last ? '  ' : '│ '}` };
}
