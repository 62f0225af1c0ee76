// Owns `vgrun --help`: one screen, and on demand every option of a tool. All from the tables of options.
import type { CommandLine } from '../tools/_shared/command-line.ts';
import { type OwnOption, ownOptions } from '../tools/_shared/own-options.ts';
import {
  belongsTo,
  optionNamed,
  optionsOf,
  type ValgrindOption,
  valgrindOptions,
  valueForm,
} from '../tools/_shared/valgrind-options.ts';
import { tools } from '../tools/index.ts';
import { version } from '../version.ts';

export interface HelpRequest {
  /** List this tool's options too. */
  readonly tool?: string;
  /** `full` lists also what is for debugging valgrind; `dynamic` only what can be changed while a program runs. */
  readonly detail?: 'short' | 'full' | 'dynamic';
  /** Width of the terminal. */
  readonly columns: number;
  /** Version of vgrun. */
  readonly version: string;
}

/** How vgrun is called, the main job first. */
const usages: readonly (readonly [call: string, summary: string])[] = [
  ['vgrun [options] program [arguments]', ''],
  ['vgrun COMMAND --help', 'build, report, diff, flame, baseline, …'],
];

/** Options of valgrind that most people need, with the value that most people give. */
const commonOptions: readonly (readonly [name: string, value: string])[] = [
  ['--leak-check', 'full'],
  ['--show-leak-kinds', 'all'],
  ['--track-origins', 'yes'],
  ['--suppressions', 'FILE'],
  ['--error-exitcode', 'N'],
];

/** Headings for the groups of valgrind's options, in order. `debug` and `vex` only with `detail: 'full'`. */
const headings: readonly (readonly [group: string, heading: string])[] = [
  ['leak', 'Leaks'],
  ['mem', 'Memory'],
  ['tool', 'The tool'],
  ['trace', 'Tracing'],
  ['malloc', 'Heap'],
  ['errors', 'Errors'],
  ['basic', 'General'],
  ['uncommon', 'Uncommon'],
  ['debug', 'Debugging valgrind itself'],
  ['vex', 'Its translator'],
];

interface Row {
  readonly left: string;
  readonly right: string;
}

/** Answers `--help` and `--version` on stdout. @returns the exit status. */
export async function main({ help, tool, toolGiven }: CommandLine): Promise<number> {
  const text =
    help === undefined
      ? `vgrun ${version}\n`
      : helpText({
          ...(toolGiven ? { tool } : {}),
          detail: help,
          columns: process.stdout.columns ?? 80,
          version,
        });
  process.stdout.write(text);
  return 0;
}

/** The text of `--help`, `--help-debug` and `--help-dyn-options`, with a newline at its end. */
export function helpText({ tool, detail = 'short', columns, version: own }: HelpRequest): string {
  const width = Math.max(columns, 40);
  if (detail === 'dynamic') return layOut([dynamicSection(tool ?? 'memcheck')], width);
  if (tool === undefined && detail === 'short') return firstScreen(width, own);
  const shown = tool ?? 'memcheck';
  return `${usage(own)}${layOut(
    [{ heading: "vgrun's options", rows: ownOptions.map(ownRow) }, ...toolSections(shown, detail === 'full')],
    width,
  )}`;
}

function usage(own: string): string {
  const calls = usages.map(
    ([call, summary], index) =>
      `${index === 0 ? 'Usage: ' : '       '}${summary === '' ? call : `${call.padEnd(24)}  ${summary}`}`,
  );
  return `vgrun ${own}: run a program under an instrument, get one exact report\n\n${calls.join('\n')}\n\n`;
}

