// Profiles in the part of the HTML report that needs no script: the most expensive functions, and a small drawing.
import type { ReportProfile } from '../model/profile-report.ts';
import { boxMarkup, escapeXml, rowHeight } from './flame-svg.ts';
import { firstSnapshot } from './html-page/curve.ts';
import { flameTree, groupFrames, type Look, layOutFlame } from './html-page/flame-tree.ts';
import {
  briefSource,
  cellAmount,
  changeText,
  exactAmount,
  exactNumber,
  measureText,
  percentText,
  placeName,
  programText,
} from './html-page/profile-words.ts';
import { sentence } from './sentence.ts';
import { grouped, harmless, plural } from './terminal-text.ts';

const mostProfiles = 5;
const mostFunctions = 10;
/** A drawing of more boxes is none that a short form needs: what is narrower is left out then. */
const mostBoxes = 400;
const width = 1000;

/** A section for each of the first profiles. */
export function* profilesMarkup(profiles: readonly ReportProfile[]): Generator<string> {
  for (const [number, profile] of profiles.slice(0, mostProfiles).entries()) {
    yield* profileMarkup(profile, number);
  }
  const left = profiles.length - mostProfiles;
  if (left > 0) yield `<p>… and ${grouped(left)} more ${plural(left, 'profile')}.</p>\n`;
}

function* profileMarkup(profile: ReportProfile, number: number): Generator<string> {
  const { measures, primary, totals, before, complete } = profile;
  const measure = measures[primary];
  if (measure === undefined) return;
  const total = totals[primary] ?? 0;
  const isTime = measure.unit === 'ns' || measure.unit === 'ms';
  const old = before?.totals[primary];
  const change =
    old === undefined || old === null
      ? ''
      : `, before ${exactAmount(old, measure.unit)} (${changeText(old, total)})`;
  yield `<section class="brief" aria-labelledby="profile-${number}-title">
<h2 id="profile-${number}-title">${escapeXml(programText(profile))}: ${escapeXml(isTime ? exactAmount(total, measure.unit) : exactNumber(total))} <span class="quiet">${escapeXml(measureText(measure))}${escapeXml(change)}</span></h2>
`;
  if (!complete) yield '<p>This profile is not complete: there may be more than it says.</p>\n';
  yield* functionsMarkup(profile);
  yield* drawingMarkup(profile);
  yield '</section>\n';
}

function* functionsMarkup({
  measures,
  primary,
  totals,
  functions,
  costs,
  byInclusive,
  bySelf,
}: ReportProfile): Generator<string> {
  const unit = measures[primary]?.unit ?? 'events';
  const total = totals[primary] ?? 0;
  const self = costs.self[primary] ?? [];
  const inclusive = costs.inclusive?.[primary];
  const rows = (inclusive === undefined ? bySelf : byInclusive)
    .slice(0, mostFunctions)
    .filter((row) => ((inclusive ?? self)[row] ?? 0) > 0);
  if (rows.length === 0) return;
  yield `<table>\n<thead><tr><th scope="col">Function</th>${inclusive === undefined ? '' : '<th scope="col" class="number">Inclusive</th>'}<th scope="col" class="number">Self</th></tr></thead>\n<tbody>\n`;
  for (const row of rows) {
    const frame = functions[row];
    if (frame === undefined) continue;
    const cell = (value: number): string =>
      `<td class="number">${escapeXml(cellAmount(value, unit))} <small>${escapeXml(percentText(value, total))}</small></td>`;
    yield `<tr><th scope="row"><code>${escapeXml(placeName(frame))}</code> <span class="quiet">${escapeXml(briefSource(frame))}</span></th>${inclusive === undefined ? '' : cell(inclusive[row] ?? 0)}${cell(self[row] ?? 0)}</tr>\n`;
  }
  yield '</tbody>\n</table>\n';
}

function* drawingMarkup({
  measures,
  primary,
  trees,
  frames,
  timeline,
  before,
  program,
}: ReportProfile): Generator<string> {
  const unit = measures[primary]?.unit ?? 'events';
  const peak = timeline?.snapshots[firstSnapshot(timeline)]?.tree;
  const drawn = trees.flatMap((tree, index) =>
    tree.parents.length > 0 && (timeline === undefined || index === peak)
      ? [{ tree, before: before?.trees[index] ?? undefined }]
      : [],
  );
  if (drawn.length === 0) return;
  const groups = groupFrames(frames, false);
  const tree = flameTree(drawn, groups, frames, measures.length);
  const look: Look = {
    measure: primary,
    order: 'heavy',
    side: 'after',
    names: groups.frames.map((frame) => harmless(placeName(frame))),
  };
  let least = 1 / width;
  let layout = layOutFlame(tree, 0, look, least);
  while (layout.boxes.length > mostBoxes && least < 1) {
    least *= 2;
    layout = layOutFlame(tree, 0, look, least);
  }
  if (layout.boxes.length < 2) return;
  const inferred = drawn.find(({ tree: { inferred: why } }) => why !== undefined)?.tree.inferred;
  if (inferred !== undefined) yield `<p>This tree is inferred. ${escapeXml(sentence(inferred))}</p>\n`;
  const height = layout.depth * rowHeight;
  yield `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Flame graph of ${escapeXml(program)}">\n`;
  yield* boxMarkup(
    { tree, frames, look, unit, differences: false, left: 0, width, bottom: height, exact: false },
    layout.boxes,
  );
  yield '</svg>\n';
}
