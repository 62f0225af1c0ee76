// `vgrun [options] program [arguments]`: the main job. Runs the program under its instrument and says what was found.
import type { Known } from '../analyze/baseline.ts';
import { UserError } from '../errors.ts';
import { debug, enableLog } from '../log.ts';
import type { Launch } from '../model/launch.ts';
import { inheritedDescriptors } from '../run/descriptors.ts';
import { type OwnBytes, readOwnBytes } from '../run/exact-bytes.ts';
import { findValgrind } from '../run/instrument.ts';
import { planRun } from '../run/plan.ts';
import { type RunEvents, type RunRequest, type RunResult, runTarget } from '../run/run.ts';
import { ownDirectory } from '../run/working-directory.ts';
import type { CommandLine } from '../tools/_shared/command-line.ts';
import { version } from '../version.ts';
import type { Destination } from './output.ts';
import { readWish, type Wished } from './wish.ts';

/**
 * @param attach a process to look at instead of starting the program, which is its file then.
 * @param own what vgrun was really given, where the words are others than those of its command line.
 * @returns the exit status; see "Exit status" in the manual.
 */
export async function main(
  argv: readonly string[],
  attach?: Launch['attach'],
  own: OwnBytes = readOwnBytes(argv),
): Promise<number> {
  const descriptors = inheritedDescriptors();
  const { words, inherits, problems } = own;
  const wished = await readWish(words, ownDirectory());
  const { wish } = wished;
  if (wish === undefined) return answer(wished.commandLine);
  return measure(
    {
      ...wished,
      wish: {
        ...wish,
        ...(inherits !== undefined && { inherits }),
        ...(attach !== undefined && { launch: { ...wish.launch, attach } }),
      },
    },
    (request, events) =>
      runOnceOrOften(
        wished.commandLine,
        { ...request, problems: [...request.problems, ...problems] },
        { descriptors, ...events },
      ),
  );
}

/** @throws UserError (125) for `--repeat` and `--until-fail` that do not go with each other, or with the rest. */
export async function runOnceOrOften(
  { own, errorExitcode }: CommandLine,
  request: RunRequest,
  events: RunEvents,
): Promise<RunResult> {
  const { repeat, untilFail } = own;
  if (untilFail && repeat === undefined) {
    throw new UserError('--until-fail needs --repeat: how often at most?', 'write --repeat=100 --until-fail');
  }
  if (repeat === undefined) return runTarget(request, events);
  if (repeat === 0) throw new UserError('--repeat cannot be 0', 'it takes: how often to run the program');
  if (request.launch.attach !== undefined || own.capture === 'fd' || request.sink !== undefined) {
    throw new UserError(
      '--repeat is for a program that is started, and for logs in files',
      'leave out --capture=fd, a log in a descriptor or socket, or the process',
    );
  }
  const [{ runSeries }, { parse, analyze }, { readAnalysis }] = await Promise.all([
    import('../run/crash/series.ts'),
    import('../pipeline.ts'),
    import('./analysis.ts'),
  ]);
  const wishes = await readAnalysis({ ...own, errorExitcode }, false);
  return runSeries(request, events, {
    times: repeat,
    untilFail,
    judge: async (directory) => {
      const report = await analyze(await parse(directory), wishes);
      return report.outcome === 'clean' ? undefined : (report.reasons[0] ?? report.outcome);
    },
  });
}

/** What is heard of a run, however it is driven. */
export interface MeasureEvents
  extends Required<Pick<RunEvents, 'say' | 'progress'>>,
    Pick<RunEvents, 'onXml'> {
  readonly onStart: () => void;
}

/**
 * Plans, runs and reports.
 *
 * @param run what becomes of the plan.
 * @returns the exit status.
 */