/** At most 24 lines of 80 columns, so that the prompt after it fits on the screen too. */
function firstScreen(width: number, own: string): string {
  const names = tools.map(({ name }) => name);
  const sections: Section[] = [
    {
      heading: "The instrument's options; after the program too, as --name=value",
      rows: [
        {
          left: '--tool=NAME',
          right: `${names[0]} helgrind drd asan ubsan lsan tsan msan mtrace memwatch; crash: gdb; heap: massif dhat heaptrack; time: callgrind cachegrind perf gprof`,
        },
        ...commonOptions.map(([name, value]) => ({
          left: `${name}=${value}`,
          right: optionNamed(name)?.summary ?? '',
        })),
      ],
    },
    { heading: "vgrun's options", rows: ownOptions.filter(({ common }) => common === true).map(ownRow) },
  ];
  const status =
    "Exit status: the program's own; 0 clean, 100 findings, 101 not seen whole, 125 vgrun failed, 126, 127 no program. All options: vgrun --help --tool=NAME";
  return `${usage(own)}${layOut(sections, width)}${wrap(status, width, '')}`;
}

interface Section {
  readonly heading: string;
  readonly rows: readonly Row[];
}

/** How help writes an option of ours. */
export function ownRow({ name, short, metavar, summary, default: usual }: OwnOption<unknown>): Row {
  const names = short === undefined ? name : `${short}, ${name}`;
  return {
    left: metavar === undefined ? names : `${names}=${metavar}`,
    right: usual === undefined ? summary : `${summary} [${usual}]`,
  };
}

/** The tool's own options first, then those of all tools. */
function toolSections(tool: string, everything: boolean): Section[] {
  const offered = optionsOf(tool).filter((option) => everything || option.undocumented !== true);
  return headings
    .filter(([group]) => everything || (group !== 'debug' && group !== 'vex'))
    .map(([group, heading]) => ({
      heading,
      rows: offered.filter((option) => option.group === group).map(valgrindRow),
    }))
    .filter(({ rows }) => rows.length > 0);
}

function dynamicSection(tool: string): Section {
  return {
    heading: 'Options that vgdb or the program can change while it runs (VALGRIND_CLO_CHANGE)',
    rows: valgrindOptions
      .filter((option) => option.dynamic === true && belongsTo(option, tool))
      .map(valgrindRow),
  };
}

/** `--history-level=none|approx|full   how much of the earlier access is kept [full]`. */
function valgrindRow(option: ValgrindOption): Row {
  const form = valueForm(option);
  const kinds = option.type === 'set' ? `: ${(option.values ?? []).join(', ')}` : '';
  const usual = option.default === undefined || option.type === 'flag' ? '' : ` [${option.default}]`;
  return {
    left: form === '' ? option.name : `${option.name}=${form}`,
    right: `${option.summary ?? ''}${kinds}${usual}`.trim(),
  };
}

const indent = '  ';
const widestLeft = 32;

/** Sections with a blank line before each; the right column begins where the widest usual left one ends. */
export function layOut(sections: readonly Section[], width: number): string {
  const lefts = sections.flatMap(({ rows }) => rows.map(({ left }) => left.length));
  const column = indent.length + Math.max(0, ...lefts.filter((length) => length <= widestLeft)) + 2;
  return sections
    .map(({ heading, rows }) => `${heading}:\n${rows.map((row) => layOutRow(row, column, width)).join('')}\n`)
    .join('');
}

function layOutRow({ left, right }: Row, column: number, width: number): string {
  const start = `${indent}${left}`;
  if (right === '') return `${start}\n`;
  const below = ' '.repeat(width - column < 20 ? 6 : column);
  if (start.length + 2 > column || below.length < column) return `${start}\n${wrap(right, width, below)}`;
  return start + wrap(right, width, below).slice(start.length);
}

/** Breaks at spaces; a word that is too long by itself stays whole. */
function wrap(text: string, width: number, margin: string): string {
  const lines: string[] = [];
  let line = margin;
  for (const word of text.split(' ')) {
    if (line.length > margin.length && line.length + 1 + word.length > width) {
      lines.push(line);
      line = margin;
    }
    line += line.length > margin.length ? ` ${word}` : word;
  }
  return `${[...lines, line].join('\n')}\n`;
}
