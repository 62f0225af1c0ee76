// From drafts to the findings, rules and messages of a report.
import type { FindingRecord, Severity, Stack } from '../model/finding.ts';
import type { FatalSignalRecord } from '../model/record.ts';
import type { Finding, ReportMessage, ReportStack, Rule, Sighting } from '../model/report.ts';
import type { FindingDraft, ImageDraft, MessageDraft } from './fold.ts';
import type { FrameMaker } from './frames.ts';
import type { KindFinder } from './kinds.ts';
import { leakCounts, leakIsShown } from './leak-policy.ts';
import { sumLeaks } from './leak-sum.ts';
import { blame, primaryStack } from './ownership.ts';
import { mayBeInherited, type SettledSighting } from './sightings.ts';
import { facesOf } from './witnesses.ts';

/** The instrument's own rule: every error counts, and of valgrind's leaks those that `--errors-for-leak-kinds` names. */
export function countsAsError(kind: string, image: ImageDraft): boolean {
  return leakCounts(kind, image.policy);
}

function makeStack(stack: Stack, frames: FrameMaker): ReportStack {
  const { label, text } = stack;
  return { label, ...(text !== undefined && { text }), frames: frames(stack.frames) };
}

/**
 * What all processes saw of one error: counted without what children only report again, with the frame to look at and what is
 * known of its kind.
 *
 * @param ofInterpreter it lies in an interpreter that was not asked about, and does not count.
 */
export function makeFinding(
  draft: FindingDraft,
  sightings: readonly SettledSighting[],
  ofInterpreter: boolean,
  frames: FrameMaker,
  kindOf: KindFinder,
): Finding {
  const { first, fingerprint } = draft;
  const known = kindOf(first.tool, first.kind);
  const raw = [...first.stacks, ...draft.threadStacks];
  const stacks = raw.map((stack) => makeStack(stack, frames));
  const blamed = blame(stacks, primaryStack(raw));
  const counted = sightings.filter((sighting) => !sighting.inherited);
  const leak = sumLeaks(counted.flatMap((sighting) => sighting.leak ?? []));
  const error = sightings.some(({ image }) => countsAsError(first.kind, image));
  const failing = error && !ofInterpreter;
  const shown = error || sightings.some(({ image }) => leakIsShown(first.kind, image.policy));
  const early = sightings.length > 0 && sightings.every((sighting) => sighting.early);
  const suppression = draft.suppression ?? first.suppression;
  const advice = hasOrigin(first.kind, raw)
    ? 'Initialise the value at the place shown where it was created.'
    : known?.advice;
  return {
    id: `F-${fingerprint.slice(0, 12)}`,
    fingerprint,
    ...(draft.outline !== undefined && { outline: draft.outline }),
    rule: `${first.tool}/${first.kind}`,
    tool: first.tool,
    kind: first.kind,
    severity: known?.severity ?? 'error',
    title: known?.title ?? first.kind,
    error,
    failing,
    ...(error && ofInterpreter && { pardon: 'interpreter' as const }),
    hidden: ofInterpreter || !shown,
    ...(first.thread && { thread: first.thread }),
    what: first.what,
    ...(draft.variants.size > 0 && { alsoSeen: [...draft.variants] }),
    details: [
      ...first.details,
      ...(early ? [earlyDetail] : []),
      ...sightings.flatMap(({ image }) => crashDetail(first, image) ?? []).slice(0, 1),
    ],
    stacks,
    ...(blamed && { blamed }),
    ...(first.span && { span: first.span }),
    count: counted.reduce((sum, { count }) => sum + count, 0),
    atLeast: counted.some(({ atLeast }) => atLeast) || sightings.some(mayBeInherited),
    ...(leak && { leak }),
    ...(first.access && { access: first.access }),
    ...(first.descriptor && { descriptor: first.descriptor }),
    ...(suppression !== undefined && { suppression }),
    seenIn: sightings.map(makeSighting),
    ...(known && { meaning: known.meaning }),
    ...(advice !== undefined && { advice }),
  };
}

