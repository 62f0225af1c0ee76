// The identity of a finding: the same defect has the same fingerprint in every process, run and build.
import { createHash } from 'node:crypto';
import type { FindingRecord, Frame, Stack, StackLabel } from '../model/finding.ts';
import { isRuntime } from './instruments.ts';
import { baseName, isSharedObject, isSystemFrame, isToolFrame, primaryStack } from './ownership.ts';

/*
 * The rule, in full (docs/identity.md tells it to users):
 *
 *   identity = tool, kind, subject, primary stack, the stacks that the kind needs besides, and an ordinal.
 *
 * A stack is its first 12 calls (valgrind's default depth, so that --num-callers does not matter), cut below `main`
 * or where a thread begins, recursion folded. A frame is its function without clone suffix and symbol version, and
 * the base name of its source file; without a function, the base name of its object without version. Frames of libc
 * and the C++ runtime count by function only (debug symbols for them come and go), frames of the instrument too, and
 * not at all when they are nameless. Addresses, directories, pids and thread numbers never count.
 *
 * Lines do not count either, or every edit above a defect would make a new one. But two lines of one function are two
 * places and may be two defects, so what a run has at several places is numbered in the order of the lines: that
 * order survives when all of them move. Only lines of the user's own frames tell places apart, because libc has lines
 * on some machines only. A program without lines has its addresses instead, which valgrind gives it anew the same in
 * every process; a shared object is loaded anywhere, so its addresses tell nothing. A runtime inside the program sees
 * other addresses in every run, of the program too: there an offset in the object counts, where one is told.
 *
 * Known failures, chosen with open eyes:
 *   - a new place above the others in one function, one that is mended, or one that a run does not reach, moves the
 *     ordinals of those below it;
 *   - two defects of one kind on one line, called the same way, are one finding;
 *   - a renamed function or source file makes a new finding;
 *   - another inlining (-O0 against -O2), or a program without debug information, makes a new finding;
 *   - drd does not show the other side of a race as a stack, so the two orders of a race under drd are two findings.
 */

const deepest = 12;

/** Kinds whose sentence, not its stack, says which defect it is. */
const spoken = new Set([
  'SyscallParam',
  'PthAPIerror',
  'Misc',
  'MutexErr',
  'CondErr',
  'SemaphoreErr',
  'BarrierErr',
  'RwlockErr',
  'GenericErr',
  'FishyValue',
]);

/** Kinds about a heap block: which block it was is part of the defect. */
const aboutBlock = new Set([
  'InvalidRead',
  'InvalidWrite',
  'InvalidFree',
  'MismatchedFree',
  'ConflictingAccess',
  'heap-buffer-overflow',
  'heap-use-after-free',
  'container-overflow',
  'use-after-poison',
  'double-free',
  'bad-free',
  'invalid-free',
  'alloc-dealloc-mismatch',
  'new-delete-type-mismatch',
  'tag-mismatch',
  'allocation-tail-overwritten',
  'overflow',
  'underflow',
]);

/** Two accesses that come in either order: which of them the tool saw last is chance. */
const races = new Set(['Race', 'data-race', 'data-race-on-vptr', 'race-on-external-object']);

type Role = 'at' | 'block' | 'other' | 'required';

/** The stacks of a record that make its identity. Unordered ones are sorted before they are hashed. */
interface Parts {
  readonly subject: string;
  readonly unordered: boolean;
  readonly stacks: readonly { readonly role: Role; readonly stack: Stack }[];
}

const otherSide: ReadonlySet<StackLabel> = new Set(['previous access', 'previous read', 'previous write']);

/** What a record is about, before it is known what else the run has. */
export interface Identity {
  /** 64 hex digits of SHA-256 over the identity above without its ordinal: the same for all places of a function. */
  readonly base: string;
  /** Coarser, 16 hex digits, see `outlineOf`; undefined when no frame of the user's or of a library is there. */
  readonly outline: string | undefined;
  /** The place: a number for each call that counts. Two records with one base are one finding if these are equal. */
  readonly site: readonly number[];
}

