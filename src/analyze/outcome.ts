// The verdict: outcome, the reasons for it, and the exit status that follows.
import type { Problem } from '../model/problem.ts';
import type { Finding, Limit, Outcome, Pardon } from '../model/report.ts';
import type { Replay } from '../model/request.ts';
import type { Exit, StoppedBy } from '../model/run.ts';
import { badAnswers, missingAnswers, servedEnds } from './answers.ts';
import { endSentence } from './end-sentence.ts';
import type { ImageDraft } from './fold.ts';
import { isRuntime, mayEndProgram } from './instruments.ts';
import { type Launch, ownEnd, stopSignals, worstEnd } from './launches.ts';
import { type ProcessId, processKey, type TreeNode } from './process-tree.ts';
import { type Growth, growthSentence } from './profile/growth.ts';

/** All that the verdict depends on. */
export interface Evidence {
  readonly nodes: readonly TreeNode[];
  readonly problems: readonly Problem[];
  /** As the gate left them. */
  readonly findings: readonly Finding[];
  readonly limits: readonly Limit[];
  /** What `--max-growth` came to. */
  readonly growth?: Growth | undefined;
  /** The starts of the target with their ends, from the operating system or, for a log alone, from its own words. */
  readonly launches: readonly Launch[];
  /** What was asked and what came. */
  readonly replay: Replay | undefined;
  /** True when the ends are what the operating system told vgrun. */
  readonly observed: boolean;
  /** A run of vgrun: then a missing end means that its end was never recorded. */
  readonly isRun: boolean;
  readonly stoppedBy: StoppedBy | undefined;
  readonly alive: readonly ProcessId[];
  /** `--error-exitcode` as the user gave it. */
  readonly errorExitcode: number | undefined;
}

/** What was decided. `reasons` are whole sentences. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
  readonly status: number;
}

/** Decides. The rule is the table "Exit status" of the manual. */
export function verdict(evidence: Evidence): Verdict {
  // What we stopped ourselves ended by our signal; that says nothing more.
  const ends = evidence.stoppedBy === undefined ? endSentences(evidence) : [];
  const failing = evidence.findings.filter((finding) => finding.failing).length;
  const exceeded = evidence.limits.filter((limit) => limit.exceeded);
  const grown = (evidence.growth?.limits ?? []).filter((limit) => limit.exceeded);
  const isFailing = failing > 0 || exceeded.length > 0 || grown.length > 0;
  const unseen = whatIsMissing(evidence);
  const missing = unseen.length > 0 || isFailing ? unseen : whatMayBeBehind(evidence);
  const answers = evidence.replay === undefined ? [] : badAnswers(evidence.replay);
  const outcome: Outcome =
    missing.length > 0
      ? 'inconclusive'
      : isFailing
        ? 'findings'
        : ownStatus(worstEnd(evidence.launches)) !== 0 || answers.length > 0
          ? 'failed'
          : 'clean';
  const counted = [
    ...(failing > 0 ? [failingSentence(failing, evidence.findings)] : []),
    ...exceeded.map(limitSentence),
    ...grown.map(growthSentence),
  ];
  const failed = [...ends.filter((end) => !missing.includes(end)), ...answers];
  const pardoned = [...crashSentences(evidence), ...pardonSentences(evidence.findings)];
  // The first says why the outcome is what it is; the last of an inconclusive run, what was found all the same.
  const reasons =
    missing.length > 0
      ? [...missing, ...failed, ...counted, ...pardoned]
      : [...counted, ...failed, ...pardoned];
  return { outcome, reasons, status: statusOf(outcome, isFailing, evidence) };
}

