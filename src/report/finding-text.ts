// What reports say of a finding in words: headline, place, cost, why it does not fail. Nothing here is escaped yet.
import type {
  BaselineEntry,
  Cost,
  Finding,
  Pardon,
  Report,
  ReportFrame,
  ReportStack,
} from '../model/report.ts';
import { functionText, isMerePlace, isOfValgrind } from './html-page/words.ts';
import { grouped, plural } from './terminal-text.ts';

/** A leak's sentence names one loss record of one process; what was lost over all is in the cost. */
export function headline(finding: Finding): string {
  return finding.leak !== undefined || finding.what === '' ? finding.title : finding.what;
}

/** `at least 100 bytes in 1 block in 2 processes`, `12 times`; empty when it occurred once. */
export function costOf(finding: Finding): string {
  const { leak, count, atLeast, seenIn } = finding;
  const parts: string[] = [];
  const least = atLeast ? 'at least ' : '';
  if (leak !== undefined) {
    const split =
      leak.indirectBytes > 0
        ? ` (${grouped(leak.directBytes)} direct, ${grouped(leak.indirectBytes)} indirect)`
        : '';
    parts.push(
      `${least}${grouped(leak.bytes)}${split} ${plural(leak.bytes, 'byte')} in ${grouped(leak.blocks)} ${plural(leak.blocks, 'block')}`,
    );
  } else if (count > 1) {
    parts.push(`${least}${grouped(count)} ${plural(count, 'time')}`);
    if (finding.alsoSeen !== undefined) parts.push('in several forms');
  }
  const own = seenIn.filter(({ inherited }) => !inherited);
  const pids = new Set(own.map(({ pid, launch = 0 }) => `${launch} ${pid}`)).size;
  if (pids > 1) parts.push(`in ${grouped(pids)} processes`);
  return parts.join(' ');
}

/** What it cost before, or costs in a baseline: `100 bytes in 1 block`, `3 times`. */
export function costText({ bytes, blocks = 0, count }: Cost): string {
  if (bytes === undefined) return `${grouped(count)} ${plural(count, 'time')}`;
  return `${grouped(bytes)} ${plural(bytes, 'byte')} in ${grouped(blocks)} ${plural(blocks, 'block')}`;
}

/**
 * By process image, how many of the findings that are shown were seen there, inherited ones not counted: the same rule as for
 * requests.
 */
export function findingsByImage(findings: readonly Finding[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const finding of findings) {
    if (finding.hidden) continue;
    const seen = [finding, ...(finding.witnesses ?? [])].flatMap(({ seenIn }) => seenIn);
    const images = new Set(seen.flatMap(({ image, inherited }) => (inherited ? [] : [image])));
    for (const image of images) counts.set(image, (counts.get(image) ?? 0) + 1);
  }
  return counts;
}

/** The blamed frame, which is mine. */
export function blamedFrame({ blamed, stacks }: Finding): ReportFrame | undefined {
  return blamed && stacks[blamed.stack]?.frames[blamed.frame];
}

/**
 * The frame by which a finding is shown: the blamed one. When none is mine, the innermost that is not the tool's own:
 * what the tool put in place of malloc says less than who called it.
 */
export function shownFrame(finding: Finding): ReportFrame | undefined {
  const frames = finding.stacks[0]?.frames ?? [];
  return blamedFrame(finding) ?? frames.find(({ owner }) => owner !== 'tool') ?? frames[0];
}

/** The most telling frame of any stack: mine, else not the tool's, else the innermost. */
export function tellingFrame({ frames }: ReportStack): ReportFrame | undefined {
  return (
    frames.find(({ owner }) => owner === 'mine') ?? frames.find(({ owner }) => owner !== 'tool') ?? frames[0]
  );
}

/** `pop()`; C++ names bring their own parentheses. */
export function calledName(frame: Pick<ReportFrame, 'function' | 'ip' | 'offset'>): string {
  return functionText(frame);
}

/** `src/list.c:42`; undefined without a source. */
export function sourceOf({ path, line }: ReportFrame): string | undefined {
  return path === undefined ? undefined : line === undefined ? path : `${path}:${line}`;
}

/** `src/list.c:42 in pop()`; without a source `pop() in /usr/lib/libc.so.6`, without a function `src/list.c:42`. */
export function placeOf(frame: ReportFrame): string {
  const source = sourceOf(frame);
  if (source !== undefined && isMerePlace(frame)) return source;
  if (source !== undefined) return `${source} in ${calledName(frame)}`;
  return frame.object === undefined ? calledName(frame) : `${calledName(frame)} in ${frame.object}`;
}

/** `pop() (src/list.c:42)`, as a line of a stack. */
export function frameText(frame: ReportFrame): string {
  // Where the tool keeps its own malloc helps nobody.
  const where =
    frame.owner === 'tool' && frame.function !== undefined ? undefined : (sourceOf(frame) ?? frame.object);
  // A declaration is a place without a function: `declared at race.c:2`.
  if (where !== undefined && isMerePlace(frame)) return where;
  return where === undefined ? calledName(frame) : `${calledName(frame)} (${where})`;
}

