// The report as SARIF 2.1.0 (OASIS), for code scanning and viewers of it. One line for each result.
import type {
  Invocation,
  Location,
  Notification,
  PhysicalLocation,
  ReportingDescriptor,
  Result,
  Run,
  StackFrame,
  ToolComponent,
} from 'sarif';
import type { StackLabel } from '../model/finding.ts';
import type { Problem, ProblemLevel } from '../model/problem.ts';
import type { GrowthLimit, ReportProfile } from '../model/profile-report.ts';
import type { BaselineEntry, Finding, Report, ReportFrame, ReportStack, Rule } from '../model/report.ts';
import type { Replay } from '../model/request.ts';
import {
  costOf,
  costText,
  entryText,
  exceededLimits,
  headline,
  instrumentName,
  isInProject,
  placeOf,
  programPath,
  reasonsOf,
  shownFrame,
  stackTitle,
  tellingFrame,
  whyNotFailing,
} from './finding-text.ts';
import { shareNames, shareTexts } from './html-page/request-words.ts';
import { createTextCache, harmlessJson, type TextCache } from './json.ts';
import { prose } from './markdown-text.ts';
import { growthLimits, growthText } from './profile-text.ts';
import type { Reporter } from './reporter.ts';
import { grouped, harmless, plural } from './terminal-text.ts';

/*
 * Decisions:
 * - All findings are written, however many; only hidden ones are not, and a notification counts them. GitHub takes at
 *   most 25,000 results of a run and shows the 5,000 most severe; it refuses a larger file aloud, and a reader that is
 *   not GitHub loses nothing. docs/reports.md says what to do then.
 * - GitHub refuses results without a physical location. What has no source is placed in the program itself, without a
 *   line.
 * - GitHub works out `primaryLocationLineHash` by itself; our identity is `vgrun/v1`.
 * - What is fixed is a result with level `none`, kind `pass` and baselineState `absent`.
 * - A race is two accesses that nothing orders, and allocation, free and use may be in different threads: to call these
 *   a path through a thread would be an invention, so they are only stacks and related locations. The two orders of a
 *   lock order violation each are what one thread did, so they are a code flow with two thread flows.
 * - The invocation is that of the program under its instrument: its arguments, its end. vgrun's own verdict is in its
 *   properties; an inconclusive run was not executed successfully, and a notification of level error says why.
 * - A growth limit that is exceeded is a result of the rule `vgrun/max-growth`, placed in the program: unlike a limit of
 *   findings, it has no results of its own. What a profile measured is in the properties of the run.
 * - A request of a replay is no place in a program: which ones a finding comes from stands in its message and its properties.
 * - The directory in which the program ran is not in the report, so `workingDirectory` is not in the invocation.
 */

/** `--report sarif=FILE`. */
export const sarif: Reporter = { name: 'sarif', render: renderSarif };

/** Of the copy that validators know; the official one moved several times. */
const schema = 'https://json.schemastore.org/sarif-2.1.0-rtm.5.json';

function* renderSarif(report: Report): Generator<string> {
  const { results: _, ...rest } = runOf(report);
  yield `{\n"version": "2.1.0",\n"$schema": "${schema}",\n"runs": [{\n`;
  for (const [key, value] of Object.entries(rest)) {
    if (value !== undefined) yield `${JSON.stringify(key)}: ${harmlessJson(JSON.stringify(value))},\n`;
  }
  yield '"results": [';
  let between = '\n';
  for (const result of resultsOf(report)) {
    yield `${between}${result}`;
    between = ',\n';
  }
  yield '\n]\n}]\n}\n';
}

