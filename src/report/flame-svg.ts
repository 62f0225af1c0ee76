// Boxes and curves as SVG markup: for the drawing that stands alone and for the part of the HTML report without a script.
import type { Timeline, Unit } from '../model/profile.ts';
import type { ReportProfileFrame } from '../model/profile-report.ts';
import { curveOf, type Frame } from './html-page/curve.ts';
import { callKind, changeOf, type FlameBox, type FlameTree, type Look } from './html-page/flame-tree.ts';
import {
  changeText,
  exactAmount,
  fittedName,
  kindWords,
  percentText,
  placeSource,
  shortAmount,
} from './html-page/profile-words.ts';
import { harmless } from './terminal-text.ts';

/** Pixels of a row of boxes. */
export const rowHeight = 18;

/** Pixels of a character of the font that texts in boxes have: 12 pixels high, one width. */
const character = 7.23;

/** What a drawing of boxes is made of. */
export interface Picture {
  readonly tree: FlameTree;
  readonly frames: readonly ReportProfileFrame[];
  readonly look: Look;
  readonly unit: Unit;
  /** Colours by what changed. */
  readonly differences: boolean;
  /** Pixels. */
  readonly left: number;
  readonly width: number;
  /** Lower edge of the first row; the others burn up from it. */
  readonly bottom: number;
  /** Numbers for the script that zooms. */
  readonly exact: boolean;
}

// U+FFFE and U+FFFF are no characters of XML; `harmless` has made the others visible.
const noXml = /[\ufffe\uffff]/g;

/** Text for XML and HTML: harmless to read, and no markup. */
export function escapeXml(text: string): string {
  return harmless(text)
    .replace(noXml, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** The same, and no command to a CI system that prints it: `##[group]`. */
export function svgText(text: string): string {
  return escapeXml(text).replace(/#(?=#(?:vso|teamcity)?\[)/gi, '\\x23');
}

/** A group for each box: its title, its rectangle, and as much of the name as there is room for. */
export function* boxMarkup(picture: Picture, boxes: readonly FlameBox[]): Generator<string> {
  for (const box of boxes) yield oneBox(picture, box);
}

function oneBox(picture: Picture, { node, left, width, depth }: FlameBox): string {
  const { tree, frames, look, unit, differences, bottom, exact } = picture;
  const frame = frames[tree.frameOf(node)];
  const name = look.names[tree.groupOf(node)] ?? 'all';
  const x = picture.left + left * picture.width;
  const y = bottom - (depth + 1) * rowHeight;
  const pixels = width * picture.width;
  const amount = tree.total(node, look.measure, look.side);
  const change = differences
    ? changeText(tree.total(node, look.measure, 'before'), tree.total(node, look.measure, 'after'))
    : undefined;
  const short = change ?? shortAmount(amount, unit);
  const room = Math.floor((pixels - 8) / character);
  const text =
    room < 3
      ? ''
      : `<text x="${rounded(x + 4)}" y="${y + 13}">${svgText(fittedName(visible(name), short, room))}</text>`;
  const place = exact
    ? ` data-x="${precise(left)}" data-w="${precise(width)}" data-d="${depth}" data-a="${svgText(short)}"`
    : '';
  const inlined = frame?.inlined === true ? ' inlined' : '';
  return `<g class="f ${callKind(frame)}${inlined}${differences ? ` ${changeClass(picture, node)}` : ''}"${place}><title>${svgText(visible(name))}\n${svgText(factsOf(picture, node, amount, change, frame))}</title><rect x="${rounded(x)}" y="${y}" width="${rounded(Math.max(0.1, pixels - (pixels > 3 ? 0.6 : 0)))}" height="${rowHeight - 1}" rx="1"/>${text}</g>\n`;
}

/** A name of thousands of characters would be most of the file, and in no box is room for it. */
function visible(name: string): string {
  return name.length > 600 ? `${name.slice(0, 600)}…` : name;
}

function factsOf(
  { tree, look, unit }: Picture,
  node: number,
  amount: number,
  change: string | undefined,
  frame: ReportProfileFrame | undefined,
): string {
  const facts = [
    `${exactAmount(amount, unit)}, ${percentText(amount, tree.total(0, look.measure, look.side))}`,
  ];
  if (change !== undefined) {
    facts.push(`before ${exactAmount(tree.total(node, look.measure, 'before'), unit)} (${change})`);
  }
  if (frame === undefined || frame.sum !== undefined) return facts.join('; ');
  const source = placeSource(frame, tree.isMixed(node));
  const kind = callKind(frame);
  if (source !== '') facts.push(visible(source));
  if (kind !== 'all') facts.push(kindWords[kind]);
  if (frame.inlined === true) facts.push('inlined');
  return facts.join('; ');
}

/** `grew-3`: how much in four steps. */
function changeClass({ tree, look: { measure } }: Picture, node: number): string {
  const change = changeOf(tree.total(node, measure, 'before'), tree.total(node, measure, 'after'));
  if (change === 0) return 'same';
  const step = Math.min(4, Math.ceil(Math.abs(change) * 6));
  return `${change > 0 ? 'grew' : 'shrank'}-${step}`;
}

/** The curve of a time line with its axes. */
export function* curveMarkup(
  timeline: Timeline,
  before: Timeline | undefined,
  frame: Frame,
): Generator<string> {
  const { series, clock } = timeline;
  const curve = curveOf(timeline, before, frame);
  const unit = series[0]?.unit ?? 'bytes';
  const right = frame.left + frame.width;
  const bottom = frame.top + frame.height;
  for (const { value, at } of curve.yTicks) {
    yield `<line class="grid" x1="${frame.left}" x2="${right}" y1="${at}" y2="${at}"/><text class="tick end" x="${frame.left - 6}" y="${at + 4}">${svgText(shortAmount(value, unit))}</text>\n`;
  }
  for (const [index, area] of curve.areas.entries())
    yield `<path class="area series-${index % 4}" d="${area}"/>\n`;
  for (const edge of curve.edges) yield `<path class="edge" d="${edge}"/>\n`;
  if (curve.before !== undefined) yield `<path class="old" d="${curve.before}"/>\n`;
  yield `<line class="axis" x1="${frame.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>\n`;
  for (const { value, at } of curve.xTicks) {
    yield `<text class="tick ${at > right - 20 ? 'end' : 'middle'}" x="${at}" y="${bottom + 15}">${svgText(shortAmount(value, clock))}</text>\n`;
  }
}

function rounded(pixels: number): number {
  return Math.round(pixels * 100) / 100;
}

function precise(fraction: number): number {
  return Number(fraction.toPrecision(9));
}
