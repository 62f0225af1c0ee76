// Owns the script that stands in a program's place: what it does, and how it is told from any other file.
import { open } from 'node:fs/promises';
import { quoteForSh } from '../build/wrappers.ts';

/** What a script is made of. Paths are absolute. */
export interface ShimScript {
  /** Where the real program is. */
  readonly real: string;
  readonly node: string;
  /** vgrun's own entry. */
  readonly cli: string;
  /** Options of vgrun. */
  readonly options: readonly string[];
}

/** What the real program's name ends with. */
export const realSuffix = '.vgrun-real';

/** With `-`, sh takes no name for an option: a supervisor may start `-worker`. */
const mark = '#!/bin/sh -\n# vgrun-shim 1\n';

/**
 * The text of a script. Where it was started by a path, the real program is called by the same path, so that it sees the
 * argv[0] that it knows but for the ending.
 */
export function shimText({ real, node, cli, options }: ShimScript): string {
  const call = [node, cli, ...options, '--'].map(quoteForSh).join(' ');
  return `${mark}# Written by vgrun shim install: runs the program under vgrun. To put the program back: vgrun shim restore.
real=${quoteForSh(real)}
case $0 in
*/*) if [ "$0${realSuffix}" -ef "$real" ] || [ ! -e "$real" ]; then real=$0${realSuffix}; fi ;;
esac
# A program that starts itself again is under valgrind already.
case \${LD_PRELOAD-} in
*vgpreload_*) exec "$real" "$@" ;;
esac
${options.includes('--tool=gdb') ? underGdb : ''}if [ ! -x ${quoteForSh(node)} ] || [ ! -r ${quoteForSh(cli)} ]; then
  echo 'vgrun shim: vgrun is gone, the program runs without it' >&2
  exec "$real" "$@"
fi
exec ${call} "$real" "$@"
`;
}

/** A process has one tracer: what gdb looks at already cannot get another. */
const underGdb = `traced=no
while read -r key value; do
  case $key in TracerPid:) if [ "$value" != 0 ]; then traced=yes; fi ;; esac
done </proc/self/status
if [ $traced = yes ]; then exec "$real" "$@"; fi
`;

/** Whether a file is a script of ours, also one that somebody edited or copied. False for what cannot be read. */
export async function isShim(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return false;
  try {
    const head = Buffer.alloc(mark.length);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.toString('latin1', 0, bytesRead) === mark;
  } finally {
    await file.close();
  }
}
