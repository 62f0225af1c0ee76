// What stands below the findings: totals in valgrind's words, and the process tree.
import type { Comparison, Report, ReportProcess } from '../model/report.ts';
import { findingsByImage } from './finding-text.ts';
import { amount, errorText, leakText } from './html-page/words.ts';
import type { Ink } from './pretty-ink.ts';
import { growthText } from './profile-text.ts';
import { clip, grouped, harmless, plural, wrap } from './terminal-text.ts';

/** The totals of the run, worded as valgrind words its summaries so that the two can be compared. */
export function totalLines(report: Report, ink: Ink): readonly string[] {
  const { heap, leaks, errors, computed, atLeast } = report.totals;
  const mark = (part: 'heap' | 'leaks' | 'errors'): string => {
    const marks = computed.includes(part) ? ['computed'] : [];
    // Of the sums over several processes; heap use is never one.
    if (part !== 'heap' && atLeast?.includes(part) === true) marks.push('at least');
    return marks.length === 0 ? '' : ` (${marks.join(', ')})`;
  };
  const lines: string[] = [];
  if (heap !== undefined) {
    const { allocations, frees, allocatedBytes } = heap;
    const usage =
      allocations === undefined || frees === undefined
        ? ''
        : `; total heap usage: ${grouped(allocations)} allocs, ${grouped(frees)} frees${allocatedBytes === undefined ? '' : `, ${grouped(allocatedBytes)} bytes allocated`}`;
    lines.push(...entry('HEAP SUMMARY', `in use at exit: ${amount(heap.inUse)}${usage}${mark('heap')}`, ink));
  }
  if (leaks !== undefined) lines.push(...entry('LEAK SUMMARY', `${leakText(leaks)}${mark('leaks')}`, ink));
  if (errors !== undefined)
    lines.push(...entry('ERROR SUMMARY', `${errorText(errors)}${mark('errors')}`, ink));
  return lines;
}

/** What the report is compared with, and what is gone since; the limits of `--max` and `--max-growth`. */
export function comparisonLines(
  { comparison, gate, purpose, findings }: Report,
  all: boolean,
  ink: Ink,
): readonly string[] {
  const lines: string[] = [];
  for (const { group, unit, most, actual, exceeded } of gate?.limits ?? []) {
    const text = `${harmless(group)}: ${grouped(actual)} of at most ${grouped(most)} ${unit}`;
    lines.push(...entry('LIMIT', exceeded ? ink.red(text) : text, ink));
  }
  for (const limit of gate?.growth ?? []) {
    const text = harmless(growthText(limit));
    lines.push(...entry('GROWTH', text, ink).map((line) => (limit.exceeded ? ink.red(line) : line)));
  }
  if (comparison === undefined) return lines;
  const { name, known, changed, fixed, notJudged } = comparison;
  const { length } = [...findings, ...fixed, ...notJudged];
  // Profiles are compared, and say so themselves.
  if (purpose === 'profile' && length === 0) return lines;
  const parts = [
    `${grouped(comparison.new)} new`,
    `${grouped(changed)} changed`,
    `${grouped(known)} known`,
    `${grouped(fixed.length)} fixed`,
    ...(notJudged.length > 0 ? [`${grouped(notJudged.length)} not judged`] : []),
  ];
  lines.push(...entry('COMPARED', `with ${harmless(name)}: ${parts.join(', ')}`, ink));
  const most = all ? Number.POSITIVE_INFINITY : 5;
  const gone = (label: string, entries: Comparison['fixed']): void => {
    for (const { place, rule, fingerprint } of entries.slice(0, most)) {
      lines.push(
        ...entry('', `${label} ${harmless(place)}  ${harmless(rule)} F-${fingerprint.slice(0, 12)}`, ink),
      );
    }
    if (entries.length > most)
      lines.push(...entry('', `${grouped(entries.length - most)} more ${label}`, ink));
  };
  gone(ink.green('fixed'), fixed);
  if (all) gone('not judged', notJudged);
  return lines;
}

