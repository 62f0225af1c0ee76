// The sections at the end of a text log: HEAP SUMMARY, LEAK SUMMARY, FILE DESCRIPTORS, ERROR SUMMARY.
import type { LeakTotals } from '../../model/record.ts';
import { readNumber } from './headlines.ts';
import * as say from './text-grammar.ts';
import { closeBlock, emit, endCheck, flushReady, type Image, type Log } from './text-images.ts';

export function readTotals(log: Log, image: Image, text: string): boolean {
  const errors = say.errorSummary.exec(text);
  if (errors !== null) {
    closeBlock(log, image);
    flushReady(log, image);
    image.summary = true;
    image.finished = true;
    emit(log, image, {
      type: 'totals',
      image: image.image,
      errors: {
        errors: readNumber(errors[1]),
        contexts: readNumber(errors[2]),
        suppressed: readNumber(errors[3]),
        suppressedContexts: readNumber(errors[4]),
      },
    });
    return true;
  }
  const descriptors = say.descriptorSummary.exec(text);
  if (descriptors !== null) {
    closeBlock(log, image);
    flushReady(log, image);
    image.finished = true;
    emit(log, image, {
      type: 'totals',
      image: image.image,
      descriptors: { open: readNumber(descriptors[1]), inherited: readNumber(descriptors[2]) },
    });
    return true;
  }
  if (say.heapSummary.test(text) || say.leakSummary.test(text)) {
    closeBlock(log, image);
    flushReady(log, image);
    image.section = text.startsWith('HEAP') ? 'heap' : 'leaks';
    if (image.section === 'heap') image.finished = true;
    return true;
  }
  if (say.allFreed.test(text)) {
    closeBlock(log, image);
    flushReady(log, image);
    endCheck(image);
    image.heap = { inUse: { bytes: 0, blocks: 0 }, ...image.heap, allFreed: true };
    emit(log, image, { type: 'totals', image: image.image, heap: image.heap });
    return true;
  }
  return false;
}

/** The indented lines under HEAP SUMMARY and LEAK SUMMARY, and the old heap lines that stand alone. */
export function readSection(log: Log, image: Image, text: string): boolean {
  const inUse = say.inUse.exec(text);
  if (inUse !== null && (image.section === 'heap' || inUse[1] !== undefined)) {
    closeBlock(log, image);
    if (inUse[1] !== undefined) image.summaryFirst = true;
    image.finished = true;
    image.heap = { inUse: { bytes: readNumber(inUse[2]), blocks: readNumber(inUse[3]) } };
    return true;
  }
  const usage = image.heap && say.heapUsage.exec(text);
  if (usage && image.heap) {
    image.section = undefined;
    image.heap = {
      ...image.heap,
      allocations: readNumber(usage[1]),
      frees: readNumber(usage[2]),
      allocatedBytes: readNumber(usage[3]),
    };
    emit(log, image, { type: 'totals', image: image.image, heap: image.heap });
    return true;
  }
  if (image.section === 'arguments') {
    // Up to 3.3, below `Prog and args are:`: one indented argument a line.
    if (text.startsWith('   ')) {
      image.argv.push(text.trim());
      return true;
    }
    image.section = undefined;
  }
  if (image.section !== 'leaks') return false;
  const amount = say.leakAmount.exec(text);
  if (amount !== null) {
    image.leaks[amount[1] ?? ''] = { bytes: readNumber(amount[2]), blocks: readNumber(amount[3]) };
    // Always the last line of the summary, in every version.
    if (amount[1] === 'suppressed') endLeaks(log, image);
    return true;
  }
  const heuristic = say.heuristicAmount.exec(text);
  if (heuristic !== null) {
    image.heuristics[heuristic[1] ?? ''] = {
      bytes: readNumber(heuristic[2]),
      blocks: readNumber(heuristic[3]),
    };
    return true;
  }
  if (say.heuristicsFollow.test(text)) return true;
  endLeaks(log, image);
  return false;
}

export function endLeaks(log: Log, image: Image): void {
  image.section = undefined;
  const none = { bytes: 0, blocks: 0 };
  const { leaks } = image;
  if (leaks['definitely lost'] !== undefined && leaks['still reachable'] !== undefined) {
    const totals: LeakTotals = {
      definite: leaks['definitely lost'],
      indirect: leaks['indirectly lost'] ?? none,
      possible: leaks['possibly lost'] ?? none,
      reachable: leaks['still reachable'],
      ...(leaks.suppressed !== undefined && { suppressed: leaks.suppressed }),
      ...(Object.keys(image.heuristics).length > 0 && { heuristics: image.heuristics }),
    };
    endCheck(image);
    emit(log, image, { type: 'totals', image: image.image, leaks: totals });
  }
  image.leaks = {};
  image.heuristics = {};
}