/** Identifies a record. Pure. */
export function identify(record: FindingRecord): Identity {
  const { subject, unordered, stacks } = partsOf(record);
  const moves = isRuntime(record.tool);
  const parts = stacks.map(({ role, stack }) => {
    const calls = callsOf(stack.frames, moves);
    return { role: unordered ? 'either' : role, words: calls.map(({ word }) => word), calls };
  });
  if (unordered) {
    parts.sort(
      (a, b) =>
        compareTexts(JSON.stringify(a.words), JSON.stringify(b.words)) || compareCalls(a.calls, b.calls),
    );
  }
  const text = JSON.stringify([
    record.tool,
    record.kind,
    subject,
    parts.map(({ role, words }) => [role, words]),
  ]);
  const calls = parts.flatMap((part) => part.calls);
  return { base: sha256(text), outline: outlineOf(record, stacks, unordered), site: siteOf(calls) };
}

/**
 * What is left of an identity when a source file is renamed, a template gets other arguments from another compiler, or
 * libc and the C++ runtime inline otherwise: the names of the functions that are neither. Two findings may share one,
 * so it only ever helps to know a finding again whose identity is gone (analyze/baseline.ts).
 */
function outlineOf(record: FindingRecord, stacks: Parts['stacks'], unordered: boolean): string | undefined {
  const parts = stacks.map(({ role, stack }) => {
    const names: string[] = [];
    for (const frame of stack.frames) {
      const ends = endsOf(frame);
      if (ends === 'before') break;
      if (!isToolFrame(frame) && !isSystemFrame(frame)) {
        const name = frame.function === undefined ? undefined : simpleFunction(frame.function);
        const word = name ?? (frame.object === undefined ? undefined : plainObject(frame.object));
        // A line of a file, as mtrace and UBSan tell it: two of them are not alike because neither has a name.
        if (word !== undefined) names.push(word);
      }
      if (ends === 'after') break;
    }
    return [unordered ? 'either' : role, ...names.filter((name, index) => name !== names[index - 1])];
  });
  // `main` alone says nothing.
  if (parts.every((part) => part.slice(1).every((name) => name === 'main'))) return undefined;
  if (unordered) parts.sort((a, b) => compareTexts(JSON.stringify(a), JSON.stringify(b)));
  return sha256(JSON.stringify([record.tool, record.kind, parts])).slice(0, 16);
}

/** `std::vector<int>::push_back(int const&)` → `std::vector::push_back`, `f[abi:cxx11](char)` → `f` */
export function simpleFunction(name: string): string {
  let simple = '';
  let depth = 0;
  const plain = plainFunction(name).replace(/\[abi:\w+\]/g, '');
  for (const [index, character] of [...plain].entries()) {
    // `operator<`, `operator<<`, `operator->` and `operator()` are names.
    if (depth === 0 && /\boperator\W*$/.test(simple) && /[<>()-]/.test(character)) simple += character;
    else if (character === '<' || character === '(') depth++;
    else if ((character === '>' || character === ')') && depth > 0) depth--;
    else if (depth === 0) simple += character;
    if (index > 2000) break;
  }
  return (
    simple
      .replace(/ const$/, '')
      .replace(/^(?:[\w:*& ]+ )(?=[\w:~]+$)/, '')
      .trim() || plain
  );
}

/** The fingerprint of the `ordinal`-th place (from 1) of what has this base, in the order of `compareSites`. */
export function fingerprintOf(base: string, ordinal: number): string {
  return ordinal === 1 ? base : sha256(`${base}#${ordinal}`);
}

