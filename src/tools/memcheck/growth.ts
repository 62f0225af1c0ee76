// Reads the leak checks that were made between the requests of a replay: what each request made the heap grow by, by stack.
import type { Frame } from '../../model/finding.ts';
import type { Amount, GrowthRecord, ProblemRecord, StackGrowth } from '../../model/record.ts';
import { byteLines } from '../_shared/byte-lines.ts';
import { parseGrouped } from '../_shared/interpret.ts';
import { createProblemTally } from '../_shared/problem-tally.ts';
import { createFrameReader, type ReadFrame } from '../_shared/text-frames.ts';

/*
 * A line for each check, in order, as JSON: `{"request":17,"pass":3,"text":"==7556== 480 (+240) bytes in 2 (+1) blocks are …"}`.
 * `text` is what vgdb printed for `leak_check full kinds all changed`; request 0 is the check before the first request.
 *
 * Measured with valgrind 3.19:
 * - a loss record shows its change against the check before, of whatever sort that was; what did not change has no record;
 * - LEAK SUMMARY has the blocks that a suppression hides, of which there are no records;
 * - `All heap blocks were freed` stands in place of both. The changes in the next LEAK SUMMARY are then against an older check,
 *   those of its records are not: so totals are compared with the totals before, and stacks by the changes that are told.
 */

/** Where the checks stand. */
export interface ChecksContext {
  /** Name for problems. */
  readonly artifact: string;
  /** Of a replay: the launch that they are of. */
  readonly launch?: number;
}

/** A check with many changed stacks is long; one beyond this is not read. */
const longestCheck = 64 * 1024 * 1024;

/** Stacks of which the amounts are remembered. */
const mostStacks = 50_000;

/**
 * Reads all checks: a record for each whose check before could be read too, and for the one before the first request. Never throws on
 * input; what cannot be understood becomes a problem, and the request that it is about counts as not measured.
 */
export async function* readLeakChecks(
  source: AsyncIterable<Uint8Array>,
  { artifact, launch }: ChecksContext,
): AsyncGenerator<GrowthRecord | ProblemRecord> {
  const problems = createProblemTally(artifact);
  const state: State = { held: new Map(), total: undefined, readFrame: createFrameReader() };
  let ready: GrowthRecord[] = [];
  const lines = byteLines((bytes, from, to, offset, _, isCut) => {
    if (to === from) return;
    const check = isCut ? undefined : parseCheck(bytes.toString('utf8', from, to));
    const growth = check && growthSince(state, check);
    if (check === undefined || growth === undefined) {
      state.total = undefined;
      const quote = bytes.toString('utf8', from, Math.min(to, from + 200));
      problems.add({
        code: 'leak-check-not-read',
        level: 'warning',
        message:
          'what valgrind answered to a leak check between two requests could not be read: the growth is not known',
        offset,
        quote,
      });
    } else if (growth !== 'first' || check.request === 0) {
      const { bytes: more, blocks, stacks } = growth === 'first' ? firstOf(state) : growth;
      const { request, pass } = check;
      ready.push({
        type: 'growth',
        ...(launch !== undefined && { launch }),
        request,
        pass,
        bytes: more,
        blocks,
        stacks,
      });
    }
  }, longestCheck);
  for await (const chunk of source) {
    lines.push(chunk);
    yield* ready;
    ready = [];
  }
  lines.end();
  yield* ready;
  for (const problem of problems.list()) yield { type: 'problem', problem };
}

interface Check {
  readonly request: number;
  readonly pass: number;
  readonly text: string;
}

