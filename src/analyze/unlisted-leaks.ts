// Leaks that a log sums up and does not list: without --leak-check=full valgrind says how much is lost, not where.
import type { Problem } from '../model/problem.ts';
import type { Amount } from '../model/record.ts';
import type { ImageDraft } from './fold.ts';
import { isRuntime, leakKindsOf } from './instruments.ts';
import { leakKindOf, type SearchedLeakKind, searchedLeakKinds } from './leak-policy.ts';
import type { TreeNode } from './process-tree.ts';

const lost: Readonly<Record<SearchedLeakKind, string>> = {
  definite: 'definitely lost',
  indirect: 'indirectly lost',
  possible: 'possibly lost',
  reachable: 'still reachable',
};

/**
 * What keeps a run from being clean although no leak is listed: for each process seen whole, the kinds that count as
 * errors and of which the tool's own LEAK SUMMARY has more than its loss records. A user who asked for
 * `--leak-check=no` or `summary` wanted it so, and then no kind counts.
 */
export function unlistedLeaks(nodes: readonly TreeNode[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { image, interpreter } of nodes) {
    const { totals, policy, end, process } = image;
    // `All heap blocks were freed` replaces the last LEAK SUMMARY: the one that was printed is from an earlier check.
    if (interpreter || end?.complete !== true || totals.heap?.allFreed === true) continue;
    for (const kind of searchedLeakKinds) {
      const told = policy.failing.has(kind) ? totals.leaks?.[kind] : undefined;
      if (told === undefined) continue;
      const listed = listedOf(image, kind);
      const missing = { bytes: told.bytes - listed.bytes, blocks: told.blocks - listed.blocks };
      if (missing.bytes <= 0 && missing.blocks <= 0) continue;
      const who = nodes.length > 1 ? ` in process ${process.pid}` : '';
      problems.push({
        code: 'leaks-not-listed',
        level: 'incomplete',
        message: `${sentenceStart(missing)} ${lost[kind]}${who}, but the log does not say where`,
        hint: hintFor(image, kind),
        artifact: process.artifact,
        pid: process.pid,
      });
    }
  }
  return problems;
}

/** Where `--fail-on` or `--max` asks about leaks that nobody searched for: then silence is no answer. */
export function unsearchedLeaks(nodes: readonly TreeNode[]): readonly Problem[] {
  const blind = nodes.find(
    ({ image, interpreter }) => !interpreter && canSearchLeaks(image) && !searchedLeaks(image),
  );
  if (blind === undefined) return [];
  return [
    {
      code: 'leaks-not-searched',
      level: 'incomplete',
      message: '--fail-on or --max asks about leaks, but they were not searched for',
      hint: isRuntime(blind.image.process.tool)
        ? 'LeakSanitizer searches when a program ends by exit, with detect_leaks=1; log_threads=1 makes it say so'
        : 'run it with --leak-check=full',
    },
  ];
}

function canSearchLeaks({ process: { tool } }: ImageDraft): boolean {
  return tool === 'memcheck' || leakKindsOf(tool).includes('definite');
}

/** Whether leaks were searched for; a tool that looks for none leaves the question to those that do. */
export function searchedLeaks({ process: { tool }, policy, leakSums, end }: ImageDraft): boolean {
  if (!isRuntime(tool)) return policy.searched;
  return leakKindsOf(tool).length === 0 || leakSums.size > 0 || (end?.leakChecks ?? 0) > 0;
}

/** All loss records of a kind, of every check: a client's check may list only what is new, and sum up everything. */
function listedOf(image: ImageDraft, kind: SearchedLeakKind): Amount {
  let bytes = 0;
  let blocks = 0;
  for (const { sightings } of image.leakGroups.values()) {
    for (const [finding, { leak }] of sightings) {
      if (leakKindOf(finding.first.kind) !== kind) continue;
      bytes += leak.directBytes;
      blocks += leak.blocks;
    }
  }
  return { bytes, blocks };
}

function sentenceStart({ bytes, blocks }: Amount): string {
  const size = Math.max(0, bytes);
  const number = Math.max(0, blocks);
  return `${size} ${size === 1 ? 'byte' : 'bytes'} in ${number} ${number === 1 ? 'block' : 'blocks'} ${size === 1 ? 'is' : 'are'}`;
}

/** A full check lists definite and possible leaks by itself; when it left some out, it was told to. */
function hintFor(image: ImageDraft, kind: SearchedLeakKind): string {
  const full = image.leakGroups.size > 0 || kind === 'indirect' || kind === 'reachable';
  return `run it with --leak-check=full${full ? ' --show-leak-kinds=all' : ''}`;
}