export async function measure(
  { commandLine, wish, blame, isTyped }: Wished & Required<Pick<Wished, 'wish'>>,
  run: (request: RunRequest, events: MeasureEvents) => Promise<RunResult>,
): Promise<number> {
  const { own, notes } = commandLine;
  if (own.logLevel !== undefined) await enableLog(own.logLevel);
  for (const note of notes) say(note);
  const mail =
    own.mail.length === 0
      ? undefined
      : await import('./mail.ts').then(({ readMail }) => readMail(own, blame));
  const destinations =
    own.report.length === 0
      ? []
      : await readDestinations(own.report, blame, [
          [wish.launch.program, 'the program'],
          ...(mail?.files ?? []).map((file) => [file, 'where the mail goes'] as const),
          ...(own.baseline === undefined ? [] : [[own.baseline, 'the baseline'] as const]),
        ]);
  await checkForms(wish.launch.tool, destinations);
  const needsReading = [own.baseline, own.failOn, own.max, own.maxGrowth].some(
    (value) => value !== undefined,
  );
  const analysis = () =>
    import('./analysis.ts').then(({ readAnalysis }) =>
      readAnalysis(
        { ...own, errorExitcode: commandLine.errorExitcode },
        // Every mail has a page attached.
        mail !== undefined || destinations.some(({ format }) => format === 'html'),
      ),
    );
  // What is wrong with them is said before a long run.
  const early = needsReading
    ? await analysis().catch(blame(`--baseline=${own.baseline}`, own.baseline))
    : undefined;
  if (needsReading) {
    const baseline = `--baseline=${own.baseline}`;
    await checkComparison(
      wish.launch.tool,
      own.maxGrowth,
      isTyped(baseline) ? early?.known : undefined,
    ).catch(blame(`--max-growth=${own.maxGrowth}`, '--max-growth'));
  }
  const request = await planRun(wish, say);

  let afterwards: Promise<unknown> | undefined;
  const live =
    own.capture === 'fd' ? (await import('./live.ts')).liveView(say, commandLine.showLeakKinds) : undefined;
  const { directory, manifest } = await run(request, {
    say,
    progress: process.stderr.isTTY === true && !commandLine.quiet,
    ...(live === undefined ? {} : { onXml: live.read }),
    // Loaded while the program runs: nothing of it is needed before.
    onStart: () => {
      afterwards = Promise.all([
        import('../pipeline.ts'),
        import('./output.ts').then(({ readyTerminal }) => readyTerminal()),
        import('./analysis.ts'),
      ]);
    },
  });
  await live?.finish();
  await afterwards;

  const { parse, analyze } = await import('../pipeline.ts');
  const { terminalOptions, writeReports, writeTo } = await import('./output.ts');
  const report = await analyze(await parse(directory), early ?? (await analysis()));
  debug('analyzed', { findings: report.findings.length, outcome: report.outcome });
  const look = { fullStacks: own.fullStacks, all: own.all };
  // -q: nothing when there is nothing to say, as in valgrind.
  if (!commandLine.quiet || report.outcome !== 'clean') {
    await writeTo(process.stderr, report, 'pretty', {
      ...terminalOptions(process.stderr, own.color),
      ...look,
    });
  }
  const fileLook = { ...terminalOptions(process.stdout, own.color), ...look };
  const written = await writeReports(report, destinations, fileLook);
  const status =
    mail === undefined
      ? written
      : await import('./mail.ts').then(({ mailReport }) =>
          mailReport(report, mail, destinations, fileLook, written, commandLine.quiet ? undefined : say),
        );
  debug('reported', { status });
  if (!own.ownStatus) return status;
  return (await import('../run/own-status.ts')).endLikeProgram(manifest.exit, status);
}

/** A report that can hold nothing of what the tool makes is refused before a long run. */
async function checkForms(name: string, destinations: readonly Destination[]): Promise<void> {
  if (destinations.length === 0) return;
  const [{ toolNamed, tools }, { profileFormats }] = await Promise.all([
    import('../tools/index.ts'),
    import('../report/index.ts'),
  ]);
  const tool = toolNamed(name);
  const wanted = destinations.find(({ format }) => profileFormats.includes(format));
  if (tool === undefined || tool.yields === 'profile' || wanted === undefined) return;
  const others = tools.filter(({ yields }) => yields === 'profile').map((each) => each.name);
  throw new UserError(
    `${wanted.format} holds profiles, and ${name} makes none`,
    `tools that do: ${others.join(', ')}; for what ${name} finds, write another format`,
  );
}

/**
 * What is compared must be of one kind: profiles with profiles.
 *
 * @param typed what the user named to compare with; one of the config is for all runs of the project.
 */
async function checkComparison(
  name: string,
  maxGrowth: string | undefined,
  typed: Known | undefined,
): Promise<void> {
  const { toolNamed, tools } = await import('../tools/index.ts');
  const makesProfiles = toolNamed(name)?.yields === 'profile';
  if (maxGrowth !== undefined && !makesProfiles) {
    const others = tools.filter(({ yields }) => yields === 'profile').map((tool) => tool.name);
    throw new UserError(
      `--max-growth is about profiles, and ${name} makes none`,
      others.length === 0
        ? 'leave it out'
        : `tools that do: ${others.join(', ')}; in a config it belongs into their presets`,
    );
  }
  if (makesProfiles && typed !== undefined) {
    const { mustHoldProfiles } = await import('./analysis.ts');
    mustHoldProfiles(typed);
  }
}

async function readDestinations(
  texts: readonly string[],
  blame: Wished['blame'],
  taken: readonly (readonly [path: string, what: string])[],
) {
  const output = await import('./output.ts');
  const destinations = await Promise.all(
    texts.map((text) => output.readDestination(text).catch(blame(`--report=${text}`))),
  );
  await output.mustBeApart(destinations, taken);
  return destinations;
}

function say(line: string): void {
  process.stderr.write(`vgrun: ${line}\n`);
}

/** `--help` and `--version`, on standard output. */
async function answer({ tool, help, toolGiven }: CommandLine): Promise<number> {
  if (help === undefined) {
    const installed = await findValgrind(undefined, process.env.PATH ?? '').then(
      ({ version: found }) => `valgrind ${found}`,
      () => 'valgrind is not installed',
    );
    process.stdout.write(`vgrun ${version} (${installed})\n`);
    return 0;
  }
  const { helpText } = await import('./help.ts');
  const columns = process.stdout.columns ?? 80;
  process.stdout.write(helpText({ detail: help, columns, version, ...(toolGiven ? { tool } : {}) }));
  return 0;
}
