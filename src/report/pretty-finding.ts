// One finding as a block of lines, in three sizes.
import type { Finding, ReportFrame, ReportStack } from '../model/report.ts';
import type { Replay } from '../model/request.ts';
import { costOf, headline, pardons, witnessNames, witnessText } from './finding-text.ts';
import { shortShares } from './html-page/request-words.ts';
import { functionName, type Ink } from './pretty-ink.ts';
import { clip, cut, grouped, harmless, widthOf, wrap } from './terminal-text.ts';

/**
 * `full`: source and stacks; `medium`: one line for each stack; `brief`: what, where, the other places and the advice,
 * a row each; `terse`: what and where, two rows.
 */
export type Detail = 'full' | 'medium' | 'brief' | 'terse';

/** How to lay out one finding. */
export interface FindingForm {
  readonly detail: Detail;
  /** Say what the kind means and what to do; for the first finding of a kind. */
  readonly explain: boolean;
  /** Print the suppression block that the tool made for it. */
  readonly suppression: boolean;
  /** Named after the place when others are blamed at the same one. */
  readonly caller: ReportFrame | undefined;
  /** Of a replay: says which requests the finding comes from. */
  readonly replay: Replay | undefined;
  /** The stacks of its threads follow, with all that is known of that moment. */
  readonly isStop: boolean;
}

/**
 * Lays out a finding: what and what it costs, where in my code, the source, the stacks, what it means and what to do.
 */
export function* findingLines(
  finding: Finding,
  number: number,
  form: FindingForm,
  ink: Ink,
): Generator<string> {
  const indent = ' '.repeat(String(number).length + 1);
  let start = `${number} `;
  for (const line of bodyLines(finding, form, indent.length, ink)) {
    yield `${start}${line}`;
    start = indent;
  }
}

function* bodyLines(
  finding: Finding,
  { detail, explain, suppression, caller, replay, isStop }: FindingForm,
  indent: number,
  ink: Ink,
): Generator<string> {
  const { blamed, stacks } = finding;
  const stack = blamed && stacks[blamed.stack];
  const mine = blamed && stack?.frames[blamed.frame];
  const short = detail === 'brief' || detail === 'terse';
  const width = ink.columns - indent;
  yield headLine(finding, short ? width : Number.POSITIVE_INFINITY, ink);
  // Without a frame of mine, what the tool put in place of malloc says less than who called it.
  const first = stacks[0]?.frames.find(({ owner }) => owner !== 'tool') ?? stacks[0]?.frames[0];
  const shown = mine ?? first;
  if (shown !== undefined) {
    const called = short && caller !== undefined ? ink.dim(` ← ${ink.place(caller)}`) : '';
    const place = `${placeLine(shown, stack ?? stacks[0], mine !== undefined, ink)}${called}`;
    const code = short ? blamedCode(finding, mine, width - widthOf(place) - 4) : '';
    const line = code === '' ? place : `${place}  ${ink.dim(`│ ${code}`)}`;
    yield short ? clip(line, width) : line;
  }
  for (const text of shortShares(finding, replay, short ? 1 : 3, width).slice(0, short ? 1 : 4)) {
    yield clip(harmless(text), width);
  }
  if (detail === 'terse') {
    const names = witnessNames(finding);
    if (names !== '') yield ink.dim(clip(harmless(names), width));
    if (suppression) yield* suppressionBlock(finding);
    return;
  }
  yield* variantLines(finding, detail, width, ink);
  yield* witnessLines(finding, detail, width, ink);
  yield* childLines(finding, width, ink);
  if (!short && mine !== undefined) yield* excerptLines(finding, mine, detail, ink);
  if (isStop && !short) for (const text of finding.details) yield* wrap(harmless(text), width);
  else if (detail === 'full') yield* fullStackLines(finding, ink);
  else if (detail === 'medium') yield* chainLines(finding, ink);
  else yield* otherPlaces(finding, width, ink);
  if (suppression) yield* suppressionBlock(finding);
  if (!explain) return;
  if (!short && finding.meaning !== undefined) yield* wrap(harmless(finding.meaning), width - 4);
  if (finding.advice !== undefined) {
    const [start = '', ...rest] = wrap(harmless(finding.advice), width - 4);
    yield `→ ${start}`;
    yield* rest.map((line) => `  ${line}`);
  }
}

/** What, what it costs, and its names; at most `width` columns: first the rule gives way, then the sentence. */
function headLine(finding: Finding, width: number, ink: Ink): string {
  const start = `${ink.severity(finding.severity)}  `;
  const cost = costOf(finding);
  const rest = `${cost === '' ? '' : `, ${cost}`}${remark(finding, ink)}`;
  const text = harmless(headline(finding));
  const whole = `${start}${ink.bold(text)}${rest}  ${ink.dim(`${harmless(finding.rule)} ${finding.id}`)}`;
  if (widthOf(whole) <= width) return whole;
  const room = width - widthOf(start) - widthOf(rest) - finding.id.length - 2;
  return `${start}${ink.bold(clip(text, Math.max(10, room)))}${rest}  ${ink.dim(finding.id)}`;
}

