// `vgrun shim`: a program that a supervisor starts by its path runs under vgrun, until it is put back.
import { lstat, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { harmless, plural } from '../report/terminal-text.ts';
import { findProjectRoot, prepareRunsFolder, runsFolder } from '../run/directory.ts';
import { type ShimFiles, type ShimState, shimFiles, stateOf } from '../run/shim/files.ts';
import { installOptions } from './shim-options.ts';
import { isAnswered, subCommand } from './sub-command.ts';

const usage = `install PROGRAM [-- options of vgrun]
       vgrun shim restore PROGRAM
       vgrun shim status [PROGRAM|FOLDER]

install moves the program aside, as PROGRAM.vgrun-real, and puts a small script
in its place that runs it under vgrun: with --tool=memcheck, or as the options
say. restore puts it back, also after an installation that was interrupted; a
new program that was built over the script stays.
status lists the shims below a folder, by default the working directory.
See docs/shim.md.`;

const verbs: Readonly<
  Record<string, (name: string | undefined, options: readonly string[]) => Promise<number>>
> = {
  install,
  restore,
  status,
};

/** @returns 0. */
export async function main(argv: readonly string[]): Promise<number> {
  // What stands behind `--` is for the program's own vgrun.
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  const options = end === -1 ? [] : argv.slice(end + 1);
  await mustHaveNoOptions(words);
  const wishes = await subCommand('shim', usage, words)
    .wrap(80)
    .parseAsync([...words]);
  if (isAnswered(words)) return 0;
  const [verb = '', name, ...more] = wishes._.map(String);
  const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (run === undefined) {
    throw new UserError(
      verb === '' ? 'shim needs to be told what to do' : `shim cannot "${verb}"`,
      'usage: vgrun shim install|restore|status PROGRAM; to run a program of that name, write ./shim',
    );
  }
  if (more.length > 0) throw new UserError(`shim ${verb} takes one name, and got also ${more.join(' ')}`);
  if (verb !== 'install' && options.length > 0) {
    throw new UserError(`shim ${verb} takes no options of vgrun`, 'leave out what stands behind --');
  }
  return run(name, options);
}

/** @throws UserError (125) for a word with dashes in front of `--`: it is an option in the wrong place, or a name. */
async function mustHaveNoOptions(words: readonly string[]): Promise<void> {
  const dashed = words.filter((word) => word.startsWith('-') && !isAnswered([word]));
  const [first] = dashed;
  if (first === undefined) return;
  const [verb, name = 'PROGRAM'] = words.filter((word) => !word.startsWith('-'));
  const isName = await lstat(resolve(first)).then(
    () => true,
    () => false,
  );
  throw new UserError(
    `shim${verb === undefined ? '' : ` ${verb}`} has no option ${first}`,
    isName || verb === 'restore' || verb === 'status'
      ? `a name with a dash in front is written ./${first}`
      : `options of vgrun stand behind the program: vgrun shim install ${name} -- ${dashed.join(' ')}`,
  );
}

async function install(name: string | undefined, options: readonly string[]): Promise<number> {
  const here = process.cwd();
  const files = await filesNamed(name, here);
  const settled = await installOptions(options, here, await findProjectRoot(here), files.real);
  const sharing = await prepareRunsFolder(settled.runsIn);
  const { installShim } = await import('../run/shim/install.ts');
  const notes = await installShim(files, {
    node: process.execPath,
    cli: await realpath(process.argv[1] ?? ''),
    searchPath: settled.searchPath,
    options: settled.words,
  });
  say(`${files.program} now runs under vgrun; the program itself is ${files.real}`);
  say(`its runs are kept in ${join(settled.runsIn, runsFolder)}`);
  if (!sharing) {
    say(
      `processes of other users cannot write there: their runs are kept in their TMPDIR, and they say where`,
    );
  }
  for (const note of notes) say(`note: ${note}`);
  say(`what is running already is not affected; to put it back: vgrun shim restore ${files.program}`);
  return 0;
}

async function restore(name: string | undefined): Promise<number> {
  const files = await filesNamed(name, process.cwd());
  const { restoreProgram } = await import('../run/shim/restore.ts');
  const done = await restoreProgram(files);
  if (done.did === 'kept the new one') {
    say(`${files.program} was built or put there over the shim: it stays, and runs without vgrun`);
    say(`the program that the shim was installed for is kept as ${done.older}`);
    return 0;
  }
  say(
    done.did === 'put back'
      ? `${files.program} is the program itself again; what is still running under vgrun ends by itself`
      : `${files.program} was the program itself; what an interrupted shim had left is removed`,
  );
  return 0;
}

async function status(name: string | undefined): Promise<number> {
  const path = resolve(name ?? '.');
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    const files = await filesNamed(name, process.cwd());
    say(`${files.program}: ${sentenceOf(await stateOf(files))}`);
    return 0;
  }
  const { findShims } = await import('../run/shim/search.ts');
  const { shims, isCut } = await findShims(path);
  for (const files of shims) say(`${files.program}: ${sentenceOf(await stateOf(files))}`);
  if (shims.length === 0) say(`there is no shim below ${path}`);
  else say(`${shims.length} ${plural(shims.length, 'shim')}`);
  if (isCut) say('not every folder could be looked into');
  return 0;
}

/** One sentence for each state that files.ts and restore.ts know. */
function sentenceOf({ program, real, isSame, hasJournal }: ShimState): string {
  if (program === 'shim' && real === 'program') return 'runs under vgrun';
  if (program === 'shim') return 'a shim whose real program is not there';
  if (real === 'program' && program === 'program' && !isSame) {
    return 'built or replaced since the shim was installed, and runs without vgrun; vgrun shim restore keeps it and moves the older one aside';
  }
  if (hasJournal || isSame || (real === 'program' && program === 'nothing')) {
    return 'an installation was interrupted; vgrun shim restore puts all back';
  }
  if (program === 'nothing') return 'not there';
  return 'no shim';
}

async function filesNamed(name: string | undefined, here: string): Promise<ShimFiles> {
  if (name === undefined || name === '') {
    throw new UserError('shim needs the path of the program', 'vgrun shim install path/to/worker');
  }
  const files = await shimFiles(name, here);
  const typed = resolve(here, name);
  const isLink = await lstat(typed).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  if (isLink) say(`${typed} is a link: what is meant is ${files.program}`);
  return files;
}

function say(text: string): void {
  process.stdout.write(`${harmless(text)}\n`);
}