/** Everything but the results. */
function runOf(report: Report): Run {
  const { tool, run, findings, comparison } = report;
  const hidden = findings.filter((finding) => finding.hidden).length;
  return {
    tool: {
      driver: {
        name: 'vgrun',
        version: harmless(report.vgrun),
        rules: [...report.rules.map(descriptorOf), ...(exceedsGrowth(report) ? [growthRule] : [])],
      },
      extensions: [instrument(instrumentName(report), tool.version)],
    },
    columnKind: 'utf16CodeUnits',
    originalUriBaseIds: {
      SRCROOT:
        run === undefined || !run.projectRoot.startsWith('/')
          ? { description: { text: 'The root of the project.' } }
          : {
              uri: `file://${encodedPath(run.projectRoot)}/`.replace(/\/+$/, '/'),
              description: { text: 'The root of the project.' },
            },
    },
    invocations: [invocationOf(report, hidden)],
    properties: {
      outcome: report.outcome,
      ...(comparison && {
        comparison: {
          name: harmless(comparison.name),
          new: comparison.new,
          known: comparison.known,
          changed: comparison.changed,
          fixed: comparison.fixed.length,
          notJudged: comparison.notJudged.length,
        },
      }),
      ...(report.gate && {
        gate: {
          ...report.gate,
          ...(report.gate.failOn && { failOn: report.gate.failOn.map(harmless) }),
          limits: report.gate.limits.map((limit) => ({ ...limit, group: harmless(limit.group) })),
          ...(report.gate.growth && {
            growth: report.gate.growth.map(({ measure, title, most, ...limit }) => ({
              measure: harmless(measure),
              title: harmless(title),
              most: harmless(most),
              ...limit,
            })),
          }),
        },
      }),
      ...(report.profiles && { profiles: report.profiles.map(profileProperties) }),
      ...(report.replay && { replay: replayProperties(report.replay) }),
    },
  };
}

/** How requests were replayed, and how many. */
function replayProperties({ mode, server, passes, warmUp, requests }: Replay) {
  return { mode, server: harmless(server), passes, warmUp, requests: requests.length };
}

/** What was measured in a process: SARIF has no place for more than that. */
function profileProperties({ format, program, pid, complete, measures, totals }: ReportProfile) {
  return {
    format: harmless(format),
    program: harmless(program),
    ...(pid > 0 && { pid }),
    complete,
    totals: measures.map(({ name, title, unit }, index) => ({
      name: harmless(name),
      title: harmless(title),
      unit,
      value: totals[index] ?? 0,
    })),
  };
}

const growthRule: ReportingDescriptor = {
  id: 'vgrun/max-growth',
  name: 'max-growth',
  shortDescription: { text: 'A measure grew more than --max-growth allows.' },
  help: {
    text: 'Compare the two profiles with vgrun diff: it names the places that grew. Raise the limit if the growth is meant.',
  },
  defaultConfiguration: { level: 'error' },
  properties: { tags: ['vgrun'] },
};

function exceedsGrowth(report: Report): boolean {
  return growthLimits(report).some(({ exceeded }) => exceeded);
}

function instrument(name: string, version: string | undefined): ToolComponent {
  return {
    name: harmless(name),
    ...(version !== undefined && { version: harmless(version) }),
  };
}

function descriptorOf(rule: Rule): ReportingDescriptor {
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['Usual causes', rule.causes],
    ['How to mend it', rule.fixes],
    ['False alarms', rule.falsePositives],
    ['Options that help', rule.options],
  ];
  const told = sections.filter(([, items]) => items.length > 0);
  const said = [rule.meaning, rule.advice].filter((text) => text !== undefined);
  const help = [...said, ...told.map(([title, items]) => `${title}: ${items.join('; ')}.`)];
  const markdown = [
    ...said.map(prose),
    ...told.map(([title, items]) => `**${title}**\n\n${items.map((item) => `- ${prose(item)}`).join('\n')}`),
  ];
  return {
    id: harmless(rule.id),
    name: harmless(rule.id.slice(rule.id.indexOf('/') + 1)),
    shortDescription: { text: text(rule.title) },
    ...(rule.meaning !== undefined && { fullDescription: { text: text(rule.meaning) } }),
    // The help of a rule of which nothing is known is its title.
    help:
      help.length === 0
        ? { text: text(rule.title) }
        : { text: help.map(text).join('\n'), markdown: markdown.join('\n\n') },
    defaultConfiguration: { level: levels[rule.severity] },
    properties: { tags: [harmless(rule.id.slice(0, Math.max(0, rule.id.indexOf('/'))) || 'valgrind')] },
  };
}

const levels = { critical: 'error', error: 'error', warning: 'warning', info: 'note' } as const;

const problemLevels: Readonly<Record<ProblemLevel, 'error' | 'warning' | 'note'>> = {
  incomplete: 'error',
  warning: 'warning',
  note: 'note',
};

