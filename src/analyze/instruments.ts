// What ANALYZE must know of an instrument as such: whether it is one of valgrind's, and which leaks it can tell of.
import type { LeakKind } from './leak-policy.ts';

const lostBlocks: readonly LeakKind[] = ['definite', 'indirect'];
const unfreedBlocks: readonly LeakKind[] = ['unfreed'];

/**
 * Runtimes inside the program, logs of heaps that note what was not freed, and debuggers, which see the program where the kernel
 * loaded it; with the kinds of leak that they have.
 */
const runtimes: ReadonlyMap<string, readonly LeakKind[]> = new Map<string, readonly LeakKind[]>([
  // LeakSanitizer is part of it; it looks what can still be reached, and tells nothing of that.
  ['asan', lostBlocks],
  ['hwasan', lostBlocks],
  ['lsan', lostBlocks],
  ['ubsan', []],
  ['tsan', []],
  ['msan', []],
  ['mtrace', unfreedBlocks],
  ['memwatch', unfreedBlocks],
  ['crt', unfreedBlocks],
  ['vld', unfreedBlocks],
  ['heaptrack', unfreedBlocks],
  ['gdb', []],
  ['vgdb', []],
  ['core', []],
  ['stacks', []],
]);

/**
 * Whether a tool is a runtime inside the program, the log of one, or a debugger: it writes each error as it occurs and sums up
 * nothing, and its addresses are other ones in every run.
 */
export function isRuntime(tool: string | undefined): boolean {
  return tool !== undefined && runtimes.has(tool);
}

/** Whether a tool looks at processes as they are at a moment, and at nothing that they do. */
export function onlyLooks(tool: string | undefined): boolean {
  return tool === 'core' || tool === 'stacks';
}

/** Whether a tool shows moments of processes: a crash, a hit probe, a sample. */
export function isDebugger(tool: string | undefined): boolean {
  return tool === 'gdb' || tool === 'vgdb' || onlyLooks(tool);
}

/** Tools whose runtime may end the program at an error. */
const endingRuntimes: ReadonlySet<string> = new Set(['asan', 'hwasan', 'lsan', 'ubsan', 'tsan', 'msan']);

/** Whether the program may have come no further than an error that this tool told. */
export function mayEndProgram(tool: string): boolean {
  return endingRuntimes.has(tool);
}

/** Whether a forked child may report blocks of its parent as left: a trace begins anew in it, with nothing. */
export function repeatsParentsBlocks(tool: string | undefined): boolean {
  return tool !== 'mtrace';
}

/** The kinds of leak that a runtime reports; empty for one that looks for none, and for a tool of valgrind's. */
export function leakKindsOf(tool: string | undefined): readonly LeakKind[] {
  return (tool === undefined ? undefined : runtimes.get(tool)) ?? [];
}
