// One bug, many witnesses: findings of different instruments that name the same defect become one.
import type { Finding, ReportFrame, ReportStack } from '../model/report.ts';
import { blockFacts } from './access-facts.ts';
import { simpleFunction, variableOf } from './fingerprint.ts';
import { leakKindOf } from './leak-policy.ts';
import { baseName } from './ownership.ts';

/*
 * The rule (docs/identity.md tells it to users). To take two bugs for one hides one of them, so whatever speaks against
 * it keeps two findings apart, and so does doubt:
 *
 * 1. They are of different tools, and of kinds that name the same class of defect (`defectOf`).
 * 2. They are at the same place: the innermost call that is neither the system's nor the instrument's has a line in
 *    both, and function, base name of the file and line are the same; so are the calls above it, as far as both have
 *    them. What was called there (`strcpy`) is the same.
 * 3. What both tell is the same: read or write, size of the access, size of the block, before or after it, where it was
 *    allocated and freed, where an uninitialised value was created, which variable a race is about, size of leaked blocks.
 * 4. What was folded into one finding tells the same each time. A finding of several accesses on one line may hold one
 *    more defect, and what the other tool knows would make that one known too.
 * 5. Each is the only one of its tool that the other could be. With three tools, every two of them must agree.
 */

/** What a kind says has happened, the same word for all tools. */
type Defect =
  | 'use after free'
  | 'heap overflow'
  | 'double free'
  | 'bad free'
  | 'mismatched free'
  | 'overlap'
  | 'leak'
  | 'race'
  | 'lock order'
  | 'uninitialised'
  | 'wild access';

/** Tools in the order in which one leads when the evidence does not decide. */
const precedence = [
  'memcheck',
  'asan',
  'hwasan',
  'helgrind',
  'tsan',
  'drd',
  'lsan',
  'msan',
  'heaptrack',
  'memwatch',
  'vld',
  'crt',
  'mtrace',
];

/** More findings of one tool at one place are not told apart by what is compared here. */
const mostAtOnePlace = 50;

/** A finding as it is compared. */
interface Statement {
  readonly finding: Finding;
  readonly defect: Defect;
  /** Own calls with lines, innermost first: never empty. Two of them for what happened at two places, in one order. */
  readonly sites: readonly (readonly Call[])[];
  /** What it tells is not of one access alone: it may be this defect and another. */
  readonly mixed: boolean;
  /** What own code called there: `strcpy`; empty for its own access; undefined when the tool tells no functions. */
  readonly routine: string | undefined;
}

interface Call {
  readonly name: string | undefined;
  readonly file: string;
  readonly line: number;
  /** Path in the project, when it is known to be one. */
  readonly path: string | undefined;
}

/**
 * Joins. The finding that leads stands for all and has the others as `witnesses`; the order of what is left is kept.
 * Pure, and the same for any order of `findings` but for that order.
 *
 * @param isMixed whether records that were folded into a finding differ in what they tell of the access.
 */
export function joinWitnesses(
  findings: readonly Finding[],
  isMixed: (finding: Finding) => boolean,
): readonly Finding[] {
  // Most reports are of one tool: nothing to compare.
  if (new Set(findings.map(({ tool }) => tool)).size < 2) return findings;
  const byPlace = new Map<string, Statement[]>();
  for (const finding of findings) {
    const statement = finding.pardon === 'interpreter' ? undefined : statementOf(finding, isMixed(finding));
    if (statement === undefined) continue;
    const key = `${statement.defect} ${statement.sites.map(([first]) => `${first?.file}:${first?.line}`)}`;
    const same = byPlace.get(key);
    if (same === undefined) byPlace.set(key, [statement]);
    else same.push(statement);
  }
  const led = new Map<Finding, readonly Finding[]>();
  const joined = new Set<Finding>();
  for (const statements of byPlace.values()) {
    for (const group of groupsOf(statements)) {
      const [leader, ...witnesses] = group.map(({ finding }) => finding).sort(mostTellingFirst);
      if (leader === undefined) continue;
      led.set(leader, witnesses);
      for (const witness of witnesses) joined.add(witness);
    }
  }
  return findings
    .filter((finding) => !joined.has(finding))
    .map((finding) => {
      const witnesses = led.get(finding);
      return witnesses === undefined ? finding : { ...finding, witnesses };
    });
}

