// Owns the descriptors above 2 that vgrun was started with (`5< file`, a jobserver, a listening socket): Node marks
// the low ones close-on-exec at its own start, so they must be handed to the target one by one.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** O_CLOEXEC in `flags:` of /proc/PID/fdinfo/N (octal). */
const closeOnExec = 0o2000000;

/**
 * The descriptors to hand over. Call it before anything is opened.
 *
 * Node's own are told apart by what they are: event queues (`anon_inode:`), and pipes of which this process has both
 * ends while its parent has none. A jobserver's pipe has both ends here too, but make keeps it open.
 */
export function inheritedDescriptors(): number[] {
  const own = openDescriptors('self');
  let parents: Set<string> | undefined;
  const found: number[] = [];
  const queues = [...own].filter(([, target]) => target.startsWith('anon_inode:'));
  const lastQueue = Math.max(...queues.map(([descriptor]) => descriptor));
  for (const [descriptor, target] of own) {
    if (descriptor <= 2 || target.startsWith('anon_inode:') || !closesOnExec(descriptor)) continue;
    // libuv keeps one for the day when descriptors run out, from the first stream on (uv__stream_init).
    if (target === '/dev/null' && descriptor > lastQueue) continue;
    const ends = [...own.values()].filter((other) => other === target).length;
    if (target.startsWith('pipe:') && ends > 1) {
      parents ??= new Set(openDescriptors(process.ppid).values());
      if (!parents.has(target)) continue;
    }
    found.push(descriptor);
  }
  return found.sort((a, b) => a - b);
}

/** Node leaves what lies behind a gap above 15 as it was; that reaches the target by itself. */
function closesOnExec(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) !== 0;
  } catch {
    return false;
  }
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
