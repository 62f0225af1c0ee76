// `vgrun suppress --check`: which entries of suppression files no stored run has used.
import { readFile, realpath, stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { ExitStatus, UserError } from '../errors.ts';
import { analyze, parse } from '../pipeline.ts';
import { harmless } from '../report/terminal-text.ts';
import { storedRuns } from '../run/directory.ts';
import { suppressionFormatOf } from '../tools/_shared/suppression-format.ts';
import {
  type AskedFile,
  judgeUses,
  silenceOf,
  suppressionFilesOf,
  type Verdict,
  type Witness,
} from '../tools/_shared/suppression-uses.ts';

/**
 * Lists unused entries on standard output.
 *
 * @param names the files; none: those that the stored runs were started with.
 * @returns 0 when all were used, 100 when some were not, 101 when of some nothing can be said, 125 for mistakes in a
 *   file.
 */
export async function check(names: readonly string[]): Promise<number> {
  const { witnesses, own } = await readWitnesses();
  const asked = names.length > 0 ? names : own;
  if (asked.length === 0) {
    throw new UserError(
      'no stored run was started with a suppression file',
      'run with --suppressions=FILE, or name files: vgrun suppress --check FILE',
      ExitStatus.inconclusive,
    );
  }
  let mistakes = 0;
  const files: AskedFile[] = [];
  for (const name of asked) {
    const path = await pathOf(name);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      const gone = error.code === 'ENOENT';
      if (names.length === 0 && gone) return undefined;
      throw new UserError(gone ? `${name} does not exist` : `${name} cannot be read: ${error.message}`);
    });
    if (text === undefined) {
      process.stderr.write(`${harmless(`vgrun: left out: ${name} is gone`)}\n`);
      continue;
    }
    const { entries, problems } = suppressionFormatOf('memcheck').parse(text);
    for (const { line, message, quote } of problems) {
      mistakes += 1;
      process.stderr.write(`${harmless(`${shown(path)}:${line}: ${message}: ${quote}`)}\n`);
    }
    files.push({ path, entries, writtenMs: (await stat(path)).mtimeMs });
  }
  const verdicts = judgeUses(files, witnesses);
  process.stdout.write(verdicts.flatMap(lines).join(''));
  const count = (use: Verdict['use']) => verdicts.filter((verdict) => verdict.use === use).length;
  const [used, unused, unknown] = [count('used'), count('unused'), count('cannot tell')];
  process.stdout.write(
    `${verdicts.length} ${verdicts.length === 1 ? 'entry' : 'entries'}: ${used} used, ${unused} unused, ${unknown} cannot be told\n`,
  );
  if (mistakes > 0) {
    process.stderr.write('vgrun: valgrind does not start with a file that has mistakes\n');
    return ExitStatus.cannot;
  }
  return unused > 0 ? ExitStatus.findings : unknown > 0 ? ExitStatus.inconclusive : ExitStatus.clean;
}

function lines({ file, entry, use, runs, reason }: Verdict): string[] {
  if (use === 'used') return [];
  const why = reason ?? `${runs} ${runs === 1 ? 'run' : 'runs'} could have used it`;
  return [`${harmless(`${shown(file.path)}:${entry.line}: ${use}: ${entry.name} (${why})`)}\n`];
}

/** Below the working directory as people write it. */
function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

async function pathOf(name: string, directory = process.cwd()): Promise<string> {
  const path = resolve(directory, name);
  return realpath(path).catch(() => path);
}

/** The stored runs, and the files that users gave them: nobody can mend the shipped sets. */
async function readWitnesses(): Promise<{
  readonly witnesses: readonly Witness[];
  readonly own: readonly string[];
}> {
  const own = new Set<string>();
  const witnesses: Witness[] = [];
  for (const run of await storedRuns(process.cwd())) {
    try {
      const parsed = await parse(run);
      const { manifest } = parsed;
      if (manifest === undefined) continue;
      const report = await analyze(parsed);
      const seenWhole =
        report.processes.length > 0 &&
        report.processes.every(({ complete, end }) => complete || end === 'exec-stub');
      const silent = silenceOf(manifest, seenWhole);
      const files = suppressionFilesOf(manifest);
      for (const name of files.own) own.add(await pathOf(name, manifest.directory));
      witnesses.push({
        tool: report.tool.name,
        files: await Promise.all(files.all.map((name) => pathOf(name, manifest.directory))),
        uses: report.suppressions,
        directory: manifest.directory,
        startedMs: Date.parse(manifest.startedAt),
        ...(silent === undefined ? {} : { silent }),
      });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      process.stderr.write(`${harmless(`vgrun: left out: ${error.message}`)}\n`);
    }
  }
  return { witnesses, own: [...own] };
}
