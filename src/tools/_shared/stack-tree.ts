// Adds stacks up to a call tree: for formats that are nothing but millions of stacks.
import type { CallTree } from '../../model/profile.ts';
import { roomForNumbers, rowTable } from '../../model/row-table.ts';
import { longer } from './longer.ts';
import type { ProblemTally } from './problem-tally.ts';

/** Frames of a stack that are kept; the kernel's own limit for perf is lower. */
export const deepestStack = 16_384;

/**
 * Says which stacks are not as they were written.
 *
 * @param longLines lines that lost their tail.
 * @param lost which end of the stacks deeper than `deepestStack` is missing; undefined: there were none.
 */
export function tellCutStacks(
  problems: ProblemTally,
  longLines: number,
  lost: 'innermost' | 'outermost' | undefined,
): void {
  if (longLines > 0) {
    problems.add({
      code: 'long-line',
      level: 'incomplete',
      message: `${longLines} lines are longer than a MiB and were cut`,
    });
  }
  if (lost !== undefined) {
    problems.add({
      code: 'deep-stacks',
      level: 'incomplete',
      message: `stacks of more than ${deepestStack} frames lost their ${lost} calls`,
    });
  }
}

/** A call tree that grows by whole stacks, with as many measures as turn up. */
export interface StackTree {
  /**
   * Adds `value` to the end of a stack.
   *
   * @param stack numbers of frames, of which the first `depth` count.
   * @param innermostFirst the order of `stack`.
   * @returns the node, for more measures of the same stack.
   */
  readonly node: (stack: Int32Array, depth: number, innermostFirst: boolean) => number;
  readonly add: (node: number, measure: number, value: number) => void;
  /** @param columns measures of the result, as numbers given to `add`. */
  readonly build: (
    columns: readonly number[],
    frameOf: (frame: number) => number,
    about?: Omit<CallTree, 'parents' | 'frames' | 'values'>,
  ) => CallTree;
}

/** An empty tree. */
export function stackTree(): StackTree {
  // Rows: parent, frame.
  const nodes = rowTable(2);
  const values: Float64Array[] = [];
  // The stack before: the next one mostly begins as it did.
  let lastFrames = new Int32Array(16);
  let lastNodes = new Int32Array(16);
  let lastDepth = 0;

  return {
    node: (stack, depth, innermostFirst) => {
      if (depth > lastFrames.length) {
        lastFrames = longer(lastFrames, depth * 2);
        lastNodes = longer(lastNodes, depth * 2);
      }
      let at = innermostFirst ? depth - 1 : 0;
      const step = innermostFirst ? -1 : 1;
      const common = Math.min(depth, lastDepth);
      let level = 0;
      for (; level < common && stack[at] === lastFrames[level]; level++) at += step;
      let node = level === 0 ? -1 : (lastNodes[level - 1] as number);
      for (; level < depth; level++) {
        const frame = stack[at] as number;
        at += step;
        node = nodes.row(node, frame);
        lastFrames[level] = frame;
        lastNodes[level] = node;
      }
      lastDepth = depth;
      return node;
    },
    add: (node, measure, value) => {
      while (values.length <= measure) values.push(new Float64Array(0));
      let column = values[measure] as Float64Array;
      if (node >= column.length) {
        const larger = new Float64Array(Math.max(nodes.size(), column.length * 2));
        larger.set(column);
        column = larger;
        values[measure] = column;
      }
      column[node] = (column[node] as number) + value;
    },
    build: (columns, frameOf, about = {}) => {
      const count = nodes.size();
      const frames = nodes.column(1);
      for (let node = 0; node < count; node++) frames[node] = frameOf(frames[node] as number);
      const ownValues = columns.map((measure) => {
        const column = values[measure] ?? new Float64Array(0);
        const own = roomForNumbers(count);
        for (let node = 0; node < count; node++) own[node] = column[node] ?? 0;
        return own;
      });
      return { ...about, parents: nodes.column(0), frames, values: ownValues };
    },
  };
}