/** Orders places of one base as they follow each other in the source, outer calls deciding last. */
export function compareSites(a: readonly number[], b: readonly number[]): number {
  const differing = a.findIndex((number, index) => number !== b[index]);
  return differing < 0 ? a.length - b.length : (a[differing] ?? 0) - (b[differing] ?? 0);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * A cheap key for folding a stream: records with equal keys have equal identities. Its length does not depend on
 * lengths of names, so a hundred thousand repetitions cost map look-ups and no hashing. `number` gives each
 * distinct word at each line a small number; keep one for a whole fold.
 */
export function foldKey(record: FindingRecord, number: FrameNumbers): string {
  const { subject, stacks } = partsOf(record);
  let key = `${record.tool}/${record.kind}|${subject}`;
  for (const { role, stack } of stacks) key += `|${role}:${stackKey(stack.frames, number)}`;
  return key;
}

/**
 * A key for one exact stack, addresses and lines and all: loss records with equal keys in two leak checks of a process,
 * or in a process and its forked child, are about the same blocks. Never part of an identity.
 */
export function exactKey(frames: readonly Frame[], numberExactly: (frame: Frame) => number): string {
  let key = '';
  for (const frame of frames) key += `${numberExactly(frame)},`;
  return key;
}

/** Numbers for exact frames, for `exactKey`. */
export function exactNumbers(): (frame: Frame) => number {
  const byFrame = new WeakMap<Frame, number>();
  const byText = new Map<string, number>();
  return (frame) => {
    const known = byFrame.get(frame);
    if (known !== undefined) return known;
    const text = `${frame.ip ?? `${frame.object ?? ''}+${frame.offset ?? ''}`}|${frame.function ?? ''}|${frame.file ?? ''}|${frame.line ?? ''}`;
    const number = byText.get(text) ?? byText.size;
    byText.set(text, number);
    byFrame.set(frame, number);
    return number;
  };
}

/** A key of the calls of a stack that count, cheap as `foldKey` is. */
export function stackKey(frames: readonly Frame[], number: FrameNumbers): string {
  let key = '';
  let ip: string | undefined;
  for (const frame of frames) {
    const { id, ends } = number(frame);
    if (ends === 'before') break;
    // What is inlined counts as no call of its own when the stack is cut at the depth.
    if (id >= 0) key += frame.ip === undefined || frame.ip !== ip ? `${id},` : `${id}+`;
    ip = frame.ip;
    if (ends === 'after') break;
  }
  return key;
}

/** A frame's number, -1 for one that does not count, and whether the stack that matters ends before or after it. */
export interface NumberedFrame {
  readonly id: number;
  readonly ends: Ends;
}

type Ends = 'before' | 'after' | 'not';

/** Numbers for frames: equal words at equal places get equal numbers. */
export type FrameNumbers = (frame: Frame) => NumberedFrame;

/** Fresh numbering. Memory: one entry for each word and place; frame objects themselves are held weakly. */
export function frameNumbers(): FrameNumbers {
  const byFrame = new WeakMap<Frame, NumberedFrame>();
  const byPlace = new Map<string, number>();
  return (frame) => {
    const known = byFrame.get(frame);
    if (known !== undefined) return known;
    // This is only a cache: that it tells more apart than counts does no harm.
    const call = callOf(frame, false);
    const place = call === undefined ? '' : `${call.line} ${call.offset} ${call.word}`;
    let id = call === undefined ? -1 : byPlace.get(place);
    if (id === undefined) {
      id = byPlace.size;
      byPlace.set(place, id);
    }
    const numbered = { id, ends: endsOf(frame) };
    byFrame.set(frame, numbered);
    return numbered;
  };
}

function partsOf(record: FindingRecord): Parts {
  const primary = record.stacks[primaryStack(record.stacks)];
  const stacks: { role: Role; stack: Stack }[] = [];
  if (primary !== undefined) stacks.push({ role: 'at', stack: primary });
  const isSpoken = spoken.has(record.kind) || record.tool === 'ubsan';
  let subject = isSpoken ? spokenSubject(record.what) : '';
  const race = races.has(record.kind);
  // TSan tells every edge of the cycle; which of them closed it is chance too.
  const cycle = record.kind === 'lock-order-inversion';
  for (const stack of record.stacks) {
    if (stack === primary) continue;
    if (race && otherSide.has(stack.label)) stacks.push({ role: 'other', stack });
    if ((cycle || record.kind === 'LockOrder') && stack.label === 'required order then')
      stacks.push({ role: 'required', stack });
    if (!aboutBlock.has(record.kind)) continue;
    if (stack.label === 'allocated at') stacks.push({ role: 'block', stack });
    // Past the end of a block and inside a freed block are two defects at one place.
    if (stack.label === 'freed at') subject = 'freed';
  }
  if (race || record.kind === 'ConflictingAccess') subject = variableOf(record);
  return { subject, unordered: race || cycle, stacks };
}

// `Location 0x10c060 is 0 bytes inside global var "counter"`, `Address 0x10c060 is 0 bytes inside data symbol "counter"`
// `Location is global 'counter' of size 4 at 0x55e073fdb280 (data-race+0x1476280)`
const variable =
  /inside (?:global var|local var|data symbol) "([^"]{1,200})"|^Location is global '(?!(?:<null>|\?\?)')([^']{1,200})'/;