/** The suppressions that hid something: `libfoo (2 times)`, the most used first; in one row, or all with their places. */
export function suppressionLines(report: Report, all: boolean, ink: Ink): readonly string[] {
  const used = [...report.suppressions].sort((a, b) => b.count - a.count);
  const texts = used.map(
    ({ name, count }) => `${harmless(name)} (${grouped(count)} ${plural(count, 'time')})`,
  );
  if (all) {
    return used.flatMap(({ place, bytes, blocks }, index) => {
      const where = place === undefined ? '' : `, ${harmless(place)}`;
      const cost = bytes === undefined || blocks === undefined ? '' : `, ${amount({ bytes, blocks })}`;
      return entry(index === 0 ? 'SUPPRESSIONS' : '', `${texts[index]}${cost}${where}`, ink);
    });
  }
  const shown = texts.slice(0, 3);
  if (shown.length === 0) return [];
  const left = texts.length - shown.length;
  const more = left > 0 ? `; ${grouped(left)} more, --all lists them` : '';
  const room = ink.columns - 15 - more.length;
  return [`${'SUPPRESSIONS'.padEnd(13)}  ${clip(shown.join('; '), Math.max(10, room))}${more}`];
}

function entry(title: string, text: string, ink: Ink): readonly string[] {
  const [first = '', ...rest] = wrap(text, Math.max(20, ink.columns - 15));
  return [`${title.padEnd(13)}  ${first}`, ...rest.map((line) => `${' '.repeat(15)}${line}`)];
}

/** The process tree, at most so many lines of it, when there is more than one process image. */
export function processLines(report: Report, most: number, ink: Ink): readonly string[] {
  const { processes } = report;
  if (processes.length < 2) return [];
  const depths = depthsOf(processes);
  const found = findingsByImage(report.findings);
  const lines = processes.map((process, index) => {
    const before = processes[index - 1];
    const replaced = before?.pid === process.pid && before.launch === process.launch && process.pid !== 0;
    const indent = '  '.repeat(Math.min(20, depths.get(process.image) ?? 0));
    const how = replaced ? ' (exec)' : process.forked ? ' (fork)' : '';
    const count = found.get(process.image) ?? 0;
    const findings = count === 0 ? '' : `, ${grouped(count)} ${plural(count, 'finding')}`;
    const name = process.program === '' ? '(name not known)' : harmless(process.program);
    const text = `${indent}${process.pid} ${name}${how}: ${endText(process)}${findings}`;
    return count > 0 || !process.complete ? text : ink.dim(text);
  });
  const left = lines.length - most;
  if (most === 0) return [ink.dim(`${grouped(left)} processes; --all lists them.`)];
  const more = left > 0 ? [ink.dim(`… ${grouped(left)} more processes; --all lists them.`)] : [];
  return ['PROCESSES', ...[...lines.slice(0, most), ...more].map((line) => `  ${line}`)];
}

/** How deep each image is in the tree. Parents stand before their children, so one pass is enough. */
export function depthsOf(processes: readonly ReportProcess[]): ReadonlyMap<number, number> {
  const depths = new Map<number, number>();
  for (const { image, parent } of processes) {
    const above = parent === undefined ? undefined : depths.get(parent);
    depths.set(image, above === undefined ? 0 : above + 1);
  }
  return depths;
}

/** How a process ended, in words. */
export function endText({ end, exit, complete }: ReportProcess): string {
  switch (end) {
    case 'measured':
    case 'finished':
      if (!complete) return 'log incomplete';
      return exit.how === 'exited'
        ? `exited with ${exit.code}`
        : exit.how === 'signaled'
          ? `killed by ${harmless(exit.signal)}`
          : end;
    case 'unseen':
      return complete ? 'its end was not seen' : 'log incomplete';
    case 'signaled':
      return exit.how === 'signaled' ? `killed by ${harmless(exit.signal)}` : 'killed by a signal';
    case 'execed':
      return 'became another program';
    case 'exec-stub':
      return 'became a program that is not traced';
    case 'running':
      return 'still running';
    case 'cut':
      return 'log incomplete';
  }
}