function invocationOf(report: Report, hidden: number): Invocation {
  const { run, outcome } = report;
  const exit = run?.exit;
  const [program, ...rest] = run?.command ?? [];
  const hiddenNote: Notification[] =
    hidden === 0
      ? []
      : [
          {
            descriptor: { id: 'vgrun/hidden-findings' },
            level: 'note',
            message: { text: `${grouped(hidden)} hidden ${plural(hidden, 'finding')} not listed here.` },
          },
        ];
  const verdict: Notification = {
    descriptor: { id: `vgrun/${outcome}` },
    level: outcome === 'inconclusive' || outcome === 'failed' ? 'error' : 'note',
    message: { text: `${outcome}: ${reasonsOf(report).map(text).join(' ')}` },
  };
  return {
    executionSuccessful: outcome !== 'inconclusive',
    ...(program !== undefined && {
      commandLine: harmless([program, ...rest].map(shellWord).join(' ')),
      arguments: rest.map(harmless),
    }),
    ...(run !== undefined && isTime(run.startedAt) && { startTimeUtc: run.startedAt }),
    ...(exit?.how === 'exited' && { exitCode: exit.code }),
    ...(exit?.how === 'signaled' && {
      exitSignalName: harmless(exit.signal),
      exitSignalNumber: exit.number,
    }),
    toolExecutionNotifications: [
      verdict,
      ...exceededLimits(report).map(limitNotification),
      ...report.problems.map(notificationOf),
      ...hiddenNote,
    ],
    properties: {
      outcome,
      status: report.status,
      ...(run?.durationMs !== undefined && { durationMs: run.durationMs }),
      ...(run?.stoppedBy !== undefined && { stoppedBy: run.stoppedBy }),
    },
  };
}

function limitNotification(limit: string): Notification {
  return { descriptor: { id: 'vgrun/limit' }, level: 'error', message: { text: text(limit) } };
}

function notificationOf({ code, level, message, hint, artifact, offset }: Problem): Notification {
  return {
    descriptor: { id: harmless(code) },
    level: problemLevels[level],
    message: { text: text(hint === undefined ? message : `${message} ${hint}`) },
    ...(artifact !== undefined && {
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: relativeUri(artifact) },
            ...(offset !== undefined && { region: { byteOffset: offset } }),
          },
        },
      ],
    }),
  };
}

// `2026-08-01T12:00:00.000Z`
const timePattern =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?Z$/;

