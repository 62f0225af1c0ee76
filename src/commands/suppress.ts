// `vgrun suppress`: writes suppression entries for findings, and tells what each would have hidden.
import { UserError } from '../errors.ts';
import type { Finding, Report } from '../model/report.ts';
import { type AnalyzeWishes, analyze, parse } from '../pipeline.ts';
import { harmless } from '../report/terminal-text.ts';
import { latestRun, storedRuns } from '../run/directory.ts';
import { type SuppressionEntry, suppressionFormatOf } from '../tools/_shared/suppression-format.ts';
import { analysisOptions, readAnalysis } from './analysis.ts';
import { isAnswered, parseWithConfig, subCommand } from './sub-command.ts';

// An entry is made of what confidential reports leave out.
const { confidential: _, ...readingOptions } = analysisOptions;

/** @returns 0; 125 when an entry was refused; with `--check` also 100 and 101, see docs/suppress.md. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await parseWithConfig(
    subCommand(
      'suppress',
      '[options] [RUN|LOG…]\n       vgrun suppress --check [FILE…]\n\nWrites suppression entries for findings to standard output, and to standard error what each of them would have\nhidden in the stored runs. Without a name: the newest run here. Without --finding: a terminal is asked, elsewhere\nall findings that fail get an entry.',
      argv,
    )
      .option('finding', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'id of a finding, or its beginning; repeatable',
      })
      .option('output', { type: 'string', describe: 'append to this suppression file' })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'write also what hides more than the chosen findings',
      })
      .option('check', {
        type: 'boolean',
        default: false,
        describe: 'list entries of suppression files that no stored run used',
      })
      .options(readingOptions)
      .option('baseline', { type: 'string', describe: 'findings that are in it do not fail' }),
    argv,
  );
  if (isAnswered(argv)) return 0;

  const names = wishes._.map(String);
  if (wishes.check) return (await import('./suppress-check.ts')).check(names);

  const reading = await readAnalysis(wishes, false);
  const file = wishes.output === undefined ? undefined : await openOutput(wishes.output);
  const named = await readReports(names.length === 0 ? [await latestRun(process.cwd())] : names, reading);
  const findings = distinct(named);
  const chosen = await choose(findings, wishes.finding);
  if (chosen.length === 0) return 0;
  const stored = [...named, ...(await readStored(named, reading))];

  const asked = await settle(chosen, stored, wishes.yes);
  const text = asked.written.map(({ finding, entry }) => suppressionFormatOf(finding.tool).write(entry));
  if (file === undefined) process.stdout.write(text.join(''));
  else await file.append(asked.written);
  return asked.refused > 0 ? 125 : 0;
}

interface Written {
  readonly finding: Finding;
  readonly entry: SuppressionEntry;
}

function say(text: string): void {
  process.stderr.write(`${harmless(text)}\n`);
}

/** Directories are a run each; logs that are named together are one, as in `vgrun report`. */
async function readReports(paths: readonly string[], reading: AnalyzeWishes): Promise<readonly Report[]> {
  const { stat } = await import('node:fs/promises');
  const kinds = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        (status) => status.isDirectory(),
        () => false,
      ),
    ),
  );
  const logs = paths.filter((_, index) => kinds[index] === false);
  const groups = [
    ...paths.filter((_, index) => kinds[index] === true).map((path) => [path]),
    ...(logs.length === 0 ? [] : [logs]),
  ];
  const reports: Report[] = [];
  for (const group of groups) {
    reports.push(await analyze(await parse(...group), reading));
  }
  return reports;
}

/** The runs under the working directory that are not among the named ones. */
async function readStored(named: readonly Report[], reading: AnalyzeWishes): Promise<readonly Report[]> {
  const reports: Report[] = [];
  for (const path of await storedRuns(process.cwd())) {
    if (named.some(({ run }) => run?.directory === path)) continue;
    try {
      reports.push(...(await readReports([path], reading)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      say(`vgrun: left out: ${error.message}`);
    }
  }
  return reports;
}

/** Each finding once; the one that tells most comes first. */
function distinct(reports: readonly Report[]): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const finding of reports.flatMap(({ findings }) => findings)) {
    const before = found.get(finding.fingerprint);
    if (before === undefined || (before.suppression === undefined && finding.suppression !== undefined)) {
      found.set(finding.fingerprint, finding);
    }
  }
  return [...found.values()];
}

