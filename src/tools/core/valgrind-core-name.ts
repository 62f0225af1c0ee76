// Owns the names that valgrind gives its core files. Their notes have no pid, and after the main thread has ended none of the threads
// has it either: then only the name tells it.

/** coregrind/m_coredump/coredump-elf.c: `vgcore.PID`, beside a log `LOG.core.PID`, and `.1`, `.2`, … behind it when there is one. */
const coreName = /(?:^vgcore|\.core)\.(\d{1,10})(?:\.\d+)?$/;

/**
 * @param name base name of a file.
 * @returns undefined: it is no such name.
 */
export function processInName(name: string): number | undefined {
  const pid = Number(coreName.exec(name)?.[1] ?? 0);
  return pid === 0 ? undefined : pid;
}