/** Why it does not fail the run, and how it stands against what it is compared with. */
function remark({ failing, pardon, standing, before, leak }: Finding, ink: Ink): string {
  const marks: string[] = [];
  if (standing === 'new') marks.push('new');
  if (standing === 'changed' && before?.bytes !== undefined && leak !== undefined) {
    marks.push(`was ${grouped(before.bytes)} in ${grouped(before.blocks ?? 0)}`);
  }
  if (pardon !== undefined) marks.push(pardons[pardon]);
  else if (!failing) marks.push('not counted as an error');
  return marks.length === 0 ? '' : ink.dim(` (${marks.join(', ')})`);
}

/** What else was said at this place: the sentence above is true of one occurrence only. */
function* variantLines(
  { alsoSeen = [] }: Finding,
  detail: Detail,
  width: number,
  ink: Ink,
): Generator<string> {
  if (detail === 'full') for (const text of alsoSeen) yield* wrap(harmless(`also: ${text}`), width);
  else if (alsoSeen.length > 0) yield ink.dim(clip(harmless(`also: ${alsoSeen.join(' · ')}`), width));
}

/** What other instruments say of it; where room is short, in one line. */
function* witnessLines(
  { witnesses = [] }: Finding,
  detail: Detail,
  width: number,
  ink: Ink,
): Generator<string> {
  const texts = witnesses.map(witnessText);
  if (detail === 'full') for (const text of texts) yield* wrap(harmless(`also seen by ${text}`), width);
  else if (texts.length > 0) yield ink.dim(clip(harmless(`also seen by ${texts.join(' · ')}`), width));
}

/** As the tool printed it, to be pasted into a file of suppressions. */
function* suppressionBlock({ suppression = '' }: Finding): Generator<string> {
  if (suppression !== '') yield* suppression.trimEnd().split(/\r?\n/).map(harmless);
}

/** Forked children that report as much as their parent: nobody can tell whether they lost it themselves. */
function* childLines({ seenIn }: Finding, width: number, ink: Ink): Generator<string> {
  const copies = seenIn.filter(({ inherited }) => inherited);
  const children = new Set(copies.map(({ pid, launch = 0 }) => `${launch} ${pid}`)).size;
  if (children === 0) return;
  const who = children === 1 ? '1 forked child reports' : `${grouped(children)} forked children report`;
  const whose =
    children === 1 ? 'inherited from its parent or its own' : 'inherited from their parent or their own';
  yield ink.dim(clip(`${who} the same, ${whose}`, width));
}

/** Where in my code. When no frame is mine, the innermost one, and it says so. */
function placeLine(frame: ReportFrame, stack: ReportStack | undefined, mine: boolean, ink: Ink): string {
  const label = stack === undefined || stack.label === 'at' ? '' : `${stack.label} `;
  return `${ink.dim(label)}${ink.place(frame)}${mine ? '' : ink.dim(' (no frame is in your code)')}`;
}

/** The blamed source line, when a readable piece of it fits. */
function blamedCode(finding: Finding, mine: ReportFrame | undefined, room: number): string {
  if (finding.excerpt === undefined || mine?.line === undefined || room < 20) return '';
  return codeLine(finding.excerpt.lines[mine.line - finding.excerpt.firstLine] ?? '', room).trimStart();
}

function codeLine(raw: string, room: number): string {
  const text = harmless(raw.replaceAll('\t', '    ').trimEnd());
  return cut(text, room);
}

function* excerptLines(finding: Finding, mine: ReportFrame, detail: Detail, ink: Ink): Generator<string> {
  const { excerpt } = finding;
  if (excerpt === undefined || mine.line === undefined) return;
  const last = excerpt.firstLine + excerpt.lines.length - 1;
  const room = Math.max(20, ink.columns - String(last).length - 10);
  for (const [index, raw] of excerpt.lines.entries()) {
    const line = excerpt.firstLine + index;
    const here = line === mine.line;
    if (!here && detail !== 'full') continue;
    const cut = codeLine(raw, room);
    const number = String(line).padStart(String(last).length);
    yield here ? `${ink.red('>')} ${number} │ ${cut}` : ink.dim(`  ${number} │ ${cut}`);
  }
}

