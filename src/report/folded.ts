// Profiles as folded stacks, one path with its own cost on each line: for flamegraph.pl, inferno, speedscope and scripts.
import type { CallTree } from '../model/profile.ts';
import type { ReportProfile } from '../model/profile-report.ts';
import { treeBuilder } from '../model/profile-tables.ts';
import type { Report } from '../model/report.ts';
import { pathTexts, processName, profilesOf, sumTrees, wholeValue } from './profile-export.ts';
import { frameName, primaryMeasure } from './profile-text.ts';
import type { Reporter } from './reporter.ts';
import { harmless, withoutCommands } from './terminal-text.ts';

/*
 * The format of https://github.com/brendangregg/FlameGraph: frames joined by `;`, a space, a whole number.
 *
 * Decisions:
 * - The primary measure alone: the format has one number for a path. speedscope and pprof have all of them.
 * - With more than one process or thread, the first frame is whose path it is, as stackcollapse-perf.pl writes it with
 *   --tid: `words-101/102`.
 * - A `;` in a name becomes `:`, as stackcollapse-perf.pl has it. Line ends and other control characters are visible.
 * - Paths that differ in lines of source alone are one: names are all that readers of the format compare.
 * - The format has no comments (flamegraph.pl takes every line for a path): that a tree is inferred is not in it.
 * - Of a time line, the peak.
 */

/** `--report folded=FILE`. */
export const folded: Reporter = {
  name: 'folded',
  render: (report) => renderFolded(report, profilesOf(report, 'folded')),
};

function* renderFolded(_: Report, profiles: readonly ReportProfile[]): Generator<string> {
  const several = profiles.length > 1 || profiles.some((profile) => sumTrees(profile).trees.length > 1);
  const names: string[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (name: string): number => {
    let number = numbers.get(name);
    if (number === undefined) {
      number = names.push(name) - 1;
      numbers.set(name, number);
    }
    return number;
  };
  const merged = treeBuilder(1);
  for (const profile of profiles) {
    const { frames, trees } = sumTrees(profile);
    const ofFrame = frames.map((frame) => numberOf(frameWord(frameName(frame))));
    const { unit } = primaryMeasure(profile);
    for (const tree of trees) {
      const top = several ? merged.child(-1, numberOf(frameWord(ownerName(profile, tree)))) : -1;
      const rows: number[] = [];
      for (const [node, parent] of tree.parents.entries()) {
        const above = parent < 0 ? top : (rows[parent] as number);
        rows.push(merged.child(above, ofFrame[tree.frames[node] as number] as number));
        merged.add(rows[node] as number, 0, wholeValue(tree.values[profile.primary]?.[node] ?? 0, unit));
      }
    }
  }
  const tree = merged.build();
  // A command of a CI system stands at the start of a line, or within one name: `;` is in none.
  const firsts = names.map(withoutCommands);
  const others = names.map((name) => `;${withoutCommands(`;${name}`).slice(1)}`);
  const join = (above: string | undefined, node: number): string => {
    const name = tree.frames[node] as number;
    return above === undefined ? (firsts[name] as string) : above + (others[name] as string);
  };
  for (const [node, path] of pathTexts(tree, join)) {
    const value = tree.values[0]?.[node] ?? 0;
    if (value !== 0) yield `${path} ${BigInt(value)}\n`;
  }
}

/** `words-101/102`, `sort-109`. */
function ownerName(profile: ReportProfile, { name, pid, tid }: CallTree): string {
  const process = pid ?? profile.pid;
  const number = process > 0 ? `-${process}${tid === undefined ? '' : `/${tid}`}` : '';
  return `${name ?? processName(profile)}${number}`;
}

/** A name that is one frame on one line. */
function frameWord(name: string): string {
  const word = harmless(name.replaceAll(';', ':')).trim();
  return word === '' ? '???' : word;
}
