// ANALYZE: from the stream of records to the report that every reporter renders. Pure.
import type { Problem } from '../model/problem.ts';
import type { ProcessRecord, RunRecord } from '../model/record.ts';
import type { Finding, Outcome, Report, ReportProcess, ReportTotals } from '../model/report.ts';
import type { RunManifest } from '../model/run.ts';
import { compareFindings, comparisonOf, type Judgement, type Known, programName } from './baseline.ts';
import { crashWords } from './crash-words.ts';
import { deadlockWords } from './deadlock-words.ts';
import { bySeverityThenCost, countsAsError, makeFinding, makeMessage, rulesOf } from './findings.ts';
import { type FindingDraft, type Folded, fold, type ImageDraft } from './fold.ts';
import { frameMaker } from './frames.ts';
import { applyGate, asksForLeaks, type GateRules } from './gate.ts';
import { leakKindsOf, onlyLooks } from './instruments.ts';
import { kindFinder } from './kinds.ts';
import { fatalExit, isFirst, type Launch, launchesOf, logTimes, ownEnd, worstEnd } from './launches.ts';
import { type LeakPolicy, leakPolicy, readLeakKinds, searchedLeakKinds } from './leak-policy.ts';
import { sumLeaks } from './leak-sum.ts';
import { goneProblem, interpreterProblem, missingProblem, partialProblem, stubProblem } from './notes.ts';
import { verdict } from './outcome.ts';
import type { OwnershipContext } from './ownership.ts';
import { type OwnershipRules, ownershipDecider } from './ownership-rules.ts';
import { type ProcessId, processKey, processTree, type TreeNode } from './process-tree.ts';
import type { AgainstProfiles } from './profile/against.ts';
import type { ProfileOfImage } from './profile/index.ts';
import { attribution } from './requests.ts';
import { type ParentOf, type Settled, type SettledSighting, settle } from './sightings.ts';
import { crashesOf, deadlocksOf, reportStops } from './stops.ts';
import { imageTotals, runTotals } from './totals.ts';
import { searchedLeaks, unlistedLeaks, unsearchedLeaks } from './unlisted-leaks.ts';
import { facesOf, joinWitnesses, rank } from './witnesses.ts';

/** What analyze knows beside the records. Everything but `vgrun` may be missing, as for a log of unknown origin. */
export interface AnalyzeOptions {
  /** Version of vgrun, for the report. */
  readonly vgrun: string;
  /** The run's `run.json`; missing for a log without a run. */
  readonly manifest?: RunManifest | undefined;
  /** Of a replay: the `run.json` of each launch; entry n-1 is launch n. */
  readonly launches?: readonly RunManifest[] | undefined;
  /** Absolute path of the run directory. */
  readonly runDirectory?: string | undefined;
  /** Absolute path; sources under it are mine. The manifest's when missing. */
  readonly projectRoot?: string | undefined;
  /** `definite,possible`, as in valgrind's option. From the user's options when missing. */
  readonly errorsForLeakKinds?: string | undefined;
  /** Kinds of leak that are listed, as in valgrind's option. From the user's options when missing. */
  readonly showLeakKinds?: string | undefined;
  /** The user's `--error-exitcode`. From the manifest's options when missing. */
  readonly errorExitcode?: number | undefined;
  /** Show what was found in a script's interpreter. */
  readonly followInterpreter?: boolean | undefined;
  /** The user's own rules of whose code is whose. */
  readonly ownership?: OwnershipRules | undefined;
  /** What fails beside or instead of what the instrument counts as an error. */
  readonly gate?: GateRules | undefined;
  /** What was known before: a baseline, or another report. */
  readonly known?: Known | undefined;
  /** Show values of variables that look like secrets. */
  readonly secrets?: boolean | undefined;
  /** Problems of running and collecting that the manifest does not hold. */
  readonly problems?: readonly Problem[] | undefined;
}

/**
 * Makes the report. Reads the records once, as a stream; memory follows distinct findings and processes, not the
 * length of the log.
 * @throws only what the iteration of `records` throws.
 */