/** One line: id, kind, where. */
function describe({ id, kind, stacks, blamed }: Finding): string {
  const frames = stacks[blamed?.stack ?? 0]?.frames ?? [];
  const frame = blamed === undefined ? frames.find(({ owner }) => owner !== 'tool') : frames[blamed.frame];
  const line = frame?.path === undefined ? '' : ` at ${frame.path}${frame.line ? `:${frame.line}` : ''}`;
  return `${id} ${kind}${frame?.function === undefined ? '' : ` in ${frame.function}`}${line}`;
}

function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline');
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string>((answer) => {
      // Ctrl-D is no answer, and no answer is no.
      reader.once('close', () => answer(''));
      reader.question(harmless(question), answer);
    });
  } finally {
    reader.close();
  }
}

async function choose(findings: readonly Finding[], ids: readonly string[]): Promise<readonly Finding[]> {
  if (ids.length > 0) return [...new Set(ids.map((id) => findById(findings, id)))];
  const failing = findings.filter((finding) => finding.failing);
  if (failing.length === 0) {
    say('vgrun: no finding fails, so there is nothing to suppress; --finding=F-… takes any other');
    return [];
  }
  if (!isTerminal()) return failing;
  for (const [index, finding] of failing.entries()) say(`${index + 1}  ${describe(finding)}`);
  const words = (await ask('Suppress which? Numbers, ids or all: ')).split(/[\s,]+/).filter(Boolean);
  if (words.includes('all')) return failing;
  return [
    ...new Set(
      words.map((word) => {
        const byNumber = /^\d{1,5}$/.test(word) ? failing[Number(word) - 1] : undefined;
        return byNumber ?? findById(findings, word);
      }),
    ),
  ];
}