/** Processes that a signal killed beside the first one, while it went on or after its end: its status does not tell of them. */
function crashSentences({ nodes, launches }: Evidence): readonly string[] {
  const told = new Set(
    launches.flatMap(({ last, exit }) => (exit?.how === 'signaled' ? last : undefined) ?? []),
  );
  const pids = new Map<string, number[]>();
  for (const node of nodes) {
    const { fatal, process } = node.image;
    if (fatal === undefined || told.has(node)) continue;
    pids.set(fatal.name, [...(pids.get(fatal.name) ?? []), process.pid]);
  }
  return [...pids].map(([name, [pid, ...more]]) =>
    more.length === 0
      ? `Process ${pid} was killed by ${name}; the status of the program does not show it.`
      : `${more.length + 1} processes were killed by ${name}; the status of the program does not show it.`,
  );
}

function failingSentence(failing: number, findings: readonly Finding[]): string {
  const word = findings.some(({ standing }) => standing !== undefined) ? 'new finding' : 'finding';
  return failing === 1 ? `1 ${word} counts as an error.` : `${failing} ${word}s count as errors.`;
}

/** `possible leaks come to 5000 bytes; --max allows 4096.` */
function limitSentence({ group, unit, most, actual }: Limit): string {
  return unit === 'bytes'
    ? `The leaks of "${group}" come to ${actual} bytes; --max allows ${most}.`
    : `There are ${actual} findings of "${group}"; --max allows ${most}.`;
}

const pardonWords: Readonly<Record<Exclude<Pardon, 'interpreter'>, readonly [one: string, more: string]>> = {
  baseline: ['known finding does not count', 'known findings do not count'],
  ownership: [
    'finding without code of mine does not count (--only-mine)',
    'findings without code of mine do not count (--only-mine)',
  ],
  'fail-on': ['error is of no kind that --fail-on names', 'errors are of no kind that --fail-on names'],
  limit: ['finding stays within --max', 'findings stay within --max'],
};