/** What is known of the kinds that were found, each once. */
export function rulesOf(findings: readonly Finding[], kindOf: KindFinder): readonly Rule[] {
  const rules = new Map<string, Rule>();
  for (const { rule: id, tool, kind, severity, title } of findings.flatMap(facesOf)) {
    if (rules.has(id)) continue;
    const known = kindOf(tool, kind);
    rules.set(id, {
      id,
      severity,
      title,
      ...(known && { meaning: known.meaning, advice: known.advice }),
      causes: known?.causes ?? [],
      fixes: known?.fixes ?? [],
      falsePositives: known?.falsePositives ?? [],
      options: known?.options ?? [],
    });
  }
  return [...rules.values()];
}

function makeSighting({ image, count, inherited, leak, inheritedLeak }: SettledSighting): Sighting {
  return {
    image: image.process.image,
    pid: image.process.pid,
    ...(image.process.launch !== undefined && { launch: image.process.launch }),
    count,
    inherited,
    ...(leak && { leak }),
    ...(inheritedLeak && !inherited && { inheritedLeak }),
  };
}

const badAccess: ReadonlySet<string> = new Set(['InvalidRead', 'InvalidWrite', 'InvalidJump']);

/** A crash is no finding of memcheck's; the invalid access that it comes from, at the very same calls, tells of it. */
function crashDetail(first: FindingRecord, { fatal, process: { tool } }: ImageDraft): string | undefined {
  const [at, crashed] = [first.stacks[primaryStack(first.stacks)]?.frames ?? [], fatal?.stack?.frames ?? []];
  if (fatal === undefined || tool !== first.tool || !badAccess.has(first.kind) || at.length === 0)
    return undefined;
  const isHere =
    at.length === crashed.length &&
    at.every(({ ip, function: name, line }, index) => {
      const frame = crashed[index];
      return frame !== undefined && ip === frame.ip && name === frame.function && line === frame.line;
    });
  return isHere ? `${fatal.name} killed the program here.` : undefined;
}

const earlyDetail = 'Reported by an earlier leak check, not at exit.';

/** With --track-origins=yes the place to look at is there already. */
function hasOrigin(kind: string, stacks: readonly Stack[]): boolean {
  const undefinedValue = kind.startsWith('Uninit') || kind === 'SyscallParam' || kind === 'ClientCheck';
  return undefinedValue && stacks.some(({ label }) => label === 'created at');
}

/** What an instrument said beside its findings. */
export function makeMessage({ image, message }: MessageDraft, frames: FrameMaker): ReportMessage {
  const { image: number, pid } = image.process;
  const stack = message.stack && makeStack(message.stack, frames);
  const fatal = message.type === 'fatal-signal';
  return {
    image: number,
    pid,
    source: fatal ? 'fatal-signal' : message.source,
    text: fatal ? fatalText(message) : message.text,
    ...(stack && { stack }),
  };
}

function fatalText({ name, event, address, code }: FatalSignalRecord): string {
  const where = address === undefined ? '' : ` at address ${address}`;
  // si_code is positive for a fault of the program itself: sigaction(2).
  const sent = code !== undefined && code <= 0 ? ', sent by a process' : '';
  return `Killed by ${name}${event === undefined ? '' : `: ${event}${where}`}${sent}`;
}

const severities: readonly Severity[] = ['critical', 'error', 'warning', 'info'];

/** Failing first, hidden last, most severe first, then by cost; the order of appearance breaks ties. */
export function bySeverityThenCost(a: Finding, b: Finding): number {
  return (
    Number(b.failing) - Number(a.failing) ||
    Number(a.hidden) - Number(b.hidden) ||
    severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
    (b.leak?.bytes ?? 0) - (a.leak?.bytes ?? 0) ||
    b.count - a.count
  );
}