export async function analyze(
  records: AsyncIterable<RunRecord> | Iterable<RunRecord>,
  options: AnalyzeOptions,
): Promise<Report> {
  const { manifest } = options;
  const requests = manifest?.replay && attribution(manifest.replay, options.launches ?? []);
  const folded = await fold(records, policyFor(options), requests?.listener);
  // All launches of a replay start the same program.
  const script = manifest?.interpreter ?? options.launches?.[0]?.interpreter;
  const interpreter = options.followInterpreter === true ? undefined : script;
  const running = runningIn(manifest, options.launches);
  const alive = new Set(running.map(processKey));
  const nodes = processTree(folded.images, {
    isAlive: (process) => alive.has(processKey(process)),
    interpreter,
  });
  const nodeOf = new Map(nodes.map((node) => [node.image, node]));
  const parentOf: ParentOf = (image) => nodeOf.get(image)?.parent;
  const settled = settle(folded.images, folded.findings, parentOf);
  const problems = [
    ...problemsOf(manifest, options.launches),
    ...(options.problems ?? []),
    ...folded.problems.filter((problem) => !isExpectedCut(problem, nodes)),
    ...unlistedLeaks(nodes),
  ];
  const stubs = nodes.filter(({ end }) => end === 'exec-stub').length;
  if (stubs > 0) problems.push(stubProblem(stubs));
  if (settled.goneReachable > 0) problems.push(goneProblem(settled.goneReachable));

  const projectRoot = options.projectRoot ?? manifest?.projectRoot;
  const decide = await ownershipDecider(options.ownership ?? {}, projectRoot);
  const frames = frameMaker({ projectRoot, decide });
  const crashOf = crashesOf(folded.images);
  const deadlockOf = deadlocksOf(folded.images);
  const found: Finding[] = [];
  const mixed = new Set<Finding>();
  const kindOf = await kindFinder(folded.findings.map(({ first }) => first.tool));
  let leftToInterpreter = 0;
  for (const [draft, sightings] of settled.sightings) {
    const own = sightings.filter(({ image }) => nodeOf.get(image)?.interpreter !== true);
    if (own.length === 0) leftToInterpreter++;
    const words = crashWords(crashOf(draft)) ?? deadlockWords(deadlockOf(draft));
    const made = { ...makeFinding(draft, sightings, own.length === 0, frames, kindOf), ...words };
    const shares = requests?.sharesOf(draft, sightings);
    const finding = shares === undefined ? made : { ...made, requests: shares };
    found.push(finding);
    if (draft.mixed) mixed.add(finding);
  }
  if (leftToInterpreter > 0) problems.push(interpreterProblem(leftToInterpreter, script ?? ''));

  const { known, gate: rules = {} } = options;
  const joined = joinWitnesses(found, (finding) => mixed.has(finding));
  const compared = known === undefined ? { findings: joined, gone: [] } : compareFindings(joined, known);
  const against = await judgedProfiles(
    nodes.flatMap(({ image, complete }) => profilesOf(image, complete)),
    { projectRoot, decide },
    options,
  );
  const { profiles } = against;
  problems.push(...against.problems);
  const { findings: gated, gate } = applyGate(compared.findings, rules, against.growth);
  const findings = [...gated].sort(bySeverityThenCost);
  if (known?.missing === true && profiles.length === 0) problems.push(missingProblem(known.name));
  if (known?.whole === false && profiles.length === 0) problems.push(partialProblem(known.name));
  if (asksForLeaks(rules)) problems.push(...unsearchedLeaks(nodes));

  const uncounted = new Map<ImageDraft, number>();
  for (const draft of folded.findings) {
    for (const [image, { contexts, countedContexts }] of draft.sightings) {
      uncounted.set(image, (uncounted.get(image) ?? 0) + contexts - countedContexts);
    }
  }
  const stops = reportStops(nodes, folded.findings, findings, frames, options.secrets === true);
  const measures = folded.findings.length === 0;
  const purpose = purposeOf(manifest, measures && profiles.length > 0, measures && showsState(nodes));
  const totals = new Map(
    nodes.map(({ image }): [ImageDraft, ReportTotals] => [
      image,
      purpose === undefined ? imageTotals(image, uncounted.get(image) ?? 0, parentOf) : noTotals,
    ]),
  );
  // An image that exec'd or only forked has no totals of its own to show; its errors are in the sum all the same.
  const counted = new Map([...totals].filter(([image]) => isCounted(nodeOf.get(image))));

  const launches = launchesOf(nodes, manifest, options.launches);
  const single = launches[0]?.number === undefined ? launches[0] : undefined;
  const replay = requests?.replay;
  const decided = verdict({
    nodes,
    problems,
    findings,
    limits: gate?.limits ?? [],
    growth: against.growth,
    launches,
    replay,
    observed: manifest !== undefined && manifest.core === undefined,
    isRun: manifest !== undefined && manifest.core === undefined,
    stoppedBy: manifest?.stoppedBy,
    alive: running,
    errorExitcode: options.errorExitcode ?? errorExitcodeOf(userOptions(manifest)),
  });
  const exit = single === undefined ? worstEnd(launches) : single.exit;

  // A comparison counts findings; profiles have theirs in `before`.
  const isOnlyProfiles = profiles.length > 0 && findings.length === 0 && known?.entries.length === 0;
  const timesOf = logTimes(launches, manifest?.startedAt);
  const launchOf = new Map(launches.map((launch) => [launch.number, launch]));
  const perImage = new Map<number, number>();
  for (const finding of findings) {
    const own = facesOf(finding).flatMap(({ seenIn }) => seenIn.filter(({ inherited }) => !inherited));
    for (const image of new Set(own.map(({ image }) => image)))
      perImage.set(image, (perImage.get(image) ?? 0) + 1);
  }
  const told = new Set(
    joined.flatMap(({ witnesses = [] }) => witnesses.map(({ fingerprint }) => fingerprint)),
  );
  return {
    version: 1,
    vgrun: options.vgrun,
    ...decided,
    tool: toolOf(folded, manifest),
    ...(purpose && { purpose }),
    ...(manifest && { run: runOf({ ...manifest, ...(exit && { exit }) }, options.runDirectory) }),
    findings,
    rules: rulesOf(findings, kindOf),
    ...(gate && { gate }),
    ...(known &&
      !isOnlyProfiles && {
        comparison: comparisonOf(
          findings,
          compared.gone,
          known,
          judgementOf(nodes, decided, manifest?.tool.name, launchOf),
        ),
      }),
    ...(profiles.length > 0 && { profiles: against.profiles }),
    totals:
      purpose === undefined
        ? runTotals(counted, withoutWitnesses(settled, told), countsAsError, parentOf)
        : noTotals,
    processes: nodes.map((node): ReportProcess => {
      const { process } = node.image;
      const { launch } = process;
      const started = launchOf.get(launch);
      const isRoot = isFirst(process, started);
      const request = requests?.requestOf(node.image);
      return {
        image: process.image,
        pid: process.pid,
        ...(launch !== undefined && { launch }),
        ...(request !== undefined && { request }),
        ...(process.ppid !== undefined && { ppid: process.ppid }),
        ...(node.parent && { parent: node.parent.process.image }),
        program: process.argv[0] ?? (isRoot ? manifest?.program : undefined) ?? '',
        argv: process.argv,
        forked: process.forked,
        end: node.end,
        exit: (node === started?.last ? started.exit : fatalExit(node.image.fatal)) ?? { how: 'unknown' },
        complete: node.complete,
        ...timesOf(process.artifact, launch),
        findings: perImage.get(process.image) ?? 0,
        totals: totals.get(node.image) ?? { computed: [] },
      };
    }),
    ...(stops.length > 0 && { stops }),
    ...(replay && { replay }),
    suppressions: folded.suppressions.map(({ name, count, place, bytes, blocks }) => ({
      name,
      count,
      ...(place !== undefined && { place }),
      ...(bytes !== undefined && { bytes }),
      ...(blocks !== undefined && { blocks }),
    })),
    messages: folded.messages.map((message) => makeMessage(message, frames)),
    problems,
  };
}

