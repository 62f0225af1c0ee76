// Owns the question which entries of suppression files no run has used, and what a run must have told to answer it.
import type { SuppressionUse } from '../../model/report.ts';
import type { RunManifest } from '../../model/run.ts';
import { type PlacedEntry, type SuppressionFormat, suppressionFormatOf } from './suppression-format.ts';
import { type OptionToken, optionsFor } from './valgrind-options.ts';

/** A suppression file that is asked about. */
export interface AskedFile {
  /** Absolute. */
  readonly path: string;
  readonly entries: readonly PlacedEntry[];
  /** When it was last written, ms since 1970. */
  readonly writtenMs: number;
}

/** A run as a witness. */
export interface Witness {
  readonly tool: string;
  /** Absolute paths of the suppression files that it was started with. */
  readonly files: readonly string[];
  readonly uses: readonly SuppressionUse[];
  /** Working directory: places in its logs may be relative to it. */
  readonly directory: string;
  /** ms since 1970. */
  readonly startedMs: number;
  /** Why it does not tell of all suppressions that it used; missing when it does. */
  readonly silent?: string;
}

/** What can be said of one entry. */
export interface Verdict {
  readonly file: AskedFile;
  readonly entry: PlacedEntry;
  readonly use: 'used' | 'unused' | 'cannot tell';
  /** Runs that could have used it and said what they used. */
  readonly runs: number;
  /** Why nothing can be said; half a sentence. */
  readonly reason?: string;
}

/** The options with which valgrind was really started, those of its surroundings first. */
function effectiveOptions({ argv, environmentOptions, tool }: RunManifest) {
  // Before it there may be what sets limits and signals for it.
  const words = argv.slice(argv.indexOf(tool.path) + 1);
  const end = words.findIndex((word) => !word.startsWith('-'));
  const own = end === -1 ? words : words.slice(0, end);
  return optionsFor(tool.name, [...environmentOptions.flatMap(({ options }) => options), ...own]);
}

/** The files of `--suppressions=` that a run was started with, as they were written; `own` without the shipped sets. */
export function suppressionFilesOf(manifest: RunManifest): {
  readonly all: readonly string[];
  readonly own: readonly string[];
} {
  const all = filesIn(effectiveOptions(manifest));
  const given = [...manifest.environmentOptions.flatMap(({ options }) => options), ...manifest.toolOptions];
  return { all, own: filesIn(optionsFor(manifest.tool.name, given)) };
}

const filesIn = (options: readonly OptionToken[]): readonly string[] =>
  options.flatMap(({ name, value }) => (name === '--suppressions' && value !== undefined ? [value] : []));

/**
 * Why a run does not tell which suppressions it used; undefined when it does: XML ends with them unless `-q` was given,
 * text logs only with `-v` or `-s`, and only a process that was seen to its end has said all.
 */
export function silenceOf(manifest: RunManifest, seenWhole: boolean): string | undefined {
  const options = effectiveOptions(manifest);
  const count = (...names: readonly string[]) => options.filter(({ name }) => names.includes(name)).length;
  const verbosity = 1 + count('-v', '--verbose') - count('-q', '--quiet');
  const list = options.findLast(({ name }) => name === '-s' || name === '--show-error-list');
  const lists = list !== undefined && (list.name === '-s' || list.value !== 'no');
  if (manifest.capture === 'text' ? verbosity < 2 && !lists : verbosity < 1) {
    return manifest.capture === 'text'
      ? 'a text log names them only with -v or -s'
      : 'it was started with -q';
  }
  if (manifest.capture !== 'text' && list?.value === 'no') return 'it was started with --show-error-list=no';
  return seenWhole ? undefined : 'it was not seen to its end';
}

/** Judges all entries of the files. Never `unused` without a run that could have used the entry and would say so. */
export function judgeUses(files: readonly AskedFile[], witnesses: readonly Witness[]): readonly Verdict[] {
  return files.flatMap((file) => file.entries.map((entry) => judge(file, entry, files, witnesses)));
}

function judge(
  file: AskedFile,
  entry: PlacedEntry,
  files: readonly AskedFile[],
  witnesses: readonly Witness[],
): Verdict {
  const loaded = witnesses.filter(({ files: paths }) => paths.includes(file.path));
  const able = loaded.filter(({ tool }) => formatOf(tool).isFor(entry, tool));
  const answers = able.map((witness) => usedBy(witness, file, entry, files));
  const runs = able.filter(({ silent, startedMs }) => silent === undefined && startedMs >= file.writtenMs);
  const settled = { file, entry, runs: runs.length };
  if (answers.includes('yes')) return { ...settled, use: 'used' };
  const twin = answers.find((answer) => answer !== 'yes' && answer !== 'no');
  if (twin !== undefined) return { ...settled, use: 'cannot tell', reason: twin };
  if (runs.length > 0) return { ...settled, use: 'unused' };
  return { ...settled, use: 'cannot tell', reason: whyNot(entry, loaded, able, file) };
}

const formatOf = (tool: string): SuppressionFormat => suppressionFormatOf(tool);

function whyNot(
  entry: PlacedEntry,
  loaded: readonly Witness[],
  able: readonly Witness[],
  file: AskedFile,
): string {
  if (loaded.length === 0) return 'no stored run was started with this file';
  if (able.length === 0) return `no stored run with this file was of ${entry.tools.join(' or ')}`;
  const silent = able.find(({ silent: reason }) => reason !== undefined)?.silent;
  return able.every(({ startedMs }) => startedMs < file.writtenMs)
    ? 'the file is newer than every run with it'
    : `the run with it does not tell: ${silent}`;
}

/** `yes`, `no`, or why the use may be another entry's. */
function usedBy(
  { uses, files: loaded, directory }: Witness,
  file: AskedFile,
  entry: PlacedEntry,
  files: readonly AskedFile[],
): 'yes' | 'no' | string {
  const named = uses.filter(({ name }) => name === entry.name);
  if (named.length === 0) return 'no';
  // `x.supp:2`: a line of the block
  const placed = named.map(({ place = '' }) => /^(.+):(\d+)$/.exec(place));
  const isHere = (place: RegExpExecArray | null): boolean => {
    const [, path = '', line = ''] = place ?? [];
    const absolute = path.startsWith('/') ? path : `${directory}/${path.replace(/^\.\//, '')}`;
    return absolute === file.path && Number(line) >= entry.line && Number(line) <= entry.endLine;
  };
  if (placed.some(isHere)) return 'yes';
  if (placed.every((place) => place !== null)) return 'no';
  const twins = files
    .filter(({ path }) => loaded.includes(path))
    .flatMap(({ entries }) => entries)
    .filter(({ name }) => name === entry.name);
  return twins.length <= 1
    ? 'yes'
    : `${twins.length} entries have this name, and the run does not tell which was used`;
}