/** The finding and what was joined into it. */
export function facesOf(finding: Finding): readonly Finding[] {
  return finding.witnesses === undefined ? [finding] : [finding, ...finding.witnesses];
}

/** Statements that are about one defect: in each group at most one of a tool, and every two agree. */
function groupsOf(statements: readonly Statement[]): readonly (readonly Statement[])[] {
  const byTool = new Map<string, Statement[]>();
  for (const statement of statements) {
    const { tool } = statement.finding;
    byTool.set(tool, [...(byTool.get(tool) ?? []), statement]);
  }
  if (byTool.size < 2) return [];
  if ([...byTool.values()].some(({ length }) => length > mostAtOnePlace)) return [];
  const partners = new Map<Statement, Set<Statement>>(statements.map((one) => [one, new Set()]));
  const onlyOne = (one: Statement, others: readonly Statement[]): Statement | undefined => {
    const candidates = others.filter((other) => agreement(one, other) !== 'no');
    const [only] = candidates;
    if (candidates.length !== 1 || only === undefined) return undefined;
    return agreement(one, only) === 'same' ? only : undefined;
  };
  for (const [tool, ones] of byTool) {
    for (const [other, others] of byTool) {
      if (tool === other) continue;
      for (const one of ones) {
        const partner = onlyOne(one, others);
        if (partner !== undefined && onlyOne(partner, ones) === one) partners.get(one)?.add(partner);
      }
    }
  }
  const groups: Statement[][] = [];
  const seen = new Set<Statement>();
  for (const statement of statements) {
    if (seen.has(statement)) continue;
    const group: Statement[] = [];
    const open = [statement];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      group.push(next);
      open.push(...(partners.get(next) ?? []));
    }
    const agrees = group.every((one) =>
      group.every((other) => one === other || partners.get(one)?.has(other) === true),
    );
    if (group.length > 1 && agrees) groups.push(group);
  }
  return groups;
}

// ---- what a finding says

function statementOf(finding: Finding, mixed: boolean): Statement | undefined {
  const defect = defectOf(finding, mixed);
  if (defect === undefined) return undefined;
  const places = placesOf(finding, defect);
  if (places === undefined || places.length === 0) return undefined;
  const sites = places.map(({ frames }) => callsOf(frames));
  if (sites.some(({ length }) => length === 0)) return undefined;
  // Which of two accesses came first is chance.
  const ordered = [...sites].sort((a, b) => compare(siteKey(a), siteKey(b)));
  const routine = sites.length > 1 ? undefined : routineOf(places[0]);
  return { finding, defect, sites: ordered, mixed, routine };
}

const memoryAccess: ReadonlySet<string> = new Set(['InvalidRead', 'InvalidWrite']);
const uninitialised: ReadonlySet<string> = new Set([
  'UninitCondition',
  'UninitValue',
  'use-of-uninitialized-value',
]);