/** Processes that still wrote when the run, or the launch that they belong to, was closed. */
function runningIn(
  manifest: RunManifest | undefined,
  launches: readonly RunManifest[] = [],
): readonly ProcessId[] {
  if (launches.length === 0) return (manifest?.alive ?? []).map((pid) => ({ pid }));
  return launches.flatMap(({ alive }, index) => alive.map((pid) => ({ pid, launch: index + 1 })));
}

/** What is wrong with each of a hundred launches is one problem. */
function problemsOf(
  manifest: RunManifest | undefined,
  launches: readonly RunManifest[] = [],
): readonly Problem[] {
  const own = manifest?.problems ?? [];
  const keyOf = ({ code, message }: Problem): string => `${code} ${message}`;
  const told = new Set(own.map(keyOf));
  const more = launches
    .flatMap(({ problems }) => problems)
    .filter((problem) => !told.has(keyOf(problem)) && told.add(keyOf(problem)));
  return [...own, ...more];
}

function profilesOf(image: ImageDraft, complete: boolean): readonly ProfileOfImage[] {
  return image.profiles.map((profile) => ({
    image: image.process.image,
    pid: image.process.pid,
    ...(image.process.launch !== undefined && { launch: image.process.launch }),
    program: image.process.argv[0] ?? '',
    complete,
    profile,
  }));
}

