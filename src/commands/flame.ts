// `vgrun flame [options] program [arguments]` and `vgrun flame --pid N`: from a program to a flame graph in one step.
import { readlinkSync, statSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { harmless } from '../report/terminal-text.ts';
import { readOwnBytes } from '../run/exact-bytes.ts';
import { ownDefaults, readOwnOption } from '../tools/_shared/own-options.ts';
import { version } from '../version.ts';
import { main as run } from './run.ts';

const usualFile = 'flame.svg';
const usualSeconds = 10;

/** Which report a file gets, by the end of its name. The first that fits counts. */
const formats: readonly (readonly [ending: string, format: string])[] = [
  ['.svg', 'svg'],
  ['.html', 'html'],
  ['.htm', 'html'],
  ['.json', 'speedscope'],
  ['.folded', 'folded'],
  ['.txt', 'folded'],
  ['.pb.gz', 'pprof'],
  ['.pprof', 'pprof'],
];

const help = `Usage: vgrun flame [options] program [arguments]
       vgrun flame [options] --pid=N

Samples where a program spends its time, and draws it: the file opens in any browser.

  -o, --output=FILE      where the drawing goes [${usualFile}]; the end of its name says what it is:
                         ${formats.map(([ending]) => ending).join(' ')}
      --pid=N            look at a process that runs instead of starting one
      --seconds=N        for how long, with --pid [${usualSeconds}]
      --tool=NAME        what to draw: perf (time), callgrind (instructions), massif, dhat (memory) [perf]
      --freq=N           samples per second [997]
      --call-graph=dwarf for programs without frame pointers; see docs/profiling.md
  -h, --help             show help

Every other option is one of vgrun's or of the tool's: vgrun --help --tool=perf lists them.
`;

/** What stands before the program, taken apart. */
interface FlameWords {
  readonly output: string;
  readonly pid?: number;
  readonly seconds: number;
  readonly tool: boolean;
  /** For `vgrun program`. */
  readonly before: readonly string[];
  /** The program and its arguments. */
  readonly after: readonly string[];
}

/** @returns the exit status: that of the program; see "Exit status" in the manual. */
export async function main(argv: readonly string[]): Promise<number> {
  const own = readOwnBytes(argv);
  const words = readFlameWords(own.words);
  if (words === 'help') {
    process.stdout.write(help);
    return 0;
  }
  if (words === 'version') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const { output, pid, seconds, tool, before, after } = words;
  const format = formats.find(([ending]) => output.endsWith(ending))?.[1];
  if (format === undefined) {
    throw new UserError(
      `${output} says no format`,
      `end the name with one of ${formats.map(([ending]) => ending).join(', ')}`,
    );
  }
  if (pid !== undefined && (tool || after.length > 0)) {
    throw new UserError(
      tool ? 'only perf can look at a process that runs already' : '--pid and a program exclude each other',
      tool ? 'leave out --tool' : 'name one of the two',
    );
  }
  if (pid === undefined && after.length === 0) {
    throw new UserError('no program to run is given', 'usage: vgrun flame [options] program [arguments]');
  }
  const target = pid === undefined ? after : ['--', fileOf(pid)];
  const started = Date.now();
  const runWords = [...(tool ? [] : ['--tool=perf']), `--report=${format}=${output}`, ...before, ...target];
  const status = await run(runWords, pid === undefined ? undefined : { pid, seconds }, {
    ...own,
    words: runWords,
  });
  // The clock of a file system may be a little behind.
  const written = statSync(output, { throwIfNoEntry: false });
  if (written !== undefined && written.mtimeMs >= started - 1000) {
    process.stderr.write(`vgrun: ${harmless(output)} written\n`);
  }
  return status;
}

function readFlameWords(argv: readonly string[]): FlameWords | 'help' | 'version' {
  let output = usualFile;
  let pid: number | undefined;
  let seconds = usualSeconds;
  let tool = false;
  const before: string[] = [];
  let index = 0;
  for (; index < argv.length; index++) {
    const word = argv[index] as string;
    if (word === '--' || !word.startsWith('-')) break;
    if (word === '--help' || word === '-h') return 'help';
    if (word === '--version') return 'version';
    const at = word.indexOf('=');
    const name = at === -1 ? word : word.slice(0, at);
    const next = argv[index + 1];
    if (['--output', '-o', '--pid', '--seconds'].includes(name)) {
      const value = at === -1 ? next : word.slice(at + 1);
      if (at === -1) index++;
      if (value === undefined || value === '') throw new UserError(`${name} needs a value`);
      if (name === '--output' || name === '-o') output = value;
      else if (name === '--seconds') seconds = readNumber(name, value, 86_400);
      else pid = readNumber(name, value, 4_194_304);
      continue;
    }
    if (name === '--tool') tool = true;
    before.push(word);
    // An option of vgrun's whose value is the next word.
    if (readOwnOption(word, next, ownDefaults)?.taken === 2 && next !== undefined) {
      before.push(next);
      index++;
    }
  }
  return { output, seconds, tool, before, after: argv.slice(index), ...(pid !== undefined && { pid }) };
}

function readNumber(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new UserError(`${name} cannot be "${text.slice(0, 40)}"`, `it takes: a number from 1 to ${most}`);
}

function fileOf(pid: number): string {
  try {
    // The kernel adds it to a file that was replaced since, by a build for example.
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      code === 'EACCES' || code === 'EPERM'
        ? `process ${pid} belongs to another user`
        : `there is no process ${pid}, or it has no program of its own`,
      code === 'EACCES' || code === 'EPERM' ? 'run vgrun as root, or as that user' : 'see: ps -e',
    );
  }
}
