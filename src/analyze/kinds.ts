// Finds what is known of a kind; what most runs do not need is loaded only for those that do.
import { onlyLooks } from './instruments.ts';
import type { Kind } from './kind.ts';
import { valgrindKinds } from './kinds-valgrind.ts';

/**
 * What is known of a kind under a tool; kinds of valgrind's core are found under every tool, and those of gdb under all that show
 * processes as they are.
 */
export type KindFinder = (tool: string, kind: string) => Kind | undefined;

/** Looks kinds up in a list. */
export function finderOf(kinds: readonly Kind[]): KindFinder {
  const byRule = new Map(kinds.map((entry) => [`${entry.tool}/${entry.kind}`, entry]));
  return (tool, kind) =>
    byRule.get(`${tool}/${kind}`) ??
    byRule.get(`core/${kind}`) ??
    (onlyLooks(tool) || tool === 'vgdb' ? byRule.get(`gdb/${kind}`) : undefined);
}

/** What is known of the kinds of these tools: what most runs do not need is not loaded for them. */
export async function kindFinder(tools: Iterable<string>): Promise<KindFinder> {
  const own = new Set(valgrindKinds.map(({ tool }) => tool));
  // Findings of that name are those of a core file.
  own.delete('core');
  if ([...tools].every((tool) => own.has(tool))) return finderOf(valgrindKinds);
  const { kinds } = await import('./kinds-all.ts');
  return finderOf(kinds);
}
