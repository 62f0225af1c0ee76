// Owns the options of vgrun that a shim runs with: checked now, and independent of where a supervisor starts the program.
import { delimiter, isAbsolute, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { loadConfig } from '../run/config.ts';
import { findInstrument } from '../run/plan.ts';
import { toolNamed, toolUnknown } from '../tools/index.ts';
import { readWish } from './wish.ts';

export interface InstallOptions {
  /** In order, for the command line of vgrun. */
  readonly words: readonly string[];
  /** Absolute: whose `.vgrun/runs` gets the runs. */
  readonly runsIn: string;
  /** PATH with which the tool is found, without folders that are relative. */
  readonly searchPath: string;
}

/** Options that name a file to be read: a supervisor changes its working directory, they stay. */
const readsFile =
  /^(--(?:suppressions|baseline|valgrind|project-root|config|runs-in|source|symbol-cache))=(.+)$/s;

/** Options that name one file to be written, which many processes would write over each other. */
const writesFile =
  /^--(?:report|mail|log-file|xml-file|massif-out-file|callgrind-out-file|cachegrind-out-file|dhat-out-file)(?:=(.*))?$/s;

/** Many workers come and go; each of them is a run. */
const keep = '--keep=1000';

/**
 * The options for a shim: those that were given, with paths made absolute, and before them where runs go, whose sources are
 * "mine" and which config holds. A config of the directory that the program is started in is never read.
 *
 * @param program absolute path of what will be run, to check the words with.
 * @throws UserError (125) for an option that vgrun does not know, or that cannot serve many processes, and when the tool is not
 *   installed.
 */
export async function installOptions(
  given: readonly string[],
  workingDirectory: string,
  projectRoot: string,
  program: string,
): Promise<InstallOptions> {
  for (const word of given) {
    const written = writesFile.exec(word);
    if (written === null || written[1]?.includes('%p') === true) continue;
    throw new UserError(
      `${word} is one file, and each process that is started would write it anew`,
      word.startsWith('--report') || word.startsWith('--mail')
        ? 'leave it out, and make reports of the runs: vgrun report RUN --report=…'
        : 'put %p into its name, or leave it out: every run is kept in a directory of its own',
    );
  }
  const words = given.map((word) => {
    const [, name, value] = readsFile.exec(word) ?? [];
    return name === undefined || value === undefined ? word : `${name}=${resolve(workingDirectory, value)}`;
  });
  const found = (await loadConfig({ preset: [] }, workingDirectory))?.file ?? false;
  const { commandLine } = await readWish([...words, '--', program], workingDirectory, found);
  const { own, help, version, program: read } = commandLine;
  if (read !== program || help !== undefined || version === true) {
    throw new UserError(
      'behind -- stand options of vgrun only',
      'the program has its arguments of whoever starts it',
    );
  }
  const runsIn = resolve(workingDirectory, own.runsIn ?? '.');
  const config = own.config ?? found;
  const searchPath = absoluteFolders(process.env.PATH);
  const tool = toolNamed(commandLine.tool) ?? toolUnknown(commandLine.tool);
  const valgrind = own.valgrind ?? process.env.VGRUN_VALGRIND;
  await findInstrument(tool, valgrind === undefined ? {} : { valgrind }, searchPath);
  return {
    runsIn,
    searchPath,
    words: [
      config === false ? '--no-config' : `--config=${config}`,
      `--project-root=${projectRoot}`,
      `--runs-in=${runsIn}`,
      keep,
      // A supervisor acts upon how its workers end.
      '--own-status',
      // Of the surroundings of who installs, not of the supervisor.
      ...(tool.launcher === 'valgrind' && own.valgrind === undefined && valgrind !== undefined
        ? [`--valgrind=${resolve(workingDirectory, valgrind)}`]
        : []),
      ...words,
    ],
  };
}

/** Where everybody's programs are, for who has no PATH. */
const usualFolders = '/usr/local/bin:/usr/bin:/bin';

function absoluteFolders(path: string | undefined): string {
  const folders = (path ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return folders.length === 0 ? usualFolders : folders.join(delimiter);
}
