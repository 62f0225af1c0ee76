// Owns the descriptors above 2 that vgrun was started with (`5< file`, a jobserver, a listening socket): Node marks
// them close-on-exec at its own start, so they must be handed to the target one by one.
import { readdirSync, readlinkSync } from 'node:fs';

/** Descriptors that valgrind keeps for itself begin above the soft limit; nobody hands over thousands. */
const highest = 255;

/**
 * The descriptors to hand over. Call it before anything is opened.
 *
 * Node's own are told apart by what they are: event queues (`anon_inode:`), and pipes of which this process has both
 * ends while its parent has none. A jobserver's pipe has both ends here too, but make keeps it open.
 */
export function inheritedDescriptors(): number[] {
  const own = openDescriptors('self');
  const parents = new Set([...openDescriptors(process.ppid).values()]);
  const found: number[] = [];
  for (const [descriptor, target] of own) {
    if (descriptor <= 2 || descriptor > highest || target.startsWith('anon_inode:')) continue;
    const ends = [...own.values()].filter((other) => other === target).length;
    if (target.startsWith('pipe:') && ends > 1 && !parents.has(target)) continue;
    found.push(descriptor);
  }
  return found.sort((a, b) => a - b);
}

/** What each open descriptor of a process is; empty when it cannot be looked at. */
function openDescriptors(pid: number | 'self'): Map<number, string> {
  const open = new Map<number, string>();
  try {
    for (const name of readdirSync(`/proc/${pid}/fd`)) {
      try {
        open.set(Number(name), readlinkSync(`/proc/${pid}/fd/${name}`));
      } catch {
        // The descriptor of the listing itself is gone by now.
      }
    }
  } catch {
    // Another user's process, or no /proc.
  }
  return open;
}
