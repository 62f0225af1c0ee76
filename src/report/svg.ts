// The profiles of a report as one flame graph: an SVG file that can be read as it is, and zoomed and searched in a browser.
import type { CallTree, Columns, Measure, Timeline } from '../model/profile.ts';
import type { ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import { sumOf } from '../model/profile-tables.ts';
import type { Report } from '../model/report.ts';
import { roomForNumbers } from '../model/row-table.ts';
import { boxMarkup, curveMarkup, rowHeight, svgText } from './flame-svg.ts';
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
  outsideTree,
  placeName,
  programText,
} from './html-page/profile-words.ts';
import { profilesOf, sumTrees } from './profile-export.ts';
import type { Reporter } from './reporter.ts';
import { sentence } from './sentence.ts';
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
 * @throws UserError (125) at once when there is no profile.
 */
function renderSvg(report: Report): Iterable<string> {
  return drawingMarkup(report, drawingOf(profilesOf(report, 'svg')));
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
  const said = wrapped([
    ...notes,
    ...(layout.left === 0
      ? []
      : [
          `${layout.left === 1 ? 'One call is' : `${layout.left} calls are`} narrower than ${Number(least.toFixed(2))} pixels and left out with all below; the widths of their callers include them.`,
        ]),
  ]);
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
<title id="title">${svgText(title)}</title>
<desc>Made by vgrun ${svgText(report.vgrun)}. A box is a call; its width is what was spent in it and in all that it called. Callers are below.</desc>
<style>${svgText(style).replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'")}</style>
<rect class="ground" width="100%" height="100%"/>
<text class="title" x="${margin}" y="26">${svgText(cut(title, 80))}</text>
<text class="quiet" x="${margin}" y="46">${svgText(`${exactAmount(total, measure.unit)}${change}`)}</text>
`;
  for (const [index, note] of said.entries()) {
    yield `<text class="quiet" x="${margin}" y="${63 + index * 17}">${svgText(note)}</text>\n`;
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

/** Lines of at most about 160 characters. What is doubtful is said to its end; of an endless text the beginning. */
function wrapped(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => {
    const lines: string[] = [];
    let line = '';
    for (const word of harmless(cut(text, 4_000)).split(' ')) {
      if (line !== '' && line.length + word.length > 160) {
        lines.push(line);
        line = '';
      }
      line = line === '' ? cut(word, 160) : `${line} ${cut(word, 160)}`;
    }
    return [...lines, line];
  });
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

/** Everything that has the measure of the first profile; processes and threads as outermost boxes. */
function drawingOf(profiles: readonly ReportProfile[]): Drawing {
  const drawn = profiles.map((profile) => ({ profile, ...treesOf(profile) }));
  const first = (drawn.find(({ trees }) => trees.length > 0) ?? drawn[0]) as (typeof drawn)[number];
  const measure = first.profile.measures[first.profile.primary] ?? nothing;
  const alike = drawn.filter(
    ({ profile: { measures }, trees }) =>
      trees.length > 0 && measures.some(({ name }) => name === measure.name),
  );
  const frames: ReportProfileFrame[] = [];
  const sources: TreeSource[] = [];
  const notes = new Set<string>();
  for (const { profile, frames: own, trees, flat } of alike) {
    const start = frames.length;
    for (const frame of own) frames.push(frame);
    const column = profile.measures.findIndex(({ name }) => name === measure.name);
    for (const [index, { tree, before }] of trees.entries()) {
      const roots = [
        ...(alike.length > 1 ? [programText(profile)] : []),
        ...(trees.length > 1 ? [threadText(tree, index)] : []),
      ].map((sum) => frames.push({ sum, owner: 'system', ownerReason: '' }) - 1);
      // Where the other run lacks the measure its columns mean nothing.
      const known = (profile.before?.totals[column] ?? null) !== null;
      sources.push(rooted(tree, known ? before : undefined, column, start, roots));
      if (tree.inferred !== undefined) notes.add(`This tree is inferred. ${sentence(tree.inferred)}`);
    }
    if (flat)
      notes.add('No calls were recorded: functions stand side by side, each with what it spent itself.');
    if (!profile.complete) notes.add('The profile is not complete: there may be more than it says.');
  }
  if (alike.length === 0) notes.add('Nothing was spent, or nothing was seen.');
  const left = profiles.length - alike.length;
  if (left > 0 && alike.length > 0) {
    notes.add(
      `${left === 1 ? 'One profile is' : `${left} profiles are`} left out: empty, or of another measure.`,
    );
  }
  const { timeline, before } = first.profile;
  if (timeline !== undefined && alike.length > 0 && !first.flat) {
    const snapshot = timeline.snapshots[firstSnapshot(timeline)];
    if (snapshot !== undefined) {
      notes.add(
        `The calls are those of snapshot ${snapshot.number}${snapshot.kind === 'peak' ? ', the peak' : ''}. ${outsideTree(timeline, snapshot)}`.trimEnd(),
      );
    }
  }
  return {
    title: alike.length > 1 ? `${alike.length} processes` : programText(first.profile),
    measure,
    frames,
    sources,
    side: 'after',
    ...(timeline && alike.length < 2 && timeline.snapshots.length > 1 && { timeline }),
    ...(before?.timeline && { before: before.timeline }),
    notes: [...notes],
  };
}

const nothing: Measure = { name: 'events', title: 'events', unit: 'events' };

interface ProfileTrees {
  readonly frames: readonly ReportProfileFrame[];
  readonly trees: readonly TreeSource[];
  /** There are no calls, only functions. */
  readonly flat: boolean;
}

/** Trees with something in them; of a time line only the one of its peak, because snapshots do not add up. */
function treesOf(profile: ReportProfile): ProfileTrees {
  const { trees, frames, timeline, before, primary, functions } = profile;
  const isFilled = ({ values }: CallTree): boolean => sumOf(values[primary] ?? []) > 0;
  const peak = timeline?.snapshots[firstSnapshot(timeline)]?.tree;
  const filled = trees.flatMap((tree, index) =>
    isFilled(tree) && (timeline === undefined || index === peak)
      ? [{ tree, before: before?.trees[index] ?? undefined }]
      : [],
  );
  if (filled.length > 0 || trees.length > 0) return { frames, trees: filled, flat: false };
  const flat = sumTrees(profile);
  return {
    frames: flat.frames,
    trees: flat.trees
      .filter(isFilled)
      .map((tree) => ({ tree, before: flat.frames === functions ? before?.costs.self : undefined })),
    flat: functions.length > 0,
  };
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
  if (shift === 0 && start === 0) {
    return {
      tree: { ...tree, values: [tree.values[column] ?? []] },
      ...(before && { before: [before[column] ?? []] }),
    };
  }
  const rows = shift + tree.parents.length;
  const parents = roomForNumbers(rows);
  const frames = roomForNumbers(rows);
  for (const [index, frame] of roots.entries()) {
    parents[index] = index - 1;
    frames[index] = frame;
  }
  for (let row = 0; row < tree.parents.length; row++) {
    const parent = tree.parents[row] as number;
    parents[shift + row] = parent < 0 ? shift - 1 : parent + shift;
    frames[shift + row] = (tree.frames[row] as number) + start;
  }
  const shifted = (values: readonly number[] = []): number[] => {
    const own = roomForNumbers(rows).fill(0);
    for (let row = 0; row < values.length; row++) own[shift + row] = values[row] as number;
    return own;
  };
  return {
    tree: { parents, frames, values: [shifted(tree.values[column])] },
    ...(before && { before: [shifted(before[column])] }),
  };
}
