// Owns what the runtimes of the sanitizers are told: which flags stand in ASAN_OPTIONS and its like, ours and the user's.
import type { Launch, Plan, PlanContext } from '../../model/launch.ts';
import { type SanitizerFacts, type SanitizerTool, sanitizers } from '../../model/sanitizer.ts';
import type { Tool } from '../tool.ts';
import { sanitizerOptions, suppressingRuntime } from './sanitizer-options.ts';
import { optionsFor } from './valgrind-options.ts';

/** Reports are `sanitizer.EXE.PID`, see log_path and log_exe_name in the flags of the runtimes. */
export const sanitizerLogPrefix = 'sanitizer';

/** vgrun's status for findings: what a runtime ends the program with at an error. */
const errorExitcode = '100';

/** One flag and its value. */
export type Flag = readonly [name: string, value: string];

/** A tool that runs a program built with a sanitizer. The program starts by itself. */
export function sanitizerTool(name: SanitizerTool, title: string): Tool {
  return {
    name,
    title,
    launcher: 'none',
    yields: 'reports',
    plan: (launch, context) => planSanitizer(name, launch, context),
  };
}

/**
 * All runtimes get flags, whichever the tool: a program may have several, and each writes into the file of whichever it finds.
 * What is known of `log_path` is the same in all variables, because of two runtimes in one program the one that is named first
 * decides for both (sanitizer_common, __sanitizer_set_report_path).
 */
function planSanitizer(tool: SanitizerTool, launch: Launch, context: PlanContext): Plan {
  const own = context.environment ?? {};
  const given = sanitizers.map((facts) => ({ facts, users: readFlags(own[facts.variable] ?? '') }));
  // What all runtimes know, one program has once: the variable that is read last decides, and may not be the user's.
  const common = given.flatMap(({ users }) => users.filter(([name]) => isCommon(name)));
  const effective = given.map(({ facts, users }) => ({
    facts,
    users,
    flags: flagsOf(facts, tool, [...common, ...users], launch, context),
  }));
  const main = effective.find(({ facts }) => facts.tool === tool)?.flags ?? [];
  const place = lastOf(effective.find(({ facts }) => facts.tool === tool)?.users ?? [], 'log_path');
  const leaks = effective.filter(({ facts }) => facts.tool === 'asan' || facts.tool === 'lsan');
  return {
    options: [],
    environment: Object.fromEntries(
      effective.map(({ facts, flags }) => [facts.variable, flags.map(writeFlag).join(':')]),
    ),
    exitcode: Number(lastOf(main, 'exitcode') ?? errorExitcode),
    searchesLeaks:
      (tool === 'asan' || tool === 'lsan') &&
      leaks.every(
        ({ flags }) => isOn(lastOf(flags, 'detect_leaks')) && isOn(lastOf(flags, 'leak_check_at_exit')),
      ),
    // `stdout` and `stderr` are no files.
    ...(place !== undefined && place !== 'stdout' && place !== 'stderr' && { reportCopy: place }),
  };
}

/** Whether all runtimes know a flag. */
function isCommon(name: string): boolean {
  if (name === 'exitcode') return true;
  return (
    sanitizerOptions.find((option) => option.name === `--${name}`)?.runtimes.length === sanitizers.length
  );
}

/** Later flags win: ours, then the user's of the environment, then those of the command line, then what a run rests on. */
function flagsOf(
  { tool: runtime, variable }: SanitizerFacts,
  tool: SanitizerTool,
  users: readonly Flag[],
  launch: Launch,
  { directory, symbolizer, environment = {} }: PlanContext,
): readonly Flag[] {
  const knows = (name: string): boolean =>
    sanitizerOptions.find((option) => option.name === `--${name}`)?.runtimes.includes(runtime) === true;
  const hasSymbolizer = environment[variable.replace('OPTIONS', 'SYMBOLIZER_PATH')] !== undefined;
  const usual: readonly Flag[] = [
    ['exitcode', errorExitcode],
    // As a run under memcheck: the picture is complete, where the build lets the program go on (-fsanitize-recover).
    ...(knows('halt_on_error') ? [['halt_on_error', '0'] as const] : []),
    ...(knows('second_deadlock_stack') ? [['second_deadlock_stack', '1'] as const] : []),
    ...(knows('print_stacktrace')
      ? ([
          ['print_stacktrace', '1'],
          ['report_error_type', '1'],
          // gcc's names the check nowhere else, and prints no summary by itself.
          ['print_summary', '1'],
        ] as const)
      : []),
    // Without the first there is none, and without the second it has the terabytes of the shadow memory in it.
    ...(launch.wantsCore === true
      ? [
          ...(knows('disable_coredump') ? [['disable_coredump', '0'] as const] : []),
          ...(runtime === 'asan' ? [['unmap_shadow_on_exit', '1'] as const] : []),
          ['abort_on_error', '1'] as const,
        ]
      : []),
    ...(symbolizer === undefined || hasSymbolizer ? [] : [['external_symbolizer_path', symbolizer] as const]),
  ];
  const typed = optionsFor(tool, launch.toolOptions).flatMap(({ name, value = '' }): readonly Flag[] => {
    const flag = name.slice(2);
    if (name === '--suppressions')
      return runtime === suppressingRuntime(tool) ? [['suppressions', value]] : [];
    return knows(flag) ? [[flag, value]] : [];
  });
  const needed: readonly Flag[] = [
    ['log_path', `${directory}/${sanitizerLogPrefix}`],
    ['log_exe_name', '1'],
    // What these print proves that leaks were searched, and that the program came to its end.
    ...(runtime === 'asan' ? [['atexit', '1'] as const] : []),
    ...(runtime === 'asan' || runtime === 'lsan' ? [['log_threads', '1'] as const] : []),
  ];
  const places = new Set(['log_path', 'log_exe_name']);
  return [...usual, ...users.filter(([name]) => !places.has(name)), ...typed, ...needed];
}

/**
 * Reads flags as the runtimes do (sanitizer_flag_parser.cpp): `name=value`, separated by `:`, `,` or white space; a value may be
 * quoted.
 */
export function readFlags(text: string): readonly Flag[] {
  // `log_path='/home/ann/my logs/asan'`, `halt_on_error=0`
  return [...text.matchAll(/([^\s:,=]+)=(?:"([^"]*)"|'([^']*)'|([^\s:,]*))/g)].map(
    ([, name = '', double, single, bare]): Flag => [name, double ?? single ?? bare ?? ''],
  );
}

function writeFlag([name, value]: Flag): string {
  if (!/[\s:,'"]/.test(value)) return `${name}=${value}`;
  return value.includes('"') ? `${name}='${value}'` : `${name}="${value}"`;
}

function lastOf(flags: readonly Flag[], name: string): string | undefined {
  return flags.findLast(([each]) => each === name)?.[1];
}

function isOn(value: string | undefined): boolean {
  return value === undefined || !['0', 'no', 'false'].includes(value);
}