function isTime(text: string): boolean {
  return timePattern.test(text);
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Results as JSON. */
function* resultsOf(report: Report): Generator<string> {
  const indices = new Map(report.rules.map(({ id }, index) => [id, index]));
  const program = programPath(report);
  const frameTexts = createTextCache<ReportFrame>();
  for (const limit of growthLimits(report)) {
    if (limit.exceeded) yield harmlessJson(JSON.stringify(growthResult(limit, report.rules.length, program)));
  }
  for (const finding of report.findings) {
    if (finding.hidden) continue;
    yield resultText(finding, indices.get(finding.rule), program, frameTexts, report.replay);
  }
  for (const entry of report.comparison?.fixed ?? [])
    yield harmlessJson(JSON.stringify(fixedResult(entry, indices.get(entry.rule), report)));
}

/** A measure that grew too much: of the whole program, so it is placed there. */
function growthResult(limit: GrowthLimit, ruleIndex: number, program: string): Result {
  const { measure, before, after, allowed } = limit;
  return {
    ruleId: growthRule.id,
    ruleIndex,
    level: 'error',
    kind: 'fail',
    message: { text: text(growthText(limit)) },
    locations: [{ physicalLocation: programLocation(program) }],
    partialFingerprints: { 'vgrun/v1': `max-growth/${harmless(measure)}` },
    properties: { before, after, allowed },
  };
}

/** Stacks are nine tenths of a result, and made of frames that others have too, so they are put in between as text. */
function resultText(
  finding: Finding,
  ruleIndex: number | undefined,
  program: string,
  frameTexts: TextCache<ReportFrame>,
  replay: Replay | undefined,
): string {
  const head = harmlessJson(JSON.stringify(resultStart(finding, ruleIndex, program, replay)));
  const tail = harmlessJson(JSON.stringify(resultEnd(finding, replay)));
  const witnessed = (finding.witnesses ?? []).flatMap(({ tool, stacks }) =>
    stacks.map((stack) => ({ ...stack, text: `${tool}: ${stackTitle(stack)}` })),
  );
  const stacks = stackTexts([...finding.stacks, ...witnessed], frameTexts);
  const between = stacks.length === 0 ? '' : `"stacks":[${stacks.join(',')}],`;
  return `${head.slice(0, -1)},${between}${tail.slice(1)}`;
}

/** A finding of the start of a program may be in all of a thousand requests. */
const mostShares = 20;

const states = { new: 'new', known: 'unchanged', changed: 'updated' } as const;

/** What stands before the stacks. */
function resultStart(
  finding: Finding,
  ruleIndex: number | undefined,
  program: string,
  replay: Replay | undefined,
): Result {
  const frame = shownFrame(finding);
  const cost = costOf(finding);
  const where = frame === undefined ? '' : `, at ${placeOf(frame)}`;
  const requests = shareNames(finding, replay);
  const asked = requests === '' ? '' : `, ${requests}`;
  return {
    ruleId: harmless(finding.rule),
    ...(ruleIndex !== undefined && { ruleIndex }),
    level: levels[finding.severity],
    kind: 'fail',
    message: { text: text(`${headline(finding)}${cost === '' ? '' : `, ${cost}`}${where}${asked}`) },
    locations: [primaryLocation(frame, program)],
    partialFingerprints: { 'vgrun/v1': harmless(finding.fingerprint) },
    occurrenceCount: Math.max(1, finding.count),
  };
}

/** What stands after the stacks: never nothing. */
function resultEnd(finding: Finding, replay: Replay | undefined): Omit<Result, 'message'> {
  const { blamed, stacks, leak, standing, before, witnesses = [] } = finding;
  const excuse = whyNotFailing(finding);
  const others = stacks.filter((_, index) => index !== (blamed?.stack ?? 0));
  const related = [...others.flatMap(relatedLocation), ...witnesses.flatMap(witnessLocation)].map(
    (location, index) => ({ ...location, id: index + 1 }),
  );
  const flow = lockOrderFlow(stacks);
  const shares = shareTexts(finding, replay, mostShares);
  return {
    ...(related.length > 0 && { relatedLocations: related }),
    ...(flow !== undefined && { codeFlows: [flow] }),
    ...(standing !== undefined && { baselineState: states[standing] }),
    ...(finding.pardon !== undefined && {
      suppressions: [
        { kind: 'external', status: 'accepted', ...(excuse !== undefined && { justification: excuse }) },
      ],
    }),
    properties: {
      id: harmless(finding.id),
      error: finding.error,
      failing: finding.failing,
      ...(leak && {
        bytes: leak.bytes,
        directBytes: leak.directBytes,
        indirectBytes: leak.indirectBytes,
        blocks: leak.blocks,
      }),
      ...(finding.atLeast && { atLeast: true }),
      ...(witnesses.length > 0 && {
        witnesses: witnesses.map(({ rule, id, fingerprint }) => ({
          rule: harmless(rule),
          id: harmless(id),
          fingerprint: harmless(fingerprint),
        })),
      }),
      ...(before && { before }),
      ...(finding.requests && {
        requests: finding.requests.slice(0, mostShares).map((share, index) => ({
          ...share,
          text: text(shares[index] ?? ''),
        })),
      }),
      ...(finding.details.length > 0 && { details: finding.details.map(harmless) }),
    },
  };
}

/** What a baseline tells of a finding that is gone: its place in words, and in which programs it was. */
function fixedResult(entry: BaselineEntry, ruleIndex: number | undefined, report: Report): Result {
  return {
    ruleId: harmless(entry.rule),
    ...(ruleIndex !== undefined && { ruleIndex }),
    level: 'none',
    kind: 'pass',
    baselineState: 'absent',
    message: { text: text(`Fixed: ${entryText(entry)}`) },
    locations: [
      {
        physicalLocation: programLocation(programPath(report, entry.programs[0])),
        logicalLocations: [{ fullyQualifiedName: harmless(entry.place) }],
      },
    ],
    partialFingerprints: { 'vgrun/v1': harmless(entry.fingerprint) },
    properties: { cost: costText(entry.cost) },
  };
}

function primaryLocation(frame: ReportFrame | undefined, program: string): Location {
  const location = frame === undefined ? undefined : locationOf(frame);
  return { ...location, physicalLocation: location?.physicalLocation ?? programLocation(program) };
}

function programLocation(program: string): PhysicalLocation {
  return { artifactLocation: { uri: relativeUri(program), uriBaseId: 'SRCROOT' } };
}

function locationOf(frame: ReportFrame): Location {
  const physicalLocation = physicalLocationOf(frame);
  return {
    ...(physicalLocation && { physicalLocation }),
    ...(frame.function !== undefined && {
      logicalLocations: [{ fullyQualifiedName: harmless(frame.function), kind: 'function' }],
    }),
  };
}

function physicalLocationOf({ path, directory, line, column }: ReportFrame): PhysicalLocation | undefined {
  if (path === undefined || path === '') return undefined;
  const absolute = path.startsWith('/');
  // Text logs have the base names of files alone: in which directory of the project they are, nobody knows.
  const based = !absolute && isInProject(path) && (directory !== undefined || path.includes('/'));
  return {
    artifactLocation: {
      uri: absolute ? `file://${encodedPath(path)}` : relativeUri(path),
      ...(based && { uriBaseId: 'SRCROOT' }),
    },
    ...(line !== undefined &&
      line > 0 && {
        region: { startLine: line, ...(column !== undefined && column > 0 && { startColumn: column }) },
      }),
  };
}

/** Stacks with calls in them. The schema wants each once, and a log may say one twice. */
function stackTexts(stacks: readonly ReportStack[], frameTexts: TextCache<ReportFrame>): readonly string[] {
  const told = stacks.filter(({ frames }) => frames.length > 0);
  const texts = told.map((stack) => {
    const message = harmlessJson(JSON.stringify({ text: text(stackTitle(stack)) }));
    const frames = stack.frames.map((frame) => frameTexts(frame, frameText)).join(',');
    return `{"message":${message},"frames":[${frames}]}`;
  });
  return texts.length < 2 ? texts : [...new Set(texts)];
}

/** Without addresses: they vary between runs, and viewers have no use for them. */
function frameText(frame: ReportFrame): string {
  const told: StackFrame = {
    location: locationOf(frame),
    ...(frame.object !== undefined && { module: harmless(frame.object) }),
  };
  return harmlessJson(JSON.stringify(told));
}

/** Where the block was allocated or freed, the value created, the other access made: what the other stacks tell. */
function relatedLocation(stack: ReportStack): readonly Location[] {
  const frame = tellingFrame(stack);
  const location = frame === undefined ? undefined : locationOf(frame);
  if (location?.physicalLocation === undefined) return [];
  return [{ ...location, message: { text: text(stackTitle(stack)) } }];
}

/** Where another instrument saw the same defect. */
function witnessLocation(witness: Finding): readonly Location[] {
  const frame = shownFrame(witness);
  const location = frame === undefined ? undefined : locationOf(frame);
  if (location?.physicalLocation === undefined) return [];
  return [{ ...location, message: { text: text(`also seen by ${witness.rule}: ${headline(witness)}`) } }];
}

/** `required order first` and `then`, and the observed order, each by one thread. */
function lockOrderFlow(stacks: readonly ReportStack[]): NonNullable<Result['codeFlows']>[number] | undefined {
  const place = (label: StackLabel): Location | undefined => {
    const stack = stacks.find((one) => one.label === label);
    const frame = stack && tellingFrame(stack);
    return stack && frame && { ...locationOf(frame), message: { text: text(stackTitle(stack)) } };
  };
  const orders = (['required order', 'observed order'] as const).flatMap((order) => {
    const [first, then] = [place(`${order} first`), place(`${order} then`)];
    if (first === undefined || then === undefined) return [];
    return [{ message: { text: order }, locations: [{ location: first }, { location: then }] }];
  });
  return orders.length === 0 ? undefined : { threadFlows: orders };
}

// `{0}` stands for an argument; `[text](target)` is a link. `operator[](int)` is neither, and stays.
const meant = /\{(\d+)\}|\[([^[\]]+)\](?=\()/g;

/** Text for a message (SARIF 2.1.0, 3.11): harmless, and neither placeholder nor link. */
function text(raw: string): string {
  return harmless(raw).replace(meant, (_, number: string | undefined, words: string) =>
    number === undefined ? `\\[${words}\\]` : `{{${number}}}`,
  );
}

/** Path to URI reference, segment by segment; bytes that are no characters become U+FFFD. */
function encodedPath(path: string): string {
  return path
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
    .split('/')
    .map((segment) =>
      // Marks that encodeURIComponent leaves alone and RFC 3986 reserves.
      encodeURIComponent(segment).replace(
        /[!'()*]/g,
        (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');
}

/** A relative reference: `./` and empty segments at the start would make it another. */
function relativeUri(path: string): string {
  return encodedPath(path.replace(/^(?:\.?\/+)+/, '')) || '.';
}
