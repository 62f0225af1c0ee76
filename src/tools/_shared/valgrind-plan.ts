// Owns the argument list between valgrind and the program. Whatever a run relies on is said here in full, because rc
// files and VALGRIND_OPTS come first and the last word wins (manual, section 2.6).
import type { Launch, Plan, PlanContext } from '../../model/launch.ts';
import { isAtLeast, type OptionToken, optionsFor, readToken } from './valgrind-options.ts';

/** vgrun's status for findings: what `--exit-on-first-error` ends with when nobody named a status. */
const firstErrorStatus = '100';

/**
 * Plans memcheck, helgrind or drd: all three write the same XML.
 *
 * With a log of their own (`capture: 'text'`, `logFile`, `xmlFile`, `relayed`) users get what valgrind alone would
 * have written, so nothing is added that shows in it.
 */
export function planValgrind(launch: Launch, context: PlanContext): Plan {
  const { tool, toolOptions, capture } = launch;
  const { version } = context;
  const commandLine = optionsFor(tool, toolOptions);
  const environment = lastOf(commandLine, '--command-line-only') === 'yes' ? [] : context.environmentOptions;
  const inherited = optionsFor(tool, environment);
  const effective = [...inherited, ...commandLine];
  const unlessSet = (name: string, value: string) =>
    effective.some((option) => option.name === name) ? [] : [`${name}=${value}`];

  const hasOwnLog =
    capture === 'text' ||
    launch.relayed === true ||
    launch.logFile !== undefined ||
    launch.xmlFile !== undefined;
  const unseen = [
    // Two users on one machine, or a full /tmp, must not meet in valgrind's default place.
    ...unlessSet('--vgdb-prefix', `${context.directory}/vgdb-pipe`),
    // --enable-debuginfod is left alone: valgrind asks a server only where DEBUGINFOD_URLS names one, and then the
    // user wants it.
  ];
  const additions = [
    // A program that starts another is one program to its user. The tools that vgrun reads bear it.
    ...unlessSet('--trace-children', 'yes'),
    // What the stream is for, children that change their root, valgrind ends when vgdb is on as well.
    ...(capture === 'fd' && !effective.some(({ name }) => name.startsWith('--vgdb')) ? ['--vgdb=no'] : []),
    // valgrind's 12 cut off the user's own frames under a deep library.
    ...unlessSet('--num-callers', '25'),
    // Else a leak in an unloaded plugin is `???`.
    ...(isAtLeast(version, '3.14') ? unlessSet('--keep-debuginfo', 'yes') : []),
  ];
  return {
    options: [
      `--tool=${tool}`,
      ...unseen,
      ...(launch.knownNoise ?? []).map(({ file }) => `--suppressions=${file}`),
      ...(hasOwnLog ? toolOptions : [...additions, ...toolOptions.filter(isAudible)]),
      ...(hasOwnLog
        ? []
        : [...unquiet(inherited), ...(tool === 'memcheck' ? leakKinds(effective, version) : [])]),
      ...errorStatus(effective),
      ...(capture === 'text' ? textOnly(effective) : suppressionsOf(effective)),
      ...sinks(launch, context),
    ],
    environment: {},
  };
}

/** In XML `-q` loses which suppressions were used, and says nothing less otherwise. */
function isAudible(text: string): boolean {
  return !isQuiet(readToken(text));
}

function isQuiet({ name }: OptionToken): boolean {
  return name === '-q' || name === '--quiet';
}

/** Takes back each `-q` of an rc file: they count down what `-v` counts up. */
function unquiet(inherited: readonly OptionToken[]): string[] {
  const quiet = inherited.filter(isQuiet).length;
  const verbose = inherited.filter(({ name }) => name === '-v' || name === '--verbose').length;
  return Array.from({ length: Math.max(0, quiet - verbose) }, () => '-v');
}

/**
 * `--xml=yes` forces `--leak-check=full` (observed 3.19 to 3.27). So all leaks are recorded, because totals are
 * computed from them where the XML has none, and analyze hides what the user does not want to see; what counts as an
 * error stays the user's wish. Without leak kinds the forced check at least prints nothing.
 */
function leakKinds(effective: readonly OptionToken[], version: string): string[] {
  if (!isAtLeast(version, '3.9')) return [];
  const check = lastOf(effective, '--leak-check');
  const failing =
    check === 'no' || check === 'summary'
      ? 'none'
      : (lastOf(effective, '--errors-for-leak-kinds') ?? 'definite,possible');
  return [`--show-leak-kinds=${check === 'no' ? 'none' : 'all'}`, `--errors-for-leak-kinds=${failing}`];
}

/**
 * The program's own status must come through, so valgrind gets no status to put in its place; vgrun applies
 * `--error-exitcode` itself. But `--exit-on-first-error=yes` without one lets the program end with 0 (observed 3.19).
 */
function errorStatus(effective: readonly OptionToken[]): string[] {
  const given = lastOf(effective, '--error-exitcode');
  if (lastOf(effective, '--exit-on-first-error') === 'yes') {
    return [`--error-exitcode=${given === undefined || Number(given) === 0 ? firstErrorStatus : given}`];
  }
  return given === undefined ? [] : ['--error-exitcode=0'];
}

/** An rc file may ask for XML, which would leave the user's text log empty. */
function textOnly(effective: readonly OptionToken[]): string[] {
  return effective.some(({ name }) => name === '--xml') ? ['--xml=no'] : [];
}

/** `--gen-suppressions=yes` asks at every error, which valgrind refuses together with XML. */
function suppressionsOf(effective: readonly OptionToken[]): string[] {
  return lastOf(effective, '--gen-suppressions') === 'yes' ? ['--gen-suppressions=all'] : [];
}

/**
 * Where valgrind writes. `%p` stands in one of the two templates only: with `%p` in both, a forked child reopens its
 * log but not its XML, and writes into its parent's document (3.13 to 3.28). The log has one name for all; what is
 * in it when a traced exec truncates it is rescued while the program runs.
 */
function sinks({ capture, logFile, xmlFile }: Launch, context: PlanContext): string[] {
  // A `%` in the directory would be read as the start of %p, %n or %q.
  const directory = context.directory.replaceAll('%', '%%');
  if (capture === 'text') return [`--log-file=${logFile ?? `${directory}/valgrind.%p.log`}`];
  return [
    '--xml=yes',
    capture === 'fd' && xmlFile === undefined
      ? `--xml-fd=${context.xmlDescriptor}`
      : `--xml-file=${xmlFile ?? `${directory}/valgrind.%p.xml`}`,
    `--log-file=${logFile ?? `${directory}/valgrind.log`}`,
  ];
}

function lastOf(options: readonly OptionToken[], name: string): string | undefined {
  return options.findLast((option) => option.name === name)?.value;
}
