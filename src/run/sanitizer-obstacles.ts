// Owns the look at what here may keep a sanitizer's runtime from starting or from its work: said before it fails, because what
// it prints then stands on the program's stderr, where nobody reads it for the report.
import type { Problem } from '../model/problem.ts';
import { sanitizers } from '../model/sanitizer.ts';
import { processStatus, readProc } from './processes.ts';

/** Bits of random addresses for which gcc 12's and clang 14's ThreadSanitizer have room (tsan_platform.h). */
const mostRandomBits = 30;
/** ADDR_NO_RANDOMIZE of personality(2). */
const withoutRandom = 0x40000;

/** What may be in the way of a sanitizer on this machine; nothing for other tools. */
export function obstacles(tool: string): readonly Problem[] {
  const facts = sanitizers.find((each) => each.tool === tool);
  if (facts === undefined) return [];
  const problems: Problem[] = [];
  const { title } = facts;
  if (tool !== 'ubsan' && tool !== 'lsan' && isAddressSpaceLimited(readProc('self/limits') ?? '')) {
    problems.push({
      code: 'address-space-limited',
      level: 'warning',
      message: `memory is limited here (ulimit -v), and ${title} reserves terabytes of addresses: it may not start`,
      hint: 'ulimit -v unlimited',
    });
  }
  const bits = Number(readProc('sys/vm/mmap_rnd_bits') ?? 0);
  const isRandom = (Number.parseInt(readProc('self/personality') ?? '0', 16) & withoutRandom) === 0;
  if (tool === 'tsan' && bits > mostRandomBits && isRandom) {
    problems.push({
      code: 'addresses-too-random',
      level: 'warning',
      message: `addresses have ${bits} random bits here, and ${title} of older compilers starts with at most ${mostRandomBits}`,
      hint: 'setarch -R vgrun …; or sudo sysctl vm.mmap_rnd_bits=28 (until the next start)',
    });
  }
  const tracer = Number(processStatus('self')?.get('TracerPid') ?? 0);
  if ((tool === 'asan' || tool === 'lsan') && tracer > 0) {
    problems.push({
      code: 'traced',
      level: 'warning',
      message: `process ${tracer} traces vgrun (strace, gdb); if it traces the program too, LeakSanitizer cannot work`,
      hint: 'run it without, or do without the search for leaks: --detect_leaks=0',
    });
  }
  return problems;
}

/** `Max address space         unlimited            unlimited            bytes` (proc(5), /proc/PID/limits). */
export function isAddressSpaceLimited(limits: string): boolean {
  const soft = /^Max address space\s+(\S+)/m.exec(limits)?.[1];
  return soft !== undefined && soft !== 'unlimited';
}