function variableIn(text: string): string | undefined {
  const match = variable.exec(text);
  return match?.[1] ?? match?.[2];
}

/** The variable a race is about, when the tool knows it, else nothing: two variables in one function are two races. */
export function variableOf(record: Pick<FindingRecord, 'details' | 'stacks'>): string {
  for (const text of record.details) {
    const name = variableIn(text);
    if (name !== undefined) return name;
  }
  for (const { text } of record.stacks) {
    const name = text === undefined ? undefined : variableIn(text);
    if (name !== undefined) return name;
  }
  return '';
}

/** The sentence without what varies: `Mutex not locked: mutex 0x1ffefffa10, recursion count 0, owner 0.` */
function spokenSubject(what: string): string {
  return what
    .slice(0, 300)
    .replace(/0x[0-9a-fA-F]+/g, '#')
    .replace(/-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?/g, '#');
}

// `__libc_start_main@@GLIBC_2.34`, `(below main)`, `start_thread`, `clone3`
const entry =
  /^(?:\(below main\)|_start|__libc_start_(?:call_)?main(?:_impl)?|start_thread|clone\d?|(?:asan|hwasan)_thread_start(?:\(void\*\))?|__tsan_thread_start_func|__(?:asan::Asan|hwasan::Hwasan|msan::Msan)Thread::\w+\(.*\)|invoke_main(?:\(\))?|__scrt_common_main(?:_seh)?(?:\(\))?|(?:__tmain|w?(?:Win)?main)CRTStartup(?:\(\))?|BaseThreadInitThunk(?:\(\))?)$/;

/** Where the stack that matters ends: what is below `main` or the start of a thread is the same for every finding. */
function endsOf(frame: Frame): Ends {
  if (frame.function === undefined) return 'not';
  if (frame.function === 'main') return 'after';
  return entry.test(plainFunction(frame.function)) ? 'before' : 'not';
}

/** A call as it counts. */
interface Call {
  readonly word: string;
  /** 0 for none, and for libc and the instrument, which have lines by chance. */
  readonly line: number;
  /** The address in a program without lines; see at the top why it does. */
  readonly offset: number;
  /** Of a call that only its object and the offset in it tell: that offset. Two of them are two calls. */
  readonly nameless?: string;
}

/** The calls of a stack as they count: recursion folded, then at most 12. */
function callsOf(frames: readonly Frame[], moves: boolean): readonly Call[] {
  const folded: (Call & { readonly deeper: boolean })[] = [];
  let ip: string | undefined;
  for (const frame of frames) {
    const ends = endsOf(frame);
    if (ends === 'before') break;
    const call = callOf(frame, moves);
    // Inlined calls share the address of the call they are inlined into, and --num-callers counts addresses.
    const deeper = frame.ip === undefined || frame.ip !== ip;
    ip = frame.ip;
    if (call !== undefined) {
      folded.push({ ...call, deeper });
      foldRepetition(folded);
    }
    if (ends === 'after') break;
  }
  let depth = 0;
  const calls: Call[] = [];
  for (const call of folded) {
    if (call.deeper) depth++;
    if (depth > deepest) break;
    calls.push(call);
  }
  return calls;
}

