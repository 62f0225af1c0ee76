// The user's own rules of whose code is whose: patterns of sources and objects.
import { posix } from 'node:path';
import type { Frame, Owner } from '../model/finding.ts';
import { isUnder, type Ownership, sourcePath } from './ownership.ts';

/**
 * Glob patterns (`*`, `**`, `?`, `{a,b}`, `[a-z]`) by owner. `src/**` is about sources: paths relative to the project
 * root, or absolute ones. `obj:*` + `/libmy.so*` is about objects, as in suppressions. A pattern without a slash is
 * about base names, one that ends in a slash about everything below.
 */
export interface OwnershipRules {
  readonly mine?: readonly string[] | undefined;
  readonly library?: readonly string[] | undefined;
  readonly system?: readonly string[] | undefined;
}

interface Rule {
  readonly owner: Owner;
  readonly pattern: string;
  readonly ofObject: boolean;
  readonly matches: (path: string) => boolean;
}

/**
 * Makes a function that decides a frame by the rules; undefined where none of them speaks of it. The longest pattern
 * that fits wins, so that `vendor/ours/**` can be taken out of `vendor/**` in any order; of equals, mine before library
 * before system.
 *
 * @param projectRoot absolute; sources under it are matched by their path in it too.
 */
export async function ownershipDecider(
  rules: OwnershipRules,
  projectRoot: string | undefined,
): Promise<((frame: Frame) => Ownership | undefined) | undefined> {
  const said = (['mine', 'library', 'system'] as const).flatMap((owner) =>
    (rules[owner] ?? []).map((pattern) => ({ owner, pattern })),
  );
  if (said.length === 0) return undefined;
  const { default: picomatch } = await import('picomatch');
  const compiled: readonly Rule[] = said
    .map(({ owner, pattern }) => {
      const ofObject = pattern.startsWith('obj:');
      const bare = ofObject ? pattern.slice('obj:'.length) : pattern.replace(/^\.\//, '');
      const glob = bare.endsWith('/') ? `${bare}**` : bare;
      const matches = picomatch(glob, { dot: true, basename: !glob.includes('/') });
      return { owner, pattern, ofObject, matches };
    })
    .sort((a, b) => b.pattern.length - a.pattern.length);

  // A log has few files and objects, and many frames.
  const known = new Map<string, Rule | undefined>();
  const ruleFor = (ofObject: boolean, path: string): Rule | undefined => {
    const key = `${ofObject ? 'o' : 's'}${path}`;
    if (known.has(key)) return known.get(key);
    const names = isUnder(path, projectRoot) ? [posix.relative(projectRoot ?? '', path), path] : [path];
    const rule = compiled.find(
      (each) => each.ofObject === ofObject && names.some((name) => each.matches(name)),
    );
    known.set(key, rule);
    return rule;
  };
  return (frame) => {
    const source = sourcePath(frame);
    const bySource = source === undefined ? undefined : ruleFor(false, source);
    const byObject = frame.object === undefined ? undefined : ruleFor(true, frame.object);
    const rule =
      bySource === undefined || byObject === undefined
        ? (bySource ?? byObject)
        : byObject.pattern.length - 'obj:'.length > bySource.pattern.length
          ? byObject
          : bySource;
    return rule && { owner: rule.owner, reason: `${rule.owner}=${rule.pattern}` };
  };
}
