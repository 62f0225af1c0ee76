// Owns what valgrind's suppressions call a finding: the tool's name, the kind with its size, and the line after it.
import type { Finding } from '../../model/report.ts';

/** What of a finding suppressions depend on. */
export type Suppressible = Pick<Finding, 'tool' | 'kind' | 'what' | 'stacks' | 'access' | 'suppression'>;

/** The kind line of an entry that is about a finding. */
export interface SubjectKind {
  readonly kind: string;
  /** The lines after it. */
  readonly extra: readonly string[];
  /** `definite`, … when it is a leak. */
  readonly leak?: string;
}

/** Why no entry can be about a finding. */
export interface Refusal {
  /** Half a sentence: "suppressions have no …". */
  readonly refusal: string;
  /** With a log that says too little: the kind of suppression without its size. */
  readonly unknowable?: string;
}

const toolNames: ReadonlyMap<string, string> = new Map([
  ['memcheck', 'Memcheck'],
  ['helgrind', 'Helgrind'],
  ['drd', 'drd'],
]);

const coreKind = /^Fd(?:BadClose|NotClosed|BadUse)$/;

/** The name before the colon: `Memcheck`, `Helgrind`, `drd`, `CoreError`. */
export function suppressionTool({ tool, kind }: Pick<Suppressible, 'tool' | 'kind'>): string {
  return coreKind.test(kind) ? 'CoreError' : (toolNames.get(tool) ?? tool);
}

const leakWords: ReadonlyMap<string, string> = new Map([
  ['Leak_DefinitelyLost', 'definite'],
  ['Leak_IndirectlyLost', 'indirect'],
  ['Leak_PossiblyLost', 'possible'],
  ['Leak_StillReachable', 'reachable'],
]);

const sizedKinds: ReadonlyMap<string, string> = new Map([
  ['InvalidRead', 'Addr'],
  ['InvalidWrite', 'Addr'],
  ['UninitValue', 'Value'],
]);

const plainKinds: ReadonlyMap<string, string> = new Map([
  ['InvalidJump', 'Jump'],
  ['UninitCondition', 'Cond'],
  ['ClientCheck', 'User'],
  ['InvalidFree', 'Free'],
  ['MismatchedFree', 'Free'],
  ['Overlap', 'Overlap'],
  ['InvalidMemPool', 'Mempool'],
  ['ReallocSizeZero', 'ReallocZero'],
  ['InvalidAlignment', 'BadAlign'],
  ['InvalidSizeAndAlignment', 'BadAlign'],
  ['InvalidSize', 'UnsafeZeroSize'],
  ['MismatchedAllocateDeallocateSize', 'SizeMismatch'],
  ['MismatchedAllocateDeallocateAlignment', 'AlignMismatch'],
]);

/** The kind line for a finding, and what follows it; or why there is none. */
export function suppressionKind(finding: Suppressible): SubjectKind | Refusal {
  const { tool, kind, what, access } = finding;
  if (coreKind.test(kind)) return { kind, extra: [] };
  // helgrind's and drd's kinds are their suppressions' kinds.
  if (tool === 'helgrind' || tool === 'drd') {
    return /^\w+$/.test(kind) ? { kind, extra: [] } : { refusal: 'its kind has no suppression' };
  }
  if (tool !== 'memcheck') return { refusal: `suppressions of ${tool} are not known` };
  const leak = leakWords.get(kind);
  if (leak !== undefined) return { kind: 'Leak', extra: [`match-leak-kinds: ${leak}`], leak };
  const sized = sizedKinds.get(kind);
  if (sized !== undefined) {
    // Invalid read of size 4
    const size = access?.size ?? (/\bof size (\d+)/.exec(what)?.[1] as number | undefined);
    if (size === undefined) return { refusal: 'its log does not tell the size', unknowable: sized };
    return [1, 2, 4, 8, 16, 32].includes(Number(size))
      ? { kind: `${sized}${size}`, extra: [] }
      : { refusal: `valgrind cannot suppress an access of ${size} bytes` };
  }
  if (kind === 'SyscallParam') {
    // Syscall param write(buf) points to uninitialised byte(s)
    const param = /^Syscall param (.+?) (?:points to|contains)\b/.exec(what)?.[1];
    return param === undefined
      ? { refusal: 'its log does not tell the system call' }
      : { kind: 'Param', extra: [param] };
  }
  if (kind === 'FishyValue') {
    // Argument 'size' of function malloc has a fishy (possibly negative) value: -5
    const [, argument, name] = /^Argument '(\w+)' of function (\S+) has a fishy/.exec(what) ?? [];
    return name === undefined
      ? { refusal: 'its log does not tell the function' }
      : { kind: 'FishyValue', extra: [`${name}(${argument})`] };
  }
  const plain = plainKinds.get(kind);
  return plain === undefined ? { refusal: 'its kind has no suppression' } : { kind: plain, extra: [] };
}