/** @param id `F-3f2a90b1c2d3`, `3f2a`, a fingerprint. */
function findById(findings: readonly Finding[], id: string): Finding {
  const wanted = id.replace(/^#?(?:F-)?/i, '').toLowerCase();
  const fitting = findings.filter(({ fingerprint }) => wanted !== '' && fingerprint.startsWith(wanted));
  const [only, other] = fitting;
  if (only === undefined) {
    throw new UserError(
      `there is no finding "${id}" in it`,
      'vgrun report --all shows the ids of all findings',
    );
  }
  if (other !== undefined) {
    const ids = fitting.slice(0, 5).map((finding) => finding.id);
    throw new UserError(
      `"${id}" is the beginning of ${fitting.length} findings`,
      `write more of it: ${ids.join(', ')}`,
    );
  }
  return only;
}

interface Effect {
  readonly entry: SuppressionEntry;
  /** Other findings that it hides. */
  readonly more: readonly Finding[];
  /** Other findings of which nobody can tell. */
  readonly perhaps: readonly Finding[];
}

/** Finds an entry for each finding, says what it would have hidden, and asks where that is more than was chosen. */
async function settle(
  chosen: readonly Finding[],
  stored: readonly Report[],
  yes: boolean,
): Promise<{ readonly written: readonly Written[]; readonly refused: number }> {
  const written: Written[] = [];
  let refused = 0;
  const wanted = new Set(chosen.map(({ fingerprint }) => fingerprint));
  const others = distinct(stored).filter(({ fingerprint }) => !wanted.has(fingerprint));
  for (const finding of chosen) {
    const format = suppressionFormatOf(finding.tool);
    const before = written.find(({ entry }) => format.hides(entry, finding) === 'yes');
    if (before !== undefined) {
      say(before.entry.name);
      say(`  hides also the chosen ${describe(finding)}`);
      continue;
    }
    const entries = format.entriesFor(finding);
    if ('refusal' in entries) {
      say(`vgrun: ${describe(finding)} cannot be suppressed: ${entries.refusal}`);
      refused += 1;
      continue;
    }
    const effect = leastEffect(entries, others, format.hides);
    for (const line of effectLines(finding, effect, stored)) say(line);
    if (effect.more.length + effect.perhaps.length > 0 && !yes) {
      if (!isTerminal() || !/^y(?:es)?$/i.test((await ask('Write this entry all the same? [y/N] ')).trim())) {
        say(
          `vgrun: not written: it hides more than the chosen finding${isTerminal() ? '' : '; --yes writes it'}`,
        );
        refused += 1;
        continue;
      }
    }
    written.push({ finding, entry: effect.entry });
  }
  return { written, refused };
}

/** The shortest entry that hides nothing else; when all do, the one that hides least. */
function leastEffect(
  entries: readonly SuppressionEntry[],
  others: readonly Finding[],
  hides: (entry: SuppressionEntry, finding: Finding) => string,
): Effect {
  const effects = entries.map((entry) => {
    const answers = others.map((finding) => ({ finding, answer: hides(entry, finding) }));
    const having = (wanted: string) =>
      answers.filter(({ answer }) => answer === wanted).map(({ finding }) => finding);
    return { entry, more: having('yes'), perhaps: having('cannot tell') };
  });
  return effects.reduce((best, effect) =>
    effect.more.length < best.more.length ||
    (effect.more.length === best.more.length && effect.perhaps.length < best.perhaps.length)
      ? effect
      : best,
  );
}

/** So many findings are named. */
const mostNamed = 20;

function* effectLines(
  finding: Finding,
  { entry, more, perhaps }: Effect,
  stored: readonly Report[],
): Generator<string> {
  const runs = ({ fingerprint }: Finding) =>
    stored.filter(({ findings }) => findings.some((each) => each.fingerprint === fingerprint)).length;
  const seen = (each: Finding) => `${describe(each)} (in ${runs(each)} of ${stored.length} runs)`;
  yield entry.name;
  yield `  hides ${seen(finding)}`;
  for (const each of more.slice(0, mostNamed)) yield `  hides also ${seen(each)}`;
  for (const each of perhaps.slice(0, mostNamed)) {
    yield `  may hide, its log does not tell: ${seen(each)}`;
  }
  const unnamed = Math.max(0, more.length - mostNamed) + Math.max(0, perhaps.length - mostNamed);
  if (unnamed > 0) yield `  and ${unnamed} more`;
}

/**
 * Looks at the file before anything is asked.
 * @throws UserError (125) for a file that valgrind would not read, or that cannot be written.
 */
async function openOutput(
  path: string,
): Promise<{ readonly append: (written: readonly Written[]) => Promise<void> }> {
  const { appendFile, readFile } = await import('node:fs/promises');
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new UserError(`${path} cannot be read: ${error.message}`, 'name another file');
  });
  const { entries, problems } = suppressionFormatOf('memcheck').parse(before);
  const [problem] = problems;
  if (problem !== undefined) {
    throw new UserError(
      `${path} is no suppression file: line ${problem.line}: ${problem.message}: ${problem.quote}`,
      'mend it, or name another file; valgrind would not start with this one',
    );
  }
  const keyOf = ({ tools, kind, extra, frames }: SuppressionEntry) =>
    JSON.stringify([tools, kind, extra, frames]);
  const known = new Map(entries.map((entry) => [keyOf(entry), entry.line]));
  return {
    append: async (written) => {
      let text = '';
      for (const { finding, entry } of written) {
        const line = known.get(keyOf(entry));
        if (line === undefined) text += suppressionFormatOf(finding.tool).write(entry);
        else say(`vgrun: ${path} has this entry already, on line ${line}: ${entry.name}`);
      }
      if (text === '') return;
      const gap = before === '' || before.endsWith('\n') ? '' : '\n';
      await appendFile(path, gap + text).catch((error: Error) => {
        throw new UserError(`${path} cannot be written: ${error.message}`, 'name another file');
      });
    },
  };
}
