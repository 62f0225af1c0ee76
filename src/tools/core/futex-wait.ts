// Owns the question on which futex the kernel has a thread wait, and whether that wait ends by itself.
//
// Sources: futex(2), restart_syscall(2).
import type { Wait } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import type { ImageThread } from './process-image.ts';

/** A call of futex(2) in which a thread waits. */
export interface FutexWait {
  readonly address: bigint;
  /** Without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME. */
  readonly operation: number;
  /** What the word must be for the wait to begin; missing: not known, or the operation has none. */
  readonly expected?: number;
  /** Without FUTEX_PRIVATE_FLAG: another process may wake it. */
  readonly isShared: boolean;
  /**
   * It waits as glibc's low-level locks do, on which mutexes and the locks of streams stand: for a word that is 2 (locked, and somebody
   * waits), and with an instruction of its own, where others call syscall(2).
   */
  readonly isLowLevelLock: boolean;
  /** Missing: there is none. */
  readonly timeout?: Wait['timeout'];
}

export const FutexOperation = { wait: 0, lockPi: 6, waitBitset: 9, waitRequeuePi: 11, lockPi2: 13 } as const;

const operations: ReadonlySet<number> = new Set(Object.values(FutexOperation));
const privateFlag = 0x80;
const operationMask = 0x7f;
const futexCall = 202n;
const moveFutexCall = Buffer.from([0xb8, 0xca, 0, 0, 0]);
/** After a stop the kernel goes on by it with a wait that has a timeout; the other arguments stay in their registers. */
const restartCall = 219n;

/** x86-64 only. @returns undefined: it does not wait on a futex, or that is not known */
export function futexWaitOf(code: CodePlaces, { registers }: ImageThread): FutexWait | undefined {
  const call = registers.get('orig_rax');
  const address = registers.get('rdi');
  const pc = registers.get('rip');
  const operation = registers.get('rsi');
  if (code.image.machine !== 'x86-64' || address === undefined || pc === undefined) return undefined;
  if (operation === undefined || !operations.has(Number(operation & BigInt(operationMask)))) return undefined;
  if (!isFutexCall(code, pc, call) || address === 0n || address % 4n !== 0n) return undefined;
  const expected = registers.get('rdx');
  const kind = Number(operation & BigInt(operationMask));
  const timeout = call === restartCall ? 'set' : timeoutOf(registers.get('r10'));
  return {
    address,
    operation: kind,
    ...(expected !== undefined && { expected: Number(expected & 0xffff_ffffn) }),
    isShared: (operation & BigInt(privateFlag)) === 0n,
    isLowLevelLock:
      kind === FutexOperation.wait && expected === 2n && isLibrarysOwn(code, pc, registers.get('rsp')),
    ...(timeout !== undefined && { timeout }),
  };
}

/** By its pointer to a `struct timespec`, the fourth argument. */
function timeoutOf(pointer: bigint | undefined): Wait['timeout'] {
  if (pointer === undefined) return 'unknown';
  return pointer === 0n ? undefined : 'set';
}

function isFutexCall(code: CodePlaces, pc: bigint, call: bigint | undefined): boolean {
  if (call === futexCall) {
    const [first, second] = code.readCode(pc - 2n, 2);
    // `syscall`; where the code is not known, orig_rax alone must do.
    return first === undefined || (first === 0x0f && second === 0x05);
  }
  // Of a wait that goes on after a stop the number tells nothing.
  return call === restartCall && isInlineCall(code, pc);
}

/** `mov $202,%eax`, at most one instruction more, `syscall`: nothing but futex(2) is called there. */
function isInlineCall(code: CodePlaces, pc: bigint): boolean {
  const bytes = Buffer.from(code.readCode(pc - 16n, 16));
  return bytes.length === 16 && bytes.readUInt16BE(14) === 0x0f05 && bytes.includes(moveFutexCall);
}

/**
 * Whether it waits in the C library's own code and not in syscall(2), which others call. Without the code of the library, where the
 * innermost function returns to tells: syscall(2) has no frame, so that is the word on top of the stack.
 */
function isLibrarysOwn(code: CodePlaces, pc: bigint, stack: bigint | undefined): boolean {
  const { image, memory, places, readCode } = code;
  const isLibrary = (path = ''): boolean => /(^|\/)lib(c|pthread)[.-][^/]*$/.test(path);
  const isShared = image.modules.some(({ path }) => isLibrary(path));
  if (isShared && !isLibrary(places.module(pc)?.path)) return false;
  if (readCode(pc - 2n, 2).length === 2) return isInlineCall(code, pc);
  const top = stack === undefined ? undefined : memory.unsigned(stack, 8);
  return isShared && top !== undefined && (!places.isExecutable(top) || isLibrary(places.module(top)?.path));
}