function* fullStackLines(finding: Finding, ink: Ink): Generator<string> {
  for (const detail of finding.details) yield harmless(detail);
  for (const [index, stack] of finding.stacks.entries()) {
    const frames: readonly (ReportFrame | '…')[] = ink.fullStacks ? stack.frames : shorten(stack.frames);
    // The place above says it all when nothing of the stack but the blamed frame is left.
    const only = frames.length === 1 && finding.blamed?.stack === index && frames[0] !== '…';
    if (only && index === 0 && stack.text === undefined && !ink.fullStacks) continue;
    if (frames.length === 0 && stack.text === undefined) continue;
    yield `${harmless(stack.text ?? stack.label)}${stack.text === undefined ? '' : ':'}`;
    for (const frame of frames) yield `  ${frame === '…' ? ink.dim('…') : frameLine(frame, ink)}`;
  }
}

function frameLine(frame: ReportFrame, ink: Ink): string {
  const source = ink.source(frame);
  // A declaration is a place without a function: `declared at race.c:2`.
  if (source !== undefined && frame.function === undefined && frame.ip === undefined) return source;
  // Where the tool keeps its own malloc helps nobody.
  const bare = frame.owner === 'tool' && frame.function !== undefined && !ink.fullStacks;
  const where = bare ? '' : (source ?? (frame.object === undefined ? '' : harmless(frame.object)));
  const line = `${functionName(frame)}${where === '' ? '' : `  ${where}`}${frame.inlined === true ? '  (inlined)' : ''}`;
  return frame.owner === 'mine' ? line : ink.dim(line);
}

/** `list_pop() list.c:42 ← main() main.c:10`, one line for each stack, and the tool's sentences. */
function* chainLines({ stacks, details }: Finding, ink: Ink): Generator<string> {
  const [first, ...others] = stacks;
  const chain = shortChain(first?.frames ?? [], ink);
  if (chain.includes(' ← ')) yield ink.dim(chain);
  for (const text of details.slice(0, 3)) yield ink.dim(withoutAddress(text));
  for (const stack of others.filter(isNoThread).slice(0, 3)) {
    yield ink.dim(`${titleOf(stack)}${joined(shortChain(stack.frames, ink))}`);
  }
}

/** The first of the tool's sentences, and the first place besides the blamed one, in a row. */
function* otherPlaces({ stacks, details }: Finding, width: number, ink: Ink): Generator<string> {
  const parts = details.slice(0, 1).map(withoutAddress);
  for (const stack of stacks.slice(1).filter(isNoThread).slice(0, 1)) {
    const frame = stack.frames.find(({ owner }) => owner === 'mine') ?? shorten(stack.frames)[0];
    const place = frame === undefined || frame === '…' ? '' : (ink.source(frame) ?? functionName(frame));
    parts.push(`${titleOf(stack)}${joined(place)}`);
  }
  if (parts.length > 0) yield clip(ink.dim(parts.join(' · ')), width);
}

const isNoThread = ({ label }: ReportStack): boolean => label !== 'thread created at';

function titleOf({ label, text }: ReportStack): string {
  return text === undefined ? label : withoutAddress(text);
}

function joined(place: string): string {
  return place === '' ? '' : `: ${place}`;
}

// `Address 0x4a4004a is 0 bytes after a block of size 10 alloc'd`
function withoutAddress(text: string): string {
  return harmless(text.replace(/^Address 0x[0-9A-Fa-f]+ is /, ''));
}

function shortChain(frames: readonly ReportFrame[], ink: Ink): string {
  return shorten(frames)
    .map((frame) => {
      if (frame === '…') return '…';
      const named = frame.owner !== 'tool' && frame.path !== undefined;
      const source = named ? frame.path.slice(frame.path.lastIndexOf('/') + 1) : undefined;
      const line = frame.line === undefined ? '' : `:${frame.line}`;
      return `${functionName(frame)}${source === undefined ? '' : ` ${harmless(source)}${line}`}`;
    })
    .slice(0, Math.max(2, Math.floor(ink.columns / 25)))
    .join(' ← ');
}

/**
 * What matters of a stack: my frames, and above each run of them the one frame of a library that my code called.
 * Of many of mine the first three and the last; with none of mine, the first three frames. Nameless frames of the
 * tool, which stand between the program and libc under helgrind and drd, say nothing at all.
 */
function shorten(all: readonly ReportFrame[]): readonly (ReportFrame | '…')[] {
  const frames = all.filter(({ owner, function: name }) => owner !== 'tool' || name !== undefined);
  const kept = frames.filter((frame, index) => frame.owner === 'mine' || frames[index + 1]?.owner === 'mine');
  if (kept.length === 0) return frames.length <= 3 ? frames : [...frames.slice(0, 3), '…'];
  if (kept.length <= 6) return kept;
  return [...kept.slice(0, 4), '…', ...kept.slice(-1)];
}
