// The identity of a finding: the same defect has the same fingerprint in every process, run and build.
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { FindingRecord, Frame, Stack, StackLabel } from '../model/finding.ts';
import { isSystemFrame, isToolFrame, primaryStack } from './ownership.ts';

/*
 * The rule, in full (docs/identity.md tells it to users):
 *
 *   identity = tool, kind, subject, primary stack, and the stacks that the kind needs besides.
 *
 * A stack is its first 12 calls (valgrind's default depth, so that --num-callers does not matter), cut below `main`
 * or where a thread begins, recursion folded. A frame is its function without clone suffix and symbol version, and
 * the base name of its source file; without a function, the base name of its object without version. Frames of libc
 * and the C++ runtime count by function only (debug symbols for them come and go), frames of the instrument too, and
 * not at all when they are nameless. Lines, columns, addresses, directories, pids and thread numbers never count.
 *
 * Known failures, chosen with open eyes:
 *   - two defects of one kind in one function, called the same way, are one finding;
 *   - a renamed function or source file makes a new finding;
 *   - another inlining (-O0 against -O2), or a program without debug information, makes a new finding;
 *   - drd does not show the other side of a race as a stack, so the two orders of a race under drd are two findings.
 */

const depth = 12;

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
]);

type Role = 'at' | 'block' | 'other' | 'required';

/** The stacks of a record that make its identity. Unordered ones are sorted before they are hashed. */
interface Identity {
  readonly subject: string;
  readonly unordered: boolean;
  readonly parts: readonly { readonly role: Role; readonly stack: Stack }[];
}

const otherSide: ReadonlySet<StackLabel> = new Set(['previous access', 'previous read', 'previous write']);

/** The fingerprint of a finding: 64 hex digits of SHA-256 over the identity above. Pure. */
export function fingerprint(record: FindingRecord): string {
  const identity = identityOf(record);
  const parts = identity.parts.map(({ role, stack }) => [
    identity.unordered ? 'either' : role,
    wordsOf(stack.frames),
  ]);
  const ordered = identity.unordered ? sortedByText(parts) : parts;
  const text = JSON.stringify([record.tool, record.kind, identity.subject, ordered]);
  return createHash('sha256').update(text).digest('hex');
}

/**
 * A cheap key for folding a stream: records with equal keys have equal fingerprints. Its length does not depend on
 * lengths of names, so a hundred thousand repetitions cost map look-ups and no hashing. `number` gives each
 * distinct frame word a small number; keep one for a whole fold.
 */
export function foldKey(record: FindingRecord, number: FrameNumbers): string {
  const identity = identityOf(record);
  let key = `${record.tool}/${record.kind}|${identity.subject}`;
  for (const { role, stack } of identity.parts) key += `|${role}:${stackKey(stack.frames, number)}`;
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
    const text = `${frame.ip ?? ''}|${frame.function ?? ''}|${frame.file ?? ''}|${frame.line ?? ''}`;
    const number = byText.get(text) ?? byText.size;
    byText.set(text, number);
    byFrame.set(frame, number);
    return number;
  };
}

function stackKey(frames: readonly Frame[], number: FrameNumbers): string {
  let key = '';
  for (const frame of frames) {
    const { id, ends } = number(frame);
    if (ends === 'before') break;
    if (id >= 0) key += `${id},`;
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

/** Numbers for frames: equal words get equal numbers. */
export type FrameNumbers = (frame: Frame) => NumberedFrame;

/** Fresh numbering. Memory: one entry for each distinct frame word; frame objects themselves are held weakly. */
export function frameNumbers(): FrameNumbers {
  const byFrame = new WeakMap<Frame, NumberedFrame>();
  const byWord = new Map<string, number>();
  return (frame) => {
    const known = byFrame.get(frame);
    if (known !== undefined) return known;
    const word = wordOf(frame);
    let id = word === undefined ? -1 : byWord.get(word);
    if (id === undefined) {
      id = byWord.size;
      byWord.set(word ?? '', id);
    }
    const numbered = { id, ends: endsOf(frame) };
    byFrame.set(frame, numbered);
    return numbered;
  };
}

function identityOf(record: FindingRecord): Identity {
  const primary = record.stacks[primaryStack(record.stacks)];
  const parts: { role: Role; stack: Stack }[] = [];
  if (primary !== undefined) parts.push({ role: 'at', stack: primary });
  let subject = spoken.has(record.kind) ? spokenSubject(record.what) : '';
  const race = record.kind === 'Race';
  for (const stack of record.stacks) {
    if (stack === primary) continue;
    if (race && otherSide.has(stack.label)) parts.push({ role: 'other', stack });
    if (record.kind === 'LockOrder' && stack.label === 'required order then')
      parts.push({ role: 'required', stack });
    if (!aboutBlock.has(record.kind)) continue;
    if (stack.label === 'allocated at') parts.push({ role: 'block', stack });
    // Past the end of a block and inside a freed block are two defects at one place.
    if (stack.label === 'freed at') subject = 'freed';
  }
  if (race || record.kind === 'ConflictingAccess') subject = variableOf(record);
  return { subject, unordered: race, parts };
}

// `Location 0x10c060 is 0 bytes inside global var "counter"`, `Address 0x10c060 is 0 bytes inside data symbol "counter"`
const variable = /inside (?:global var|local var|data symbol) "([^"]{1,200})"/;