/** The class of defect; undefined for what no other tool reports, or not so that it could be compared. */
function defectOf(finding: Finding, mixed: boolean): Defect | undefined {
  const { tool, kind, stacks } = finding;
  if (leakKindOf(kind) !== undefined) return 'leak';
  const freed = stacks.some(({ label, frames }) => label === 'freed at' && frames.length > 0);
  switch (tool) {
    case 'memcheck':
      if (memoryAccess.has(kind)) {
        if (freed) return 'use after free';
        if (!stacks.some(({ label }) => label === 'allocated at')) return 'wild access';
        return mixed || blockFacts(finding).side !== undefined ? 'heap overflow' : undefined;
      }
      if (kind === 'InvalidFree') return freed ? 'double free' : 'bad free';
      if (kind === 'MismatchedFree') return 'mismatched free';
      if (kind === 'Overlap') return 'overlap';
      return uninitialised.has(kind) ? 'uninitialised' : undefined;
    case 'asan':
      if (kind === 'heap-use-after-free') return 'use after free';
      if (kind === 'heap-buffer-overflow') return 'heap overflow';
      if (kind === 'double-free') return 'double free';
      if (kind === 'bad-free') return 'bad free';
      if (kind === 'alloc-dealloc-mismatch') return 'mismatched free';
      if (kind.endsWith('-param-overlap')) return 'overlap';
      return kind === 'SEGV' ? 'wild access' : undefined;
    case 'memwatch':
      return kind === 'double-free' ? 'double free' : kind === 'wild-free' ? 'bad free' : undefined;
    case 'helgrind':
      return kind === 'Race' ? 'race' : kind === 'LockOrder' ? 'lock order' : undefined;
    case 'tsan':
      if (kind === 'heap-use-after-free') return 'use after free';
      return kind === 'data-race' ? 'race' : kind === 'lock-order-inversion' ? 'lock order' : undefined;
    case 'msan':
      return uninitialised.has(kind) ? 'uninitialised' : undefined;
    default:
      // drd shows one side of a race only, and one side is no race.
      return undefined;
  }
}

/** The stacks that say where: one, or the two sides of a race or of a lock order. */
function placesOf({ stacks }: Finding, defect: Defect): readonly ReportStack[] | undefined {
  const of = (...labels: readonly ReportStack['label'][]): readonly ReportStack[] =>
    stacks.filter(({ label, frames }) => labels.includes(label) && frames.length > 0);
  switch (defect) {
    case 'leak': {
      const [allocated = stacks[0]] = of('allocated at');
      return allocated && [allocated];
    }
    case 'race': {
      const [one, other] = [of('at'), of('previous access', 'previous read', 'previous write')];
      return one.length === 1 && other.length === 1 ? [...one, ...other] : undefined;
    }
    case 'lock order': {
      // Of a cycle of three nobody but TSan tells.
      const [[one, third], [other]] = [of('required order then'), of('at')];
      return one && other && third === undefined ? [one, other] : undefined;
    }
    default: {
      const [at] = of('at');
      return at && [at];
    }
  }
}

/** Own calls, innermost first, up to one without a line; empty when the innermost has none. */
function callsOf(frames: readonly ReportFrame[]): readonly Call[] {
  const calls: Call[] = [];
  for (const frame of frames) {
    if (isForeign(frame)) continue;
    const { function: name, path, line } = frame;
    if (path === undefined || line === undefined || line <= 0) break;
    calls.push({
      name: name === undefined || name === '???' ? undefined : simpleFunction(name),
      file: baseName(path),
      line,
      path: isInProject(frame) ? path : undefined,
    });
    if (name === 'main') break;
  }
  return calls;
}

/** A path that was made relative to the project; one that a log has so is relative to nobody knows what. */
function isInProject({ path, file, directory }: ReportFrame): boolean {
  return path?.startsWith('/') === false && (directory ?? file)?.startsWith('/') === true;
}

function isForeign({ owner }: ReportFrame): boolean {
  return owner === 'system' || owner === 'tool';
}

function siteKey(calls: readonly Call[]): string {
  return calls.map(({ file, line, name }) => `${file}:${line} ${name}`).join('|');
}

/** What own code called: the outermost call that is not its own; `__interceptor_strcpy` and `strcpy` are one. */
function routineOf(stack: ReportStack | undefined): string | undefined {
  const frames = stack?.frames ?? [];
  const own = frames.findIndex((frame) => !isForeign(frame));
  if (frames[own]?.function === undefined) return undefined;
  if (own === 0) return '';
  const name = frames[own - 1]?.function;
  if (name === undefined || name === '???') return undefined;
  return simpleFunction(name)
    .replace(/^_*(?:interceptor_|asan_|msan_|tsan_|GI_)/, '')
    .replace(/_(?:sse|avx|evex|erms|unaligned)\w*$/, '')
    .replace(/^memmove$/, 'memcpy')
    .replace(/^__(?=[a-z])/, '');
}

// ---- whether two say the same