/** What would have counted and does not: said, so that nobody takes the rest for all. */
function pardonSentences(findings: readonly Finding[]): readonly string[] {
  return Object.entries(pardonWords).flatMap(([pardon, [one, more]]) => {
    const count = findings.filter((finding) => finding.pardon === pardon).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : more}.`];
  });
}

/** Where the program's own status does not go before. It failed with status 0 when it is its answers that are wrong. */
const statuses: Readonly<Record<Outcome, number>> = { inconclusive: 101, findings: 100, failed: 1, clean: 0 };

function statusOf(outcome: Outcome, isFailing: boolean, evidence: Evidence): number {
  const { errorExitcode, observed, stoppedBy } = evidence;
  const exit = worstEnd(evidence.launches);
  // vgrun itself ended the program, so how it ended says nothing.
  if (stoppedBy === 'timeout') return 101;
  // valgrind kills itself with the signal that killed the program, and then no option counts.
  const died = observed && exit?.how === 'signaled';
  if (errorExitcode !== undefined && errorExitcode !== 0 && isFailing && !died) return errorExitcode;
  const own = ownStatus(exit);
  if (own !== 0 && (observed || outcome === 'failed')) return own;
  return statuses[outcome];
}

/** The status a shell would give; 0 when unknown. */
function ownStatus(exit: Exit | undefined): number {
  if (exit?.how === 'exited') return exit.code;
  return exit?.how === 'signaled' ? 128 + exit.number : 0;
}

function endSentences({ launches, replay }: Evidence): readonly string[] {
  if (replay !== undefined) return servedEnds(launches, replay);
  // Of many starts of the program, those that ended alike are told once.
  return [...new Set(launches.flatMap((launch) => endSentence(ownEnd(launch)) ?? []))];
}

function whatIsMissing(evidence: Evidence): readonly string[] {
  const { nodes, problems, launches, replay, isRun, stoppedBy, alive } = evidence;
  const missing: string[] = [];
  if (stoppedBy === 'timeout') missing.push('The program was stopped at the time limit.');
  if (stoppedBy === 'interrupt') missing.push('The program was interrupted.');
  if (stoppedBy === undefined) {
    const stopped = launches.filter((launch) => isStopped(ownEnd(launch)));
    if (replay !== undefined) missing.push(...servedEnds(stopped, replay));
    else missing.push(...stopped.flatMap((launch) => endSentence(ownEnd(launch)) ?? []));
  }
  const isEmpty = problems.some(({ code }) => code === 'empty-profile');
  if (nodes.length === 0 && !isEmpty) missing.push('The log names no process: nothing was measured.');
  else if (isRun && launches.some(({ exit }) => isUnrecorded(exit))) {
    missing.push('How the program ended was not recorded.');
  }
  for (const node of nodes) {
    const sentence = node.complete ? undefined : incompleteSentence(node);
    if (sentence !== undefined) missing.push(sentence);
  }
  for (const process of alive) {
    // One with a log of its own is told above, unless that log is whole all the same.
    const key = processKey(process);
    const told = nodes.some(({ image, complete }) => processKey(image.process) === key && !complete);
    if (!told) missing.push(`Process ${process.pid} was still running when the run was closed.`);
  }
  for (const { level, message } of problems) if (level === 'incomplete') missing.push(message);
  if (replay !== undefined) missing.push(...missingAnswers(replay, missing));
  // A launch that was stopped early is told with the requests that it did not answer.
  const cutShort = launches.some(({ manifest }) => manifest?.stoppedBy === 'timeout');
  if (missing.length === 0 && cutShort) missing.push('The program was stopped at the time limit.');
  missing.push(...(evidence.growth?.unjudged ?? []));
  return [...new Set(missing)];
}

function isStopped(end: Exit | undefined): boolean {
  return end?.how === 'signaled' && stopSignals.has(end.signal);
}

function isUnrecorded(exit: Exit | undefined): boolean {
  return exit === undefined || (exit.how === 'unknown' && exit.why === undefined);
}

/**
 * What keeps a run from being clean although nothing in it fails: an error that is pardoned, and that may have ended the program
 * before all was looked at. A sanitizer's log does not tell whether the program went on after it.
 */
function whatMayBeBehind({ findings, launches, isRun }: Evidence): readonly string[] {
  const ends = launches.map(ownEnd);
  if (ends.some((end) => end?.how === 'unknown' && end.why === 'instrument')) {
    return ['The sanitizer ended the program, or took its status: what would have come after is not known.'];
  }
  const isSilent = findings.some(({ tool, error }) => error && mayEndProgram(tool));
  return isSilent && !isRun ? ['The log does not tell whether the program went on after its errors.'] : [];
}

/** Said in the text log; an XML log alone ends after its first error, and then the option tells. */
function stoppedAtFirstError(image: ImageDraft): boolean {
  const asked = image.process.instrumentArgv.findLast((option) =>
    option.startsWith('--exit-on-first-error='),
  );
  return image.stoppedAtFirstError || (asked?.endsWith('=yes') === true && image.findings.size > 0);
}

function incompleteSentence({ image, end }: TreeNode): string {
  const { pid, argv } = image.process;
  const who = argv[0] === undefined ? `${pid}` : `${pid} (${argv[0]})`;
  if (stoppedAtFirstError(image)) {
    return 'Valgrind stopped at the first error, as --exit-on-first-error asks: what comes after it was not seen.';
  }
  const name = pid === 0 ? 'an unknown process' : `process ${who}`;
  if (image.profiles.length > 0) {
    return `The profile of ${name} is not whole: its file was cut, or the process was killed while it was written.`;
  }
  switch (end) {
    case 'running':
      return `Process ${who} was still running when the run was closed.`;
    case 'finished':
      return `The log of ${name} stops after the end of the program, before all was reported.`;
    case 'signaled':
      return `The log of ${name} stops after ${image.fatal?.name ?? 'a signal'} killed it, before all was reported.`;
    default:
      if (image.process.tool === 'gdb') return `gdb did not see the end of ${name}.`;
      if (isRuntime(image.process.tool)) {
        return `The log of ${name} stops before the end of the program: it was killed, it ended by _exit or exec, or the log was cut.`;
      }
      return `The log of ${name} stops before the end of the program: it was killed, the log was cut, or it became a program that is not traced.`;
  }
}