/** The variable a race is about, when the tool knows it: two variables in one function are two races. */
function variableOf(record: FindingRecord): string {
  for (const text of record.details) {
    const name = variable.exec(text)?.[1];
    if (name !== undefined) return name;
  }
  for (const { text } of record.stacks) {
    const name = text === undefined ? undefined : variable.exec(text)?.[1];
    if (name !== undefined) return name;
  }
  return '';
}

/** The sentence without what varies: `Mutex not locked: mutex 0x1ffefffa10, recursion count 0, owner 0.` */
function spokenSubject(what: string): string {
  return what
    .slice(0, 300)
    .replace(/0x[0-9a-fA-F]+/g, '#')
    .replace(/-?\d[\d,]*/g, '#');
}

// `__libc_start_main@@GLIBC_2.34`, `(below main)`, `start_thread`, `clone3`
const entry = /^(?:\(below main\)|_start|__libc_start_(?:call_)?main|start_thread|clone\d?)$/;

/** Where the stack that matters ends: what is below `main` or the start of a thread is the same for every finding. */
function endsOf(frame: Frame): Ends {
  if (frame.function === undefined) return 'not';
  if (frame.function === 'main') return 'after';
  return entry.test(plainFunction(frame.function)) ? 'before' : 'not';
}

/** The words of a stack as they count: recursion folded, then at most 12 calls. */
function wordsOf(frames: readonly Frame[]): readonly string[] {
  const folded: { readonly word: string; readonly call: boolean }[] = [];
  let ip: string | undefined;
  for (const frame of frames) {
    const ends = endsOf(frame);
    if (ends === 'before') break;
    const word = wordOf(frame);
    // Inlined calls share the address of the call they are inlined into, and --num-callers counts addresses.
    const call = frame.ip === undefined || frame.ip !== ip;
    ip = frame.ip;
    if (word !== undefined) {
      folded.push({ word, call });
      foldRepetition(folded);
    }
    if (ends === 'after') break;
  }
  let calls = 0;
  const words: string[] = [];
  for (const { word, call } of folded) {
    if (call) calls++;
    if (calls > depth) break;
    words.push(word);
  }
  return words;
}

/** Drops the tail when it repeats what is before it, up to four calls: `f g f g main` recurses as `f g main` does. */
function foldRepetition(items: { readonly word: string; readonly call: boolean }[]): void {
  for (let period = 1; period <= 4 && 2 * period <= items.length; period++) {
    const tail = items.length - period;
    let same = true;
    for (let i = tail; i < items.length && same; i++) same = items[i]?.word === items[i - period]?.word;
    if (same) {
      items.length = tail;
      return;
    }
  }
}

/** A frame as it counts, or nothing for a nameless frame of the instrument. */
function wordOf(frame: Frame): string | undefined {
  const name =
    frame.function === undefined || frame.function === '???' ? undefined : plainFunction(frame.function);
  const object = frame.object === undefined ? undefined : plainObject(frame.object);
  if (isToolFrame(frame)) return name;
  if (isSystemFrame(frame)) return name ?? object ?? '?';
  const file = frame.file === undefined ? '' : `|${posix.basename(frame.file)}`;
  return `${name ?? object ?? '?'}${file}`;
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
  );
}

/** `/usr/lib/libfoo-1.2.so.3.4` → `libfoo.so` */
function plainObject(object: string): string {
  return posix
    .basename(object)
    .replace(/\.so(?:\.[\w.]+)$/, '.so')
    .replace(/-\d[\d.]*\.so$/, '.so');
}

function sortedByText<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, text: JSON.stringify(item) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ item }) => item);
}