/** What a stack tells: the tool's own sentence, or the label. */
export function stackTitle({ label, text }: ReportStack): string {
  return text ?? label;
}

/** `asan/heap-use-after-free at src/list.c:42 in pop()`: what another instrument says of the same defect. */
export function witnessText(witness: Finding): string {
  const frame = shownFrame(witness);
  const cost = costOf(witness);
  return `${witness.rule}${cost === '' ? '' : `, ${cost}`}${frame === undefined ? '' : ` at ${placeOf(frame)}`}`;
}

/** `also seen by asan/heap-use-after-free, mtrace/unfreed`; empty when one instrument alone saw it. */
export function witnessNames({ witnesses = [] }: Finding): string {
  return witnesses.length === 0 ? '' : `also seen by ${witnesses.map(({ rule }) => rule).join(', ')}`;
}

/**
 * Details, and every stack with at most so many frames, a line each; what is left out is said. Then the same of what
 * other instruments say of the defect.
 */
export function* stackLines(finding: Finding, mostFrames: number): Generator<string> {
  const { details, stacks, witnesses = [] } = finding;
  yield* details;
  for (const stack of stacks) {
    if (stack.frames.length === 0 && stack.text === undefined) continue;
    yield `${stackTitle(stack)}:`;
    for (const frame of stack.frames.slice(0, mostFrames)) yield `  ${frameText(frame)}`;
    const left = stack.frames.length - mostFrames;
    if (left > 0) yield `  … ${grouped(left)} more ${plural(left, 'frame')}`;
  }
  for (const witness of witnesses) {
    const text = headline(witness);
    yield `also seen by ${witness.rule}${text === '' ? '' : `: ${text}`}`;
    yield* stackLines(witness, mostFrames);
  }
}

/** Why something that would fail the run does not, in a few words. */
export const pardons: Readonly<Record<Pardon, string>> = {
  baseline: 'known',
  ownership: 'no code of mine',
  'fail-on': 'no kind of --fail-on',
  limit: 'within --max',
  interpreter: "the interpreter's own",
};

/** Why it does not fail the run; undefined when it does. */
export function whyNotFailing({ failing, pardon }: Finding): string | undefined {
  if (failing) return undefined;
  return pardon === undefined ? 'not counted as an error' : pardons[pardon];
}

/** `memcheck/Leak_DefinitelyLost at src/list.c push(), 100 bytes in 1 block`: an entry that is no finding of this run. */
export function entryText({ rule, place, cost }: BaselineEntry): string {
  const price = cost.bytes === undefined ? '' : `, ${costText(cost)}`;
  return `${rule} at ${place}${price}`;
}

/** What is said when a run is seen whole and nothing is wrong; else the reasons, a sentence each. */
export function reasonsOf(report: Report): readonly string[] {
  if (report.reasons.length > 0) return report.reasons;
  return [wholeSentences[report.purpose ?? 'errors']];
}

const wholeSentences = {
  errors: 'No errors, and the program was seen to its end.',
  profile: 'The program was measured to its end.',
  log: 'The program was seen to its end; what the tool has to say stands in its log.',
  state: 'The process was looked at; nothing in it counts as an error.',
} as const;

/** A run whose tool looks for no errors: that it found none says nothing. */
export function onlyMeasures({ purpose, findings }: Report): boolean {
  return purpose !== undefined && findings.length === 0;
}

/** `valgrind memcheck`, `perf`; of runs that were read together `valgrind memcheck, asan`. */
export function instrumentName({ tool }: Pick<Report, 'tool'>): string {
  return tool.name
    .split(', ')
    .map((name) => (isOfValgrind(name) ? `valgrind ${name}` : name))
    .join(', ');
}

/** Each limit of `--max` that was exceeded, a sentence: it fails the run also when every finding is known. */
export function exceededLimits({ gate }: Report): readonly string[] {
  return (gate?.limits ?? [])
    .filter(({ exceeded }) => exceeded)
    .map(
      ({ group, actual, most, unit }) =>
        `"${group}" comes to ${grouped(actual)} ${unit}; --max allows ${grouped(most)}`,
    );
}

/** A path that lies in the project: relative, and not above its root. */
export function isInProject(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !/(?:^|\/)\.\.(?:\/|$)/.test(path);
}

/** The program of a run by its place in the project; by its base name when it lies elsewhere. */
export function programPath(report: Report, program = report.processes[0]?.program): string {
  const name = program ?? report.run?.command[0] ?? '';
  const root = report.run?.projectRoot;
  const inside = root !== undefined && name.startsWith(`${root}/`) ? name.slice(root.length + 1) : name;
  const plain = inside.replace(/^(?:\.\/+)+/, '');
  if (isInProject(plain)) return plain;
  const base = plain.slice(plain.lastIndexOf('/') + 1);
  return base === '' || base === '..' ? 'program' : base;
}