/** `maybe`: it could be the same, and then it speaks against any other; but it is not joined. */
type Agreement = 'same' | 'maybe' | 'no';

function agreement(a: Statement, b: Statement): Agreement {
  const [one, other] = [a.finding, b.finding];
  if (!a.sites.every((site, index) => isSameSite(site, b.sites[index] ?? []))) return 'no';
  if (!agree(a.routine, b.routine)) return 'no';
  if (a.defect === 'leak') return leakAgreement(one, other);
  if (!isSameStack('allocated at', one, other)) return 'no';
  if (a.mixed || b.mixed) return 'maybe';
  if (!isSameStack('freed at', one, other)) return 'no';
  if (a.defect === 'uninitialised' && !isSameStack('created at', one, other)) return 'no';
  const [block, otherBlock] = [blockFacts(one), blockFacts(other)];
  if (!agree(block.size, otherBlock.size) || !agree(block.side, otherBlock.side)) return 'no';
  if (a.defect === 'race') {
    return agree(variableOf(one) || undefined, variableOf(other) || undefined) &&
      agree(one.access?.size, other.access?.size)
      ? 'same'
      : 'no';
  }
  if (!agree(operationOf(one), operationOf(other))) return 'no';
  // A library copies in steps of its own: only the program's own access has a size.
  const isOwn = a.routine === '' && b.routine === '';
  return !isOwn || agree(one.access?.size, other.access?.size) ? 'same' : 'no';
}

function agree(a: string | number | undefined, b: string | number | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

/** A tool that does not look whether memory can be reached may mean any block that was allocated there. */
function leakAgreement(a: Finding, b: Finding): Agreement {
  const [one, other] = [leakKindOf(a.kind), leakKindOf(b.kind)];
  const unsearched = one === 'unfreed' || other === 'unfreed';
  if (one !== other && !unsearched) return 'no';
  if (!agree(sizeOfBlocks(a), sizeOfBlocks(b))) return unsearched ? 'maybe' : 'no';
  const isLost = [one, other].every((kind) => kind !== 'possible' && kind !== 'reachable');
  return isLost ? 'same' : unsearched ? 'maybe' : 'no';
}

/** Bytes of each, when they may be of one size. */
function sizeOfBlocks({ leak }: Finding): number | undefined {
  return leak === undefined || leak.blocks === 0 ? undefined : leak.directBytes / leak.blocks;
}

function operationOf({ access }: Finding): string | undefined {
  return access?.operation === 'read' || access?.operation === 'write' ? access.operation : undefined;
}

function isSameSite(a: readonly Call[], b: readonly Call[]): boolean {
  if (a.length === 0 || b.length === 0) return false;
  return a.slice(0, b.length).every((call, index) => {
    const other = b[index];
    return (
      other !== undefined &&
      call.line === other.line &&
      call.file === other.file &&
      agree(call.path, other.path) &&
      agree(call.name, other.name)
    );
  });
}

/** Where something else happened is the same, or one of them does not tell. */
function isSameStack(label: ReportStack['label'], a: Finding, b: Finding): boolean {
  const [one, other] = [a, b].map(({ stacks }) => {
    const stack = stacks.find((each) => each.label === label);
    return stack === undefined ? [] : callsOf(stack.frames);
  });
  if (one === undefined || other === undefined || one.length === 0 || other.length === 0) return true;
  return isSameSite(one, other);
}

// ---- which one leads

/** Counts as an error before what does not; more places told before fewer; then the order of the tools. */
function mostTellingFirst(a: Finding, b: Finding): number {
  return (
    Number(b.error) - Number(a.error) ||
    placesTold(b) - placesTold(a) ||
    rank(a.tool) - rank(b.tool) ||
    compare(a.fingerprint, b.fingerprint)
  );
}

function placesTold({ stacks }: Finding): number {
  return new Set(stacks.filter(({ frames }) => frames.length > 0).map(({ label }) => label)).size;
}

/** Where a tool stands among others, in reports that hold several. */
export function rank(tool: string): number {
  const place = precedence.indexOf(tool);
  return place < 0 ? precedence.length : place;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