/** What is about profiles is loaded only when a run has one, or one is asked about: most have none. */
async function judgedProfiles(
  found: readonly ProfileOfImage[],
  context: OwnershipContext,
  { known, gate }: AnalyzeOptions,
): Promise<AgainstProfiles> {
  const asked = known !== undefined || (gate?.growth ?? []).length > 0;
  if (found.length === 0 && !asked) return { profiles: [], problems: [] };
  const [{ reportProfiles }, { againstProfiles }, { nothingCounted }] = await Promise.all([
    import('./profile/index.ts'),
    import('./profile/against.ts'),
    import('./profile/nothing-counted.ts'),
  ]);
  const profiles = reportProfiles(found, context);
  const against = againstProfiles(profiles, known, gate?.growth);
  return { ...against, problems: [...nothingCounted(profiles), ...against.problems] };
}

/** What looks at a process as it is, and not at what it does. */
function showsState(nodes: readonly TreeNode[]): boolean {
  return (
    nodes.length > 0 && nodes.every(({ image }) => onlyLooks(image.process.tool) && image.fatal === undefined)
  );
}

/** A tool that looks for no errors has found none, which is no total. */
const noTotals: ReportTotals = { computed: [] };

function purposeOf(
  manifest: RunManifest | undefined,
  isProfile: boolean,
  isState: boolean,
): Report['purpose'] {
  if (manifest?.capture === 'log') return 'log';
  if (isState) return 'state';
  return manifest?.capture === 'profile' || isProfile ? 'profile' : undefined;
}

/** Every sighting of what another instrument tells as well is taken for told already. */
function withoutWitnesses({ sightings, ...rest }: Settled, witnesses: ReadonlySet<string>): Settled {
  if (witnesses.size === 0) return { sightings, ...rest };
  const told = [...sightings].map(([draft, of]): [FindingDraft, readonly SettledSighting[]] => {
    if (!witnesses.has(draft.fingerprint)) return [draft, of];
    return [draft, of.map(asToldAlready)];
  });
  return { sightings: new Map(told), ...rest };
}

function asToldAlready(sighting: SettledSighting): SettledSighting {
  const { leak, inherited, inheritedLeak } = sighting;
  const all = inherited ? inheritedLeak : sumLeaks([leak, inheritedLeak].flatMap((part) => part ?? []));
  return { ...sighting, inherited: true, witness: true, ...(all && { inheritedLeak: all }) };
}

