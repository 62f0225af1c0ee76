// `vgrun build --asan -- make -j2`: a project's own build, with sanitizers or memwatch, in a directory of its own.
import { UserError } from '../errors.ts';
import { type Sanitizer, sanitizers } from '../model/sanitizer.ts';
import { harmless } from '../report/terminal-text.ts';
import { type BuildRequest, build } from '../run/build/build.ts';
import { version } from '../version.ts';

const help = `Usage: vgrun build --asan [options] -- COMMAND

Runs the command that builds your project so that what it makes carries a
sanitizer, in a directory of its own: your usual build stays as it is. COMMAND
is make, cmake, meson, ninja, ./configure, cc a.c b.c, or what calls these.

      --asan           heap, stack and global errors, leaks (AddressSanitizer)
      --ubsan          undefined behaviour; goes with each of the others
      --tsan           data races (ThreadSanitizer)
      --lsan           leaks only (LeakSanitizer)
      --msan           uninitialised values (MemorySanitizer; clang only)
      --memwatch=FILE  instead of a sanitizer: your copy of memwatch.c, which is
                       no part of vgrun: https://github.com/linkdata/memwatch
      --compiler=NAME  gcc, clang or a path [what the project calls]
      --build-dir=DIR  where to build [build-asan, build-asan-ubsan, …]
      --print          only say what would be run
  -h, --help           show help

  vgrun build --asan --ubsan -- make -j2
  vgrun build --tsan --compiler=clang -- cmake -S . -B build
Exit status: the command's own when it fails; 125 when nothing carries it.
`;

/** What is typed. */
type BuildWords = Omit<BuildRequest, 'workingDirectory' | 'environment' | 'say'>;

/** @returns the exit status: that of the build, see "Exit status" in docs/build.md. */
export async function main(argv: readonly string[]): Promise<number> {
  const words = readBuildWords(argv);
  if (words === 'help' || words === 'version') {
    process.stdout.write(words === 'help' ? help : `vgrun ${version}\n`);
    return 0;
  }
  const stream = words.print ? process.stdout : process.stderr;
  const front = words.print ? '' : 'vgrun: ';
  return build({
    ...words,
    workingDirectory: process.cwd(),
    environment: process.env,
    // Names in it are whatever was typed or built.
    say: (line) => stream.write(`${front}${harmless(line)}\n`),
  });
}

function readBuildWords(argv: readonly string[]): BuildWords | 'help' | 'version' {
  const chosen: Sanitizer[] = [];
  const values: { memwatch?: string; compiler?: string; buildDirectory?: string } = {};
  let print = false;
  let index = 0;
  for (; index < argv.length; index++) {
    const word = argv[index] as string;
    if (word === '--' || !word.startsWith('-')) break;
    if (word === '--help' || word === '-h') return 'help';
    if (word === '--version') return 'version';
    const at = word.indexOf('=');
    const name = at === -1 ? word : word.slice(0, at);
    const facts = sanitizers.find(({ tool }) => `--${tool}` === word);
    const key = valued.get(name);
    if (facts !== undefined) chosen.push(facts.sanitizer);
    else if (word === '--print') print = true;
    else if (key !== undefined) {
      const value = at === -1 ? argv[++index] : word.slice(at + 1);
      if (value === undefined || value === '') throw new UserError(`${name} needs a value`);
      values[key] = value;
    } else throw new UserError(`vgrun build does not know ${word}`, 'see vgrun build --help');
  }
  const command = argv.slice(argv[index] === '--' ? index + 1 : index);
  if (chosen.length === 0 && values.memwatch === undefined) {
    throw new UserError(
      'nothing is chosen that the build should carry',
      'the usual one finds memory errors and leaks: vgrun build --asan -- make',
    );
  }
  if (command.length === 0) {
    throw new UserError(
      'no command is given that builds the project',
      'usage: vgrun build --asan -- make   (or cmake -S . -B build, ./configure, meson setup build, cc a.c)',
    );
  }
  return { sanitizers: chosen, ...values, print, command };
}

const valued: ReadonlyMap<string, 'memwatch' | 'compiler' | 'buildDirectory'> = new Map([
  ['--memwatch', 'memwatch'],
  ['--compiler', 'compiler'],
  ['--build-dir', 'buildDirectory'],
]);
