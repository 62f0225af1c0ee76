// Which first line of an error means which kind: what the XML log says in <kind>, the text log only says in words.

/** Kind of an error and the tool that has it. */
export interface Headline {
  readonly tool: string;
  readonly kind: string;
}

interface Rule {
  readonly pattern: RegExp;
  readonly kind: string;
  /** First version that calls it so, as [major, minor]; before, `formerly`. */
  readonly since?: readonly [number, number];
  readonly formerly?: string;
}

// The words are those of valgrind 3.0 to 3.27 (the pp_Error function of each tool); [/] marks older spellings.
const memcheck: readonly Rule[] = [
  // Invalid read of size 4
  { pattern: /^Invalid read of size \d+$/, kind: 'InvalidRead' },
  { pattern: /^Invalid write of size \d+$/, kind: 'InvalidWrite' },
  { pattern: /^Jump to the invalid address stated on the next line$/, kind: 'InvalidJump' },
  {
    pattern: /^Conditional jump or move depends on uninitialised value\(s\)$/,
    kind: 'UninitCondition',
  },
  { pattern: /^Use of uninitialised value of size \d+$/, kind: 'UninitValue' },
  // Syscall param write(buf) points to uninitialised byte(s); 2.x: contains uninitialised or unaddressable byte(s)
  {
    pattern:
      /^Syscall param .+ (?:points to|contains) (?:uninitialised|unaddressable)(?: or unaddressable)? byte\(s\)$/,
    kind: 'SyscallParam',
  },
  {
    pattern:
      /^(?:Uninitialised|Unaddressable|Uninitialised or unaddressable) byte\(s\) found during client check request$/,
    kind: 'ClientCheck',
  },
  // Invalid free() / delete / delete[] / realloc(); before 3.7 without realloc()
  { pattern: /^Invalid free\(\) \/ delete \/ delete ?\[\]/, kind: 'InvalidFree' },
  { pattern: /^Mismatched free\(\) \/ delete \/ delete ?\[\]/, kind: 'MismatchedFree' },
  {
    pattern: /^Mismatched new\/delete (?:\[\] )?size alloc value: /,
    kind: 'MismatchedAllocateDeallocateAlignment',
  },
  {
    pattern: /^Mismatched new\/delete (?:\[\] )?size value: /,
    kind: 'MismatchedAllocateDeallocateSize',
  },
  { pattern: /^Source and destination overlap in \S+\(.*\)$/, kind: 'Overlap' },
  { pattern: /^Illegal memory pool address$/, kind: 'InvalidMemPool' },
  {
    pattern: /^Argument '.+' of function .+ has a fishy \(possibly negative\) value: -?[\d,]+$/,
    kind: 'FishyValue',
  },
  { pattern: /^realloc\(\) with size 0$/, kind: 'ReallocSizeZero' },
  { pattern: /^Invalid alignment value: \d+ \(should be /, kind: 'InvalidAlignment' },
  { pattern: /^(?:\S+ )?[Ii]nvalid size value: \d+/, kind: 'InvalidSizeAndAlignment' },
  { pattern: /^Unsafe allocation with size of zero is implementation-defined/, kind: 'InvalidSize' },
  { pattern: /^.+ contains unaddressable byte\(s\)$/, kind: 'CoreMemError' },
];

const address = '0x[0-9A-Fa-f]+';

const helgrind: readonly Rule[] = [
  // Possible data race during write of size 4 at 0x10C130 by thread #1
  { pattern: new RegExp(`^Possible data race during \\w+ of size \\d+ at ${address}`), kind: 'Race' },
  { pattern: /^Thread #\d+: lock order "\S+ before \S+" violated$/, kind: 'LockOrder' },
  { pattern: /^Thread #\d+ unlocked a not-locked lock at /, kind: 'UnlockUnlocked' },
  { pattern: /^Thread #\d+ unlocked lock at \S+ currently held by thread #\d+/, kind: 'UnlockForeign' },
  { pattern: /^Thread #\d+ unlocked an invalid lock at /, kind: 'UnlockBogus' },
  { pattern: /^Thread #\d+'s call to \S+ failed$/, kind: 'PthAPIerror' },
  { pattern: /^Thread #\d+: .*dubious: /, kind: 'Dubious', since: [3, 21], formerly: 'Misc' },
  { pattern: /^Thread #\d+: /, kind: 'Misc' },
];

const drd: readonly Rule[] = [
  // Conflicting store by thread 1 at 0x04004130 size 4
  {
    pattern: new RegExp(`^Conflicting (?:load|store) by thread \\d+ at ${address} size \\d+$`),
    kind: 'ConflictingAccess',
  },
  { pattern: new RegExp(`: mutex ${address}, recursion count -?\\d+, owner \\d+\\.$`), kind: 'MutexErr' },
  { pattern: new RegExp(`^The object at address ${address} is not a mutex\\.$`), kind: 'MutexErr' },
  {
    pattern: new RegExp(`: cond ${address}, mutex ${address} locked by thread \\d+$`),
    kind: 'CondDestrErr',
  },
  { pattern: new RegExp(`: cond ${address}$`), kind: 'CondErr' },
  { pattern: /^Probably a race condition: condition variable /, kind: 'CondRaceErr' },
  {
    pattern: new RegExp(`: condition variable ${address}, mutexes ${address} and ${address}$`),
    kind: 'CondWaitErr',
  },
  { pattern: new RegExp(`: semaphore ${address}$`), kind: 'SemaphoreErr' },
  { pattern: new RegExp(`: barrier ${address}$`), kind: 'BarrierErr' },
  { pattern: new RegExp(`: rwlock ${address}\\.$`), kind: 'RwlockErr' },
  { pattern: /^Lock on .+ was held during \d+ ms \(threshold: \d+ ms\)\.$/, kind: 'HoldtimeErr' },
  { pattern: new RegExp(`^\\w+\\(\\): invalid thread ID ${address}$`), kind: 'InvalidThreadId' },
  {
    pattern: /^The annotation macro .+ has not yet been implemented in <valgrind\/helgrind\.h>$/,
    kind: 'UnimpHgClReq',
  },
  {
    pattern: /^The annotation macro .+ has not yet been implemented in <valgrind\/drd\.h>$/,
    kind: 'UnimpDrdClReq',
  },
];

/** Errors that every tool reports since 3.23; before, `--track-fds=yes` only printed a list that counted as nothing. */
const core: readonly Rule[] = [
  // File descriptor 3: /dev/null is already closed
  { pattern: /^File descriptor \d+:? .*is already closed$/, kind: 'FdBadClose' },
  { pattern: /^File descriptor \d+ was (?:closed already|never \w+)$/, kind: 'FdBadUse' },
];

const rulesOf: Readonly<Record<string, readonly Rule[]>> = { memcheck, helgrind, drd };

/** `300 bytes in 3 blocks are definitely lost in loss record 4 of 5`, with counts of changes since the last check. */
const leak =
  /^([\d,]+)(?: \([+-][\d,]+\))?(?: \([^a-z]* direct, [^a-z]* indirect\))? bytes in ([\d,]+)(?: \([+-][\d,]+\))? blocks are (definitely lost|indirectly lost|possibly lost|still reachable) in (?:new )?loss record ([\d,]+) of ([\d,]+)$/;

const leakKinds: Readonly<Record<string, string>> = {
  'definitely lost': 'Leak_DefinitelyLost',
  'indirectly lost': 'Leak_IndirectlyLost',
  'possibly lost': 'Leak_PossiblyLost',
  'still reachable': 'Leak_StillReachable',
};

/** A loss record's headline in numbers. `bytes` counts indirect ones too. */
export interface LeakHeadline {
  readonly kind: string;
  readonly bytes: number;
  readonly blocks: number;
  readonly record: number;
}

export function readLeakHeadline(text: string): LeakHeadline | undefined {
  const match = leak.exec(text);
  if (match === null) return undefined;
  const kind = leakKinds[match[3] ?? ''];
  if (kind === undefined) return undefined;
  return {
    kind,
    bytes: readNumber(match[1]),
    blocks: readNumber(match[2]),
    record: readNumber(match[4]),
  };
}

/** `1,234,567` as valgrind groups it. */
export function readNumber(text: string | undefined): number {
  return Number((text ?? '0').replaceAll(',', ''));
}

/**
 * The kind that a first line announces, or undefined when it is no error.
 * `tool` and `version` are what the preamble said; a log made with `-q` has none, then every tool's words count.
 */
export function classifyHeadline(
  text: string,
  tool: string | undefined,
  version: string | undefined,
): Headline | undefined {
  for (const name of tool === undefined ? Object.keys(rulesOf) : [tool]) {
    const rule = rulesOf[name]?.find(({ pattern }) => pattern.test(text));
    if (rule !== undefined) return { tool: name, kind: kindOf(rule, version) };
    if (name === 'memcheck') {
      const lost = readLeakHeadline(text);
      if (lost !== undefined) return { tool: name, kind: lost.kind };
    }
  }
  const common = core.find(({ pattern }) => pattern.test(text));
  return common && { tool: tool ?? 'memcheck', kind: common.kind };
}

function kindOf(rule: Rule, version: string | undefined): string {
  if (rule.since === undefined || rule.formerly === undefined || version === undefined) return rule.kind;
  return isBefore(version, rule.since) ? rule.formerly : rule.kind;
}

/** Whether `3.19.0` is older than `[3, 23]`. */
export function isBefore(version: string, [major, minor]: readonly [number, number]): boolean {
  const [itsMajor = 0, itsMinor = 0] = version.split('.').map(Number);
  return itsMajor < major || (itsMajor === major && itsMinor < minor);
}
