// Profiles for https://www.speedscope.app: every tree by every measure, as its file format has it.
import type { CallTree, Measure, Unit } from '../model/profile.ts';
import type { ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import type { Report } from '../model/report.ts';
import { harmlessJson } from './json.ts';
import { allTrees, nodesInOrder, pathTexts, processName, profilesOf } from './profile-export.ts';
import { countedTrees, frameName, whoseProfile } from './profile-text.ts';
import type { Reporter } from './reporter.ts';

/*
 * https://www.speedscope.app/file-format-schema.json; profiles of the type `sampled`: a stack and a weight for each path.
 *
 * Decisions:
 * - A profile for each tree (thread, process, snapshot of a time line) and measure. The one that is shown first is that
 *   of the primary measure of the most expensive process, of a time line its peak.
 * - A measure of which nothing was spent has no profile, but for the primary one.
 * - That a tree is inferred stands in the name of its profile.
 */

/** `--report speedscope=FILE`. */
export const speedscope: Reporter = {
  name: 'speedscope',
  render: (report) => renderSpeedscope(report, profilesOf(report, 'speedscope')),
};

/** One profile of the file. */
interface Entry {
  readonly profile: ReportProfile;
  readonly tree: CallTree;
  readonly measure: number;
  /** Where the frames of this profile begin in the shared ones. */
  readonly offset: number;
}

function* renderSpeedscope(report: Report, profiles: readonly ReportProfile[]): Generator<string> {
  const entries: Entry[] = [];
  let offset = 0;
  for (const profile of profiles) {
    const { frames, trees } = allTrees(profile);
    const order = [profile.primary, ...profile.measures.keys()].filter(
      (each, at, all) => all.indexOf(each) === at,
    );
    for (const measure of order) {
      for (const tree of trees) {
        const spent = tree.values[measure]?.some((value) => value > 0) === true;
        if (spent || measure === profile.primary) entries.push({ profile, tree, measure, offset });
      }
    }
    offset += frames.length;
  }
  const [first] = profiles as readonly [ReportProfile];
  const [peak] = countedTrees(first);
  const active = entries.findIndex(({ tree, profile }) => profile === first && tree === peak);
  yield `{"$schema":"https://www.speedscope.app/file-format-schema.json",
"exporter":${text(`vgrun ${report.vgrun}`)},
"name":${text(processName(first))},
"activeProfileIndex":${Math.max(0, active)},
"shared":{"frames":[`;
  let between = '\n';
  for (const profile of profiles) {
    for (const frame of allTrees(profile).frames) {
      yield `${between}${frameJson(frame)}`;
      between = ',\n';
    }
  }
  yield '\n]},\n"profiles":[';
  between = '\n';
  for (const entry of entries) {
    yield between;
    yield* entryJson(entry);
    between = ',\n';
  }
  yield '\n]\n}\n';
}

function frameJson(frame: ReportProfileFrame): string {
  const { path, object, line } = frame;
  const file = path ?? object;
  return harmlessJson(
    JSON.stringify({
      name: frameName(frame),
      ...(file !== undefined && { file }),
      ...(path !== undefined && line !== undefined && line > 0 && { line }),
    }),
  );
}

const units: Readonly<Partial<Record<Unit, string>>> = {
  bytes: 'bytes',
  ns: 'nanoseconds',
  ms: 'milliseconds',
};

function* entryJson({ profile, tree, measure, offset }: Entry): Generator<string> {
  const { unit } = profile.measures[measure] as Measure;
  const values = tree.values[measure] ?? [];
  const spent = (node: number): number => Math.max(0, values[node] ?? 0);
  yield `{"type":"sampled","name":${text(entryName(profile, tree, measure))},"unit":"${units[unit] ?? 'none'}","startValue":0,`;
  yield '"samples":[';
  let between = '';
  const join = (above: string | undefined, node: number): string => {
    const frame = (tree.frames[node] as number) + offset;
    return above === undefined ? `[${frame}` : `${above},${frame}`;
  };
  for (const [node, path] of pathTexts(tree, join)) {
    if (spent(node) === 0) continue;
    yield `${between}${path}]`;
    between = ',';
  }
  yield '],"weights":[';
  between = '';
  let sum = 0;
  for (const node of nodesInOrder(tree)) {
    if (spent(node) === 0) continue;
    sum += spent(node);
    yield `${between}${spent(node)}`;
    between = ',';
  }
  yield `],"endValue":${sum}}`;
}

/** `build/words (101), snapshot 13: bytes on the heap`. */
function entryName(profile: ReportProfile, { name, inferred }: CallTree, measure: number): string {
  const { title } = profile.measures[measure] as Measure;
  const which = name === undefined ? '' : `, ${name}`;
  const doubt = inferred === undefined ? '' : ` [a likely tree only: ${inferred}]`;
  return `${whoseProfile(profile)}${which}: ${title}${doubt}`;
}

function text(raw: string): string {
  return harmlessJson(JSON.stringify(raw));
}