function parseCheck(line: string): Check | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    const { request, pass, text } = value as Readonly<Record<string, unknown>>;
    if (!isWhole(request) || request < 0 || !isWhole(pass) || typeof text !== 'string') return undefined;
    return { request, pass, text };
  } catch {
    return undefined;
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

interface State {
  /** What blocks of each stack came to, all kinds together. */
  readonly held: Map<string, Amount & { readonly frames: readonly Frame[] }>;
  /** At the check before; undefined when there was none, or none that could be read. */
  total: Amount | undefined;
  readonly readFrame: ReadFrame;
}

interface Growth extends Amount {
  readonly stacks: readonly StackGrowth[];
}

// `==7556== `, which also stands before the dashes and the empty lines
const mark = /^==\d+== ?/;
// 66 (+66) (16 (+16) direct, 50 (+50) indirect) bytes in 1 (+1) blocks are definitely lost in loss record 2 of 3
const number = String.raw`(\d[\d,]*)(?: \(([+-]\d[\d,]*)\))?`;
const lossRecord = new RegExp(
  `^${number}(?: \\(${number} direct, ${number} indirect\\))? bytes in ${number} blocks? (?:are|is) .*? in (?:new )?loss record `,
);
//    still reachable: 200 (+200) bytes in 2 (+2) blocks
const summaryLine = new RegExp(
  `^ *(definitely lost|indirectly lost|possibly lost|still reachable|suppressed): ${number} bytes in ${number} blocks?$`,
);
const nothingLeft = 'All heap blocks were freed -- no leaks are possible';

/** Against the check before; `first` when there was none. Undefined: the text is no answer to a leak check, or half of one. */
function growthSince(state: State, { text }: Check): Growth | 'first' | undefined {
  const read = readText(text, state.readFrame);
  if (read === undefined) return undefined;
  const before = state.total;
  state.total = read.total;
  const stacks = read.isEmpty ? allGone(state) : changes(state, read.stacks);
  if (before === undefined) return 'first';
  return { bytes: read.total.bytes - before.bytes, blocks: read.total.blocks - before.blocks, stacks };
}

/** What was there before the first request. */
function firstOf({ total, held }: State): Growth {
  return { bytes: total?.bytes ?? 0, blocks: total?.blocks ?? 0, stacks: [...held.values()] };
}

function changes({ held }: State, stacks: ReadonlyMap<string, StackGrowth>): readonly StackGrowth[] {
  for (const [key, { frames, bytes, blocks }] of stacks) {
    const known = held.get(key);
    if (known === undefined && held.size >= mostStacks) continue;
    const now = { bytes: (known?.bytes ?? 0) + bytes, blocks: (known?.blocks ?? 0) + blocks };
    if (now.bytes === 0 && now.blocks === 0) held.delete(key);
    else held.set(key, { frames, ...now });
  }
  // A block that changes its kind only is told twice, and comes to nothing.
  return [...stacks.values()].filter(({ bytes, blocks }) => bytes !== 0 || blocks !== 0);
}

function allGone({ held }: State): readonly StackGrowth[] {
  const gone = [...held.values()].map(
    ({ frames, bytes, blocks }): StackGrowth => ({ frames, bytes: -bytes, blocks: -blocks }),
  );
  held.clear();
  return gone;
}

interface Reading {
  readonly total: Amount;
  readonly isEmpty: boolean;
  readonly stacks: ReadonlyMap<string, StackGrowth>;
}

function readText(text: string, readFrame: ReadFrame): Reading | undefined {
  const stacks = new Map<string, StackGrowth>();
  const kinds = new Set<string>();
  let isEmpty = false;
  let total: Amount = { bytes: 0, blocks: 0 };
  let change: Amount | undefined;
  let frames: Frame[] = [];
  const close = (): void => {
    if (change !== undefined && frames.length > 0) addTo(stacks, frames, change);
    change = undefined;
    frames = [];
  };
  for (const line of text.split('\n')) {
    const said = line.replace(mark, '').trimEnd();
    const frame = change === undefined ? undefined : readFrame(said)?.frame;
    if (frame !== undefined) {
      frames.push(frame);
      continue;
    }
    close();
    const loss = lossRecord.exec(said);
    if (loss !== null) {
      // The bytes of indirect blocks are in records of their own.
      const direct = loss[3] === undefined ? [loss[1], loss[2]] : [loss[3], loss[4]];
      change = { bytes: changeOf(direct), blocks: changeOf([loss[7], loss[8]]) };
      continue;
    }
    const sum = summaryLine.exec(said);
    if (sum?.[1] !== undefined && !kinds.has(sum[1])) {
      kinds.add(sum[1]);
      total = {
        bytes: total.bytes + (parseGrouped(sum[2]) ?? 0),
        blocks: total.blocks + (parseGrouped(sum[4]) ?? 0),
      };
    }
    if (said === nothingLeft) isEmpty = true;
  }
  close();
  const isWholeSummary =
    kinds.size === 5 && Number.isSafeInteger(total.bytes) && Number.isSafeInteger(total.blocks);
  return (isEmpty && kinds.size === 0) || isWholeSummary ? { total, isEmpty, stacks } : undefined;
}

/** `[480, +240]`: the change, or all of it where none is told. */
function changeOf([amount, change]: readonly (string | undefined)[]): number {
  const value = parseGrouped(change ?? amount) ?? 0;
  return Number.isSafeInteger(value) ? value : 0;
}

function addTo(stacks: Map<string, StackGrowth>, frames: readonly Frame[], { bytes, blocks }: Amount): void {
  const key = frames.map(({ ip }) => ip ?? '?').join(' ');
  const before = stacks.get(key);
  if (before === undefined && stacks.size >= mostStacks) return;
  stacks.set(key, {
    frames,
    bytes: (before?.bytes ?? 0) + bytes,
    blocks: (before?.blocks ?? 0) + blocks,
  });
}
