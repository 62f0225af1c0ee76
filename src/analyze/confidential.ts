// Takes out of a report what must not leave the house: command lines, source text, and quotes of logs that may hold them.
import { exceptionSentence } from '../model/exception-sentence.ts';
import type { ReportProfile } from '../model/profile-report.ts';
import type { Finding, Report, ReportStop, ReportStopFrame } from '../model/report.ts';
import { type Replay, type ReplayedRequest, requestName } from '../model/request.ts';
import type { ThrownException } from '../model/stop.ts';

/**
 * The report without arguments of programs and of the instrument, source excerpts, raw log excerpts, messages of the
 * program, quotes in problems, contents of blocks, values of variables and registers, and of profiles without source text and notes that hold command lines. Of
 * requests their method and what came is left: no target, no capture, nothing that an answer said. Names of programs, functions and files stay: without them there is no report.
 */
export function withoutSecrets(report: Report): Report {
  const inSentence = sentenceMask(report.replay);
  const ofExceptions = exceptionTexts(report);
  return {
    ...report,
    reasons: report.reasons.map(inSentence),
    ...(report.replay && { replay: withoutTargets(report.replay) }),
    ...(report.run && {
      run: { ...report.run, command: report.run.command.slice(0, 1), toolOptions: [] },
    }),
    findings: report.findings.map((finding) => withoutExcerpts(finding, ofExceptions)),
    ...(report.profiles && { profiles: report.profiles.map(withoutSources) }),
    processes: report.processes.map((process) => ({ ...process, argv: process.argv.slice(0, 1) })),
    ...(report.stops && { stops: report.stops.map(withoutValues) }),
    messages: report.messages.filter(({ source }) => source === 'fatal-signal'),
    problems: report.problems.map(({ quote: _, hint, ...problem }) => ({
      ...problem,
      message: inSentence(problem.message),
      ...(hint !== undefined && { hint: inSentence(hint) }),
    })),
  };
}

/** Nor the first bytes of blocks, which logs of heaps quote: `Data: <hello world > 68 65 6C …`. */
function withoutExcerpts(
  { excerpt: _, raw: __, witnesses, ...finding }: Finding,
  texts: readonly MaskedSentence[],
): Finding {
  const masked = (sentence: string): string =>
    texts.reduce((left, [secret, mask]) => left.replaceAll(secret, () => mask), sentence);
  return {
    ...finding,
    what: masked(finding.what),
    details: finding.details.filter((detail) => !detail.startsWith('Data: ')).map(masked),
    ...(finding.alsoSeen && { alsoSeen: finding.alsoSeen.map(masked) }),
    ...(witnesses && { witnesses: witnesses.map((witness) => withoutExcerpts(witness, texts)) }),
  };
}

type MaskedSentence = readonly [secret: string, mask: string];

/** What exceptions say of themselves are messages of the program. */
function exceptionTexts({ stops = [] }: Report): readonly MaskedSentence[] {
  const texts = stops.flatMap(({ exception }): MaskedSentence[] =>
    exception?.text === undefined
      ? []
      : [[exceptionSentence(exception), exceptionSentence(withoutText(exception))]],
  );
  // One may be the beginning of another.
  return texts.sort(([a], [b]) => b.length - a.length);
}

function withoutText({ text: _, ...exception }: ThrownException): ThrownException {
  return exception;
}

/** Of a moment, what the program's memory and registers held, the expressions of probes, and source text. */
function withoutValues({ excerpt: _, ...stop }: ReportStop): ReportStop {
  const { probe, exception } = stop;
  return {
    ...stop,
    ...(exception && { exception: withoutText(exception) }),
    threads: stop.threads.map(({ registers: __, frames, ...thread }) => ({
      ...thread,
      frames: frames.map(withoutVariables),
    })),
    ...(probe && {
      probe: {
        probe: probe.probe,
        place: probe.place.replace(/ if .*$/s, ' if …'),
        hit: probe.hit,
        values: [],
      },
    }),
  };
}

function withoutVariables({ variables: _, ...frame }: ReportStopFrame): ReportStopFrame {
  return frame;
}

function withoutTargets(replay: Replay): Replay {
  return { ...replay, requests: replay.requests.map(withoutTarget) };
}

/** What was wrong with an answer may quote it. */
const leftOut = 'what it was is left out';

function withoutTarget({ answer, ...request }: ReplayedRequest): ReplayedRequest {
  const masked = (sentences: readonly string[]): readonly string[] =>
    sentences.length === 0 ? [] : [leftOut];
  return {
    ...request,
    source: { name: '', entry: request.source.entry },
    target: '',
    faults: masked(request.faults),
    unmet: masked(request.unmet),
    lost: masked(request.lost),
    ...(answer && { answer: { status: answer.status, bodyBytes: answer.bodyBytes } }),
  };
}

/** Takes out of a sentence what requests have in it. */
function sentenceMask(replay: Replay | undefined): (sentence: string) => string {
  const hidden: (readonly [text: string, mask: string])[] = [];
  for (const request of replay?.requests ?? []) {
    const { number, method, faults, unmet, lost, source } = request;
    hidden.push([requestName(request), requestName({ number, method, target: '' })]);
    for (const text of [...faults, ...unmet, ...lost]) hidden.push([text, `${leftOut}.`]);
    // Names of captures stand in quotes or before a colon; a short one could be part of any word.
    if (source.name.length > 4) hidden.push([source.name, '…']);
    if (request.target.length > 4) hidden.push([request.target, '…']);
  }
  const told = hidden.filter(([secret]) => secret !== '');
  // A request that is named is more than its target.
  told.sort(([a], [b]) => b.length - a.length);
  return (sentence) => told.reduce((text, [secret, mask]) => text.replaceAll(secret, () => mask), sentence);
}

// `cmd: ./server --password=x`, `cmdline : perf record ./server`, `desc: --massif-out-file=/home/ann/massif.out`,
// `Command: ./server`
const commandNote = /^\s*(?:cmd|command)|(?:^|\s)--?[a-z]/i;

function withoutSources({ sources: _, ...profile }: ReportProfile): ReportProfile {
  return { ...profile, notes: profile.notes.filter((note) => !commandNote.test(note)) };
}
