// What tests of readers of stacks share: a profile as a map from path to values.
import type { CallTree, Profile } from '../../src/model/profile.ts';
import type { ParsedRecord } from '../../src/model/record.ts';

/** The profiles among records. */
export function profilesOf(records: readonly ParsedRecord[]): readonly Profile[] {
  return records.flatMap((record) => (record.type === 'profile' ? [record.profile] : []));
}

/** `CODE: message` of the problems among records. */
export function problemsOf(records: readonly ParsedRecord[]): readonly string[] {
  return records.flatMap((record) =>
    record.type === 'problem' ? [`${record.problem.code}: ${record.problem.message}`] : [],
  );
}

/** Paths with what was spent at their end: `main;work` → [values by measure]. Paths where nothing was are left out. */
export function stacksOf(
  { frames }: Profile,
  tree: CallTree,
  nameOf: (frame: Profile['frames'][number]) => string = ({ function: name, object }) =>
    name ?? `??? (${object ?? '[unknown]'})`,
): Map<string, readonly number[]> {
  const paths: string[] = [];
  const stacks = new Map<string, readonly number[]>();
  for (const [node, parent] of tree.parents.entries()) {
    const name = nameOf(frames[tree.frames[node] as number] ?? {});
    const path = parent < 0 ? name : `${paths[parent]};${name}`;
    paths.push(path);
    const values = tree.values.map((column) => column[node] as number);
    if (values.every((value) => value === 0)) continue;
    const before = stacks.get(path);
    stacks.set(
      path,
      before === undefined ? values : values.map((value, measure) => value + (before[measure] as number)),
    );
  }
  return stacks;
}