/** What the run may say of entries that it did not see again. */
function judgementOf(
  nodes: readonly TreeNode[],
  { outcome }: { readonly outcome: Outcome },
  ranTool: string | undefined,
  launches: ReadonlyMap<number | undefined, Launch>,
): Judgement {
  const namesOf = ({ image: { process } }: TreeNode): readonly string[] => {
    const tool = process.tool ?? ranTool;
    const program = programName(process.argv);
    // The leaks of AddressSanitizer are LeakSanitizer's.
    const tools = leakKindsOf(tool).includes('indirect') && tool !== 'lsan' ? [tool, 'lsan'] : [tool];
    return tools.map((name) => `${name} ${program}`);
  };
  // What ended early may not have come to the place.
  const failed = ({ process }: ImageDraft): boolean => {
    const launch = launches.get(process.launch);
    const end = launch?.manifest?.exit && ownEnd({ ...launch, exit: launch.manifest.exit });
    return end?.how === 'exited' && end.code !== 0 && process.pid === launch?.manifest?.pid;
  };
  const ended = (node: TreeNode): boolean =>
    node.complete && node.image.fatal === undefined && !failed(node.image);
  const known = nodes.filter(({ image }) => image.process.pid > 0);
  const early = new Set(known.filter((node) => !ended(node)).flatMap(namesOf));
  return {
    whole: outcome !== 'inconclusive',
    programs: new Set(known.flatMap(namesOf).filter((name) => !early.has(name))),
    leaks: nodes.every(({ image }) => searchedLeaks(image)),
  };
}

/** A process that becomes another program leaves its document open: that is how exec looks, not a loss. */
function isExpectedCut({ code, level, pid }: Problem, nodes: readonly TreeNode[]): boolean {
  // A text log that is cut in the middle of an error has lost it, whatever became of the process.
  if (code !== 'truncated-document' && (code !== 'truncated-log' || level === 'incomplete')) return false;
  const images = nodes.filter(({ image }) => image.process.pid === pid);
  return images.length > 0 && images.every(({ complete }) => complete);
}

/** Which leaks fail and which are listed: as the caller says, else by the user's options, else by the log's own. */
function policyFor(options: AnalyzeOptions): (process: ProcessRecord) => LeakPolicy {
  const { manifest } = options;
  const failing = options.errorsForLeakKinds && readLeakKinds(options.errorsForLeakKinds);
  const shown = options.showLeakKinds && readLeakKinds(options.showLeakKinds);
  const ofUser = manifest && leakPolicy(userOptions(manifest));
  return (process) => {
    // A foreign log holds what its user asked for, and a text log what valgrind chose to list: nothing is hidden.
    const listed = manifest === undefined || process.protocol === undefined;
    const own = ofUser ?? { ...leakPolicy(process.instrumentArgv), shown: new Set(searchedLeakKinds) };
    return {
      failing: failing || own.failing,
      shown: shown || (listed ? new Set(searchedLeakKinds) : own.shown),
      searched: own.searched,
    };
  };
}

/** The user's options for the instrument, in the order in which valgrind takes them. */
function userOptions(manifest: RunManifest | undefined): readonly string[] {
  if (manifest === undefined) return [];
  return [...manifest.environmentOptions.flatMap(({ options }) => options), ...manifest.toolOptions];
}

function errorExitcodeOf(options: readonly string[]): number | undefined {
  const last = options.findLast((option) => /^--error-exitcode=\d+$/.test(option));
  return last === undefined ? undefined : Number(last.slice(last.indexOf('=') + 1));
}

function isCounted(node: TreeNode | undefined): boolean {
  return node !== undefined && node.end !== 'exec-stub' && node.end !== 'execed';
}

function toolOf(folded: Folded, manifest: RunManifest | undefined): Report['tool'] {
  const processes = folded.images.map(({ process }) => process).filter(({ tool }) => tool !== undefined);
  const names = [...new Set(processes.flatMap(({ tool }) => tool ?? []))];
  const versions = [...new Set(processes.map(({ version }) => version))];
  // Runs and logs that are read together: one version only where all have it.
  const several = [...names].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).join(', ');
  const name = manifest?.tool.name ?? (several || (folded.findings[0]?.first.tool ?? 'unknown'));
  const version =
    manifest?.tool.version ?? (names.length < 2 || versions.length < 2 ? versions[0] : undefined);
  return { name, ...(version !== undefined && { version }) };
}

function runOf(manifest: RunManifest, directory: string | undefined): NonNullable<Report['run']> {
  const { id, command, toolOptions, startedAt, durationMs, exit, stoppedBy, projectRoot } = manifest;
  return {
    id,
    directory: directory ?? '.',
    command,
    toolOptions,
    startedAt,
    ...(durationMs !== undefined && { durationMs }),
    ...(exit && { exit }),
    ...(stoppedBy && { stoppedBy }),
    projectRoot,
  };
}