/** Lines; addresses only where there is no line at all. */
function siteOf(calls: readonly Call[]): readonly number[] {
  const lines = calls.map(({ line }) => line);
  return lines.some((line) => line > 0) ? lines : calls.map(({ offset }) => offset);
}

function compareCalls(a: readonly Call[], b: readonly Call[]): number {
  return compareSites(siteOf(a), siteOf(b));
}

/** Drops the tail when it repeats what is before it, up to four calls: `f g f g main` recurses as `f g main` does. */
function foldRepetition(items: Call[]): void {
  for (let period = 1; period <= 4 && 2 * period <= items.length; period++) {
    const tail = items.length - period;
    let same = true;
    for (let i = tail; i < items.length && same; i++) same = isSameCall(items[i], items[i - period]);
    if (same) {
      items.length = tail;
      return;
    }
  }
}

/** An offset in an object is the same in every run of a build, wherever it is loaded. */
function isSameCall(a: Call | undefined, b: Call | undefined): boolean {
  return a?.word === b?.word && a?.nameless === b?.nameless;
}

/**
 * A frame as it counts, or nothing for a nameless frame of the instrument.
 * @param moves the program is loaded elsewhere in every run: an address tells nothing.
 */
function callOf(frame: Frame, moves: boolean): Call | undefined {
  const name =
    frame.function === undefined || frame.function === '???' ? undefined : plainFunction(frame.function);
  if (isToolFrame(frame)) return name === undefined ? undefined : { word: name, line: 0, offset: 0 };
  const object = frame.object === undefined ? undefined : plainObject(frame.object);
  const word = name ?? object ?? '?';
  if (isSystemFrame(frame)) return { word, line: 0, offset: 0 };
  const file = frame.file === undefined ? '' : `|${baseName(frame.file)}`;
  const nameless = name === undefined && file === '' ? frame.offset : undefined;
  return {
    word: word + file,
    line: frame.line ?? 0,
    offset: offsetOf(frame, moves),
    ...(nameless !== undefined && { nameless }),
  };
}

/** The offset in the object of a frame that has no line; without one the address, of the program itself; else 0. */
function offsetOf({ line, object, ip, offset: inObject }: Frame, moves: boolean): number {
  if (line !== undefined || object === undefined) return 0;
  const isFixed = ip !== undefined && !moves && !isSharedObject(object);
  const offset = Number(inObject ?? (isFixed ? ip : 0));
  return Number.isSafeInteger(offset) ? offset : 0;
}

/** `frob.constprop.0.isra.1` → `frob`, `frob(int) [clone .cold]` → `frob(int)`, `memcpy@@GLIBC_2.14` → `memcpy` */
export function plainFunction(name: string): string {
  return (
    name
      .replace(/@@?[A-Z][\w.]*$/, '')
      .replace(/(?: \[clone [^\]]*\])+$/, '')
      .replace(/(?:\.(?:isra|constprop|part|cold|lto_priv|localalias|llvm)(?:\.\d+)*)+$/, '')
      // Rust's legacy mangling ends in a hash of the build: `core::fmt::write::h0123456789abcdef`
      .replace(/::h[0-9a-f]{16}$/, '')
      // clang names what has no name by its line: `(lambda at ../../base/task.cc:53:9)`, on Windows in `…'
      .replace(/([(`])(lambda|(?:anonymous|unnamed) \w+) at [^()`']*?:\d+(?::\d+)?([)'])/g, '$1$2$3')
  );
}

/** `/usr/lib/libfoo-1.2.so.3.4` → `libfoo.so` */
export function plainObject(object: string): string {
  return baseName(object)
    .replace(/\.so(?:\.[\w.]+)$/, '.so')
    .replace(/-\d[\d.]*\.so$/, '.so');
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
