// The profiles of a report as one flame graph: an SVG file that can be read as it is, and zoomed and searched in a browser.
import { UserError } from '../errors.ts';
import type { CallTree, Columns, Measure, Timeline } from '../model/profile.ts';
import type { ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import { sumOf } from '../model/profile-tables.ts';
import type { Report } from '../model/report.ts';
import { boxMarkup, curveMarkup, escapeXml, rowHeight } from './flame-svg.ts';
import { firstSnapshot } from './html-page/curve.ts';
import { script, style } from './html-page/drawing.tsx?page';
import {
  callKind,
  flameTree,
  groupFrames,
  type Look,
  layOutFlame,
  type TreeSource,
} from './html-page/flame-tree.ts';
import {
  changeText,
  exactAmount,
  kindWords,
  measureText,
  placeName,
  programText,
} from './html-page/profile-words.ts';
import type { Reporter } from './reporter.ts';
import { harmless } from './terminal-text.ts';

/** `--report=svg=FILE`. */
export const svg: Reporter = { name: 'svg', render: renderSvg };

/** Units of the drawing; it is scaled to the width of its window. */
const width = 1200;
const margin = 12;
/** What is narrower has no box. */
const leastPixels = 0.1;
/** Of more a browser makes slow work; what is narrow is left out then. */
const mostBoxes = 25_000;
const curveHeight = 150;

/**
 * Draws the first measure that a reader looks at, of all processes and threads that have it.
 * @throws UserError (125) at once when there is no call tree.
 */
function renderSvg(report: Report): Iterable<string> {
  const drawing = drawingOf(report.profiles ?? []);
  if (drawing === undefined) {
    throw new UserError(
      report.profiles === undefined
        ? 'this report has no profile that svg could draw'
        : 'the profiles of this report have no calls that svg could draw',
      'svg is for tools that record where something was spent, such as massif, dhat, callgrind and perf',
    );
  }
  return drawingMarkup(report, drawing);
}

function* drawingMarkup(report: Report, drawing: Drawing): Generator<string> {
  const { sources, frames, measure, side, timeline, before, notes } = drawing;
  const groups = groupFrames(frames, false);
  const tree = flameTree(sources, groups, frames, 1);
  const differences = tree.compared;
  const look: Look = {
    measure: 0,
    order: 'heavy',
    side,
    names: groups.frames.map((frame) => harmless(placeName(frame))),
  };
  const inner = width - 2 * margin;
  let least = leastPixels;
  let layout = layOutFlame(tree, 0, look, least / inner);
  while (layout.boxes.length > mostBoxes) {
    least *= 1.5;
    layout = layOutFlame(tree, 0, look, least / inner);
  }
  const total = tree.total(0, 0, side);
  const said = [
    ...notes,
    ...(layout.left === 0
      ? []
      : [
          `${layout.left === 1 ? 'One call is' : `${layout.left} calls are`} narrower than ${Number(least.toFixed(2))} pixels and left out with all below; the widths of their callers include them.`,
        ]),
  ];
  const curveTop = 58 + said.length * 17;
  const flameTop = timeline === undefined ? curveTop : curveTop + curveHeight + 40;
  const bottom = flameTop + layout.depth * rowHeight;
  const height = bottom + 62;
  const title = `${drawing.title}: ${measureText(measure)}`;
  const change = differences
    ? `; before ${exactAmount(tree.total(0, 0, 'before'), measure.unit)} (${changeText(tree.total(0, 0, 'before'), total)})`
    : '';
  yield `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" version="1.1" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">${escapeXml(title)}</title>
<desc>Made by vgrun ${escapeXml(report.vgrun)}. A box is a call; its width is what was spent in it and in all that it called. Callers are below.</desc>
<style>${escapeXml(style).replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'")}</style>
<rect class="ground" width="100%" height="100%"/>
<text class="title" x="${margin}" y="26">${escapeXml(cut(title, 100))}</text>
<text class="quiet" x="${margin}" y="46">${escapeXml(`${exactAmount(total, measure.unit)}${change}`)}</text>
`;
  for (const [index, note] of said.entries()) {
    yield `<text class="quiet" x="${margin}" y="${63 + index * 17}">${escapeXml(cut(note, 170))}</text>\n`;
  }
  if (timeline !== undefined) {
    yield '<g class="curve">\n';
    yield* curveMarkup(timeline, before, {
      left: margin + 66,
      top: curveTop + 8,
      width: inner - 66,
      height: curveHeight,
    });
    yield '</g>\n';
  }
  yield `<g id="boxes" data-left="${margin}" data-width="${inner}">\n`;
  yield* boxMarkup(
    {
      tree,
      frames,
      look,
      unit: measure.unit,
      differences,
      left: margin,
      width: inner,
      bottom,
      exact: true,
    },
    layout.boxes,
  );
  yield `</g>\n<text id="details" class="quiet" x="${margin}" y="${bottom + 22}"/>\n`;
  yield* legendMarkup(groups.frames, differences, bottom + 48);
  yield `<g id="controls"/>\n<script>//<![CDATA[\n${script.replaceAll(']]>', ']] >')}\n//]]></script>\n</svg>\n`;
}

function* legendMarkup(
  frames: readonly ReportProfileFrame[],
  differences: boolean,
  y: number,
): Generator<string> {
  const kinds = new Set(frames.map(callKind));
  const entries: readonly (readonly [kind: string, words: string])[] = differences
    ? [
        ['grew-4', 'grew'],
        ['same', 'same'],
        ['shrank-4', 'shrank'],
      ]
    : Object.entries(kindWords).filter(
        ([kind]) => kind !== 'sum' && kinds.has(kind as keyof typeof kindWords),
      );
  let x = margin;
  for (const [kind, words] of entries) {
    yield `<g class="legend f ${kind}"><rect x="${x}" y="${y - 11}" width="14" height="13" rx="2"/><text x="${x + 20}" y="${y}">${words}</text></g>\n`;
    x += 44 + words.length * 7.3;
  }
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** What is drawn: trees of one measure over one table of frames. */
interface Drawing {
  readonly title: string;
  readonly measure: Measure;
  readonly frames: readonly ReportProfileFrame[];
  readonly sources: readonly TreeSource[];
  readonly side: 'after';
  readonly timeline?: Timeline;
  readonly before?: Timeline;
  readonly notes: readonly string[];
}

/** Everything that has the measure of the first profile with a tree; processes and threads as outermost boxes. */
function drawingOf(profiles: readonly ReportProfile[]): Drawing | undefined {
  const drawn = profiles.filter((profile) => treesOf(profile).length > 0);
  const [first] = drawn;
  const measure = first?.measures[first.primary];
  if (first === undefined || measure === undefined) return undefined;
  const alike = drawn.filter(({ measures }) => measures.some(({ name }) => name === measure.name));
  const frames: ReportProfileFrame[] = [];
  const sources: TreeSource[] = [];
  const notes = new Set<string>();
  for (const profile of alike) {
    const start = frames.length;
    for (const frame of profile.frames) frames.push(frame);
    const column = profile.measures.findIndex(({ name }) => name === measure.name);
    const trees = treesOf(profile);
    for (const index of trees) {
      const tree = profile.trees[index] as CallTree;
      const roots = [
        ...(alike.length > 1 ? [programText(profile)] : []),
        ...(trees.length > 1 ? [threadText(tree, index)] : []),
      ].map((sum) => frames.push({ sum, owner: 'system', ownerReason: '' }) - 1);
      sources.push(rooted(tree, beforeOf(profile, column, index), column, start, roots));
      if (tree.inferred !== undefined) notes.add(`This tree is inferred: ${tree.inferred}.`);
    }
    if (!profile.complete) notes.add('The profile is not complete: there may be more than it says.');
  }
  const left = profiles.length - alike.length;
  if (left > 0) {
    notes.add(
      `${left === 1 ? 'One profile is' : `${left} profiles are`} left out: no call paths, or another measure.`,
    );
  }
  const { timeline, before } = first;
  if (timeline !== undefined) {
    const snapshot = timeline.snapshots[firstSnapshot(timeline)];
    if (snapshot !== undefined) {
      notes.add(
        `The calls are those of snapshot ${snapshot.number}${snapshot.kind === 'peak' ? ', the peak' : ''}.`,
      );
    }
  }
  return {
    title: alike.length > 1 ? `${alike.length} processes` : programText(first),
    measure,
    frames,
    sources,
    side: 'after',
    ...(timeline && alike.length === 1 && timeline.snapshots.length > 1 && { timeline }),
    ...(before?.timeline && { before: before.timeline }),
    notes: [...notes],
  };
}

/** Values of the run before, where it has the tree and the measure. */
function beforeOf({ before }: ReportProfile, column: number, tree: number): Columns | undefined {
  const known = before?.totals[column] ?? null;
  return known === null ? undefined : (before?.trees[tree] ?? undefined);
}

/** Trees with something in them; of a time line only the one of its peak, because snapshots do not add up. */
function treesOf({ trees, timeline, measures, primary }: ReportProfile): readonly number[] {
  const filled = trees.flatMap(({ values }, index) =>
    measures[primary] !== undefined && sumOf(values[primary] ?? []) > 0 ? [index] : [],
  );
  if (timeline === undefined) return filled;
  const peak = timeline.snapshots[firstSnapshot(timeline)]?.tree;
  return peak !== undefined && filled.includes(peak) ? [peak] : filled.slice(0, 1);
}

function threadText({ name, tid }: CallTree, index: number): string {
  if (name === undefined) return tid === undefined ? `tree ${index + 1}` : `thread ${tid}`;
  return tid === undefined ? name : `${name}, thread ${tid}`;
}

/** The tree with one measure, its frames `start` further on, below a chain of new roots. */
function rooted(
  tree: CallTree,
  before: Columns | undefined,
  column: number,
  start: number,
  roots: readonly number[],
): TreeSource {
  const shift = roots.length;
  const zeros = roots.map(() => 0);
  return {
    tree: {
      parents: [
        ...roots.map((_, index) => index - 1),
        ...tree.parents.map((parent) => (parent < 0 ? shift - 1 : parent + shift)),
      ],
      frames: [...roots, ...tree.frames.map((frame) => frame + start)],
      values: [[...zeros, ...(tree.values[column] ?? [])]],
    },
    ...(before && { before: [[...zeros, ...(before[column] ?? [])]] }),
  };
}
