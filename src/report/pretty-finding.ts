// One finding as a block of lines, in three sizes.
import type { Finding, ReportFrame, ReportStack } from '../model/report.ts';
import { functionName, type Ink } from './pretty-ink.ts';
import { grouped, harmless, widthOf, wrap } from './terminal-text.ts';

/** `full`: source and stacks; `medium`: one line for each stack; `brief`: two lines and the advice. */
export type Detail = 'full' | 'medium' | 'brief';

/**
 * Lays out a finding: what and what it costs, where in my code, the source, the stacks, what it means and what to do.
 * @param explain says what the kind means and what to do; for the first finding of a kind.
 */
export function* findingLines(
  finding: Finding,
  number: number,
  detail: Detail,
  explain: boolean,
  ink: Ink,
): Generator<string> {
  const indent = ' '.repeat(String(number).length + 1);
  let start = `${number} `;
  for (const line of bodyLines(finding, detail, explain, indent.length, ink)) {
    yield `${start}${line}`;
    start = indent;
  }
}

function* bodyLines(
  finding: Finding,
  detail: Detail,
  explain: boolean,
  indent: number,
  ink: Ink,
): Generator<string> {
  const { blamed, severity, stacks } = finding;
  const stack = blamed && stacks[blamed.stack];
  const mine = blamed && stack?.frames[blamed.frame];
  const cost = costOf(finding);
  const name = ink.dim(`${harmless(finding.rule)} ${finding.id}`);
  const uncounted = finding.failing ? '' : ink.dim(' (not counted as an error)');
  yield `${ink.severity(severity)}  ${ink.bold(headline(finding))}${cost === '' ? '' : `, ${cost}`}${uncounted}  ${name}`;
  const first = stacks[0]?.frames[0];
  const shown = mine ?? first;
  if (shown !== undefined) {
    const place = placeLine(shown, stack ?? stacks[0], mine !== undefined, ink);
    const code =
      detail === 'brief' ? blamedCode(finding, mine, ink.columns - indent - widthOf(place) - 5) : '';
    yield code === '' ? place : `${place}  ${ink.dim(`│ ${code}`)}`;
  }
  if (detail !== 'brief' && mine !== undefined) yield* excerptLines(finding, mine, detail, ink);
  if (detail === 'full') yield* fullStackLines(finding, ink);
  else yield* shortStackLines(finding, detail, ink);
  if (!explain) return;
  const width = ink.columns - indent - 4;
  if (detail !== 'brief' && finding.meaning !== undefined) {
    yield* wrap(harmless(finding.meaning), width);
  }
  if (finding.advice !== undefined) {
    const [start = '', ...rest] = wrap(harmless(finding.advice), width);
    yield `→ ${start}`;
    yield* rest.map((line) => `  ${line}`);
  }
}

/** A leak's sentence names one loss record of one process; what was lost over all is in the cost. */
function headline(finding: Finding): string {
  const text = finding.leak !== undefined || finding.what === '' ? finding.title : finding.what;
  return harmless(text);
}

function costOf(finding: Finding): string {
  const { leak, count, atLeast, seenIn } = finding;
  const parts: string[] = [];
  if (leak !== undefined) {
    const split =
      leak.indirectBytes > 0
        ? ` (${grouped(leak.directBytes)} direct, ${grouped(leak.indirectBytes)} indirect)`
        : '';
    parts.push(
      `${grouped(leak.bytes)}${split} bytes in ${grouped(leak.blocks)} ${plural(leak.blocks, 'block')}`,
    );
  } else if (count > 1 || atLeast) {
    parts.push(`${atLeast ? 'at least ' : ''}${grouped(count)} ${plural(count, 'time')}`);
  }
  const pids = new Set(seenIn.filter(({ inherited }) => !inherited).map(({ pid }) => pid)).size;
  if (pids > 1) parts.push(`in ${grouped(pids)} processes`);
  return parts.join(' ');
}

function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
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
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
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
    const frames = ink.fullStacks ? stack.frames : shorten(stack.frames);
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
  const where = source ?? (frame.object === undefined ? '' : harmless(frame.object));
  const line = `${functionName(frame)}${where === '' ? '' : `  ${where}`}${frame.inlined === true ? '  (inlined)' : ''}`;
  return frame.owner === 'mine' ? line : ink.dim(line);
}

/** `list_pop() list.c:42 ← main() main.c:10`, one line for each stack, and the tool's sentence about a block. */
function* shortStackLines(finding: Finding, detail: Detail, ink: Ink): Generator<string> {
  const parts: string[] = [];
  if (finding.stacks.length > 0 && detail === 'medium') {
    const chain = shortChain(finding.stacks[0]?.frames ?? [], ink);
    if (chain.includes(' ← ')) parts.push(chain);
  }
  for (const text of finding.details.slice(0, detail === 'medium' ? 3 : 1)) parts.push(withoutAddress(text));
  const others = finding.stacks.slice(1).filter(({ label }) => label !== 'thread created at');
  for (const stack of others.slice(0, detail === 'medium' ? 3 : 1)) {
    const frame = stack.frames.find(({ owner }) => owner === 'mine') ?? stack.frames[0];
    const text = stack.text === undefined ? stack.label : withoutAddress(stack.text);
    const chain =
      detail === 'medium'
        ? shortChain(stack.frames, ink)
        : frame && (ink.source(frame) ?? functionName(frame));
    parts.push(`${text}${chain === undefined || chain === '' ? '' : `: ${chain}`}`);
  }
  if (detail === 'medium') yield* parts.map((part) => ink.dim(part));
  else if (parts.length > 0) yield ink.dim(parts.join(' · '));
}

// `Address 0x4a4004a is 0 bytes after a block of size 10 alloc'd`
function withoutAddress(text: string): string {
  return harmless(text.replace(/^Address 0x[0-9A-Fa-f]+ is /, ''));
}

function shortChain(frames: readonly ReportFrame[], ink: Ink): string {
  return shorten(frames)
    .map((frame) => {
      if (frame === '…') return '…';
      const source = frame.path === undefined ? undefined : frame.path.slice(frame.path.lastIndexOf('/') + 1);
      const line = frame.line === undefined ? '' : `:${frame.line}`;
      return `${functionName(frame)}${source === undefined ? '' : ` ${harmless(source)}${line}`}`;
    })
    .slice(0, Math.max(2, Math.floor(ink.columns / 25)))
    .join(' ← ');
}

/**
 * What matters of a stack: my frames, and above each run of them the one frame of a library that my code called.
 * Of many of mine the first three and the last; with none of mine, the first three frames.
 */
function shorten(frames: readonly ReportFrame[]): readonly (ReportFrame | '…')[] {
  const kept = frames.filter((frame, index) => frame.owner === 'mine' || frames[index + 1]?.owner === 'mine');
  if (kept.length === 0) return frames.length <= 3 ? frames : [...frames.slice(0, 3), '…'];
  if (kept.length <= 6) return kept;
  return [...kept.slice(0, 4), '…', ...kept.slice(-1)];
}
