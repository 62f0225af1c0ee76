// Adds stacks up to a call tree: for formats that are nothing but millions of stacks.
import type { CallTree } from '../../model/profile.ts';
import { roomForNumbers } from '../../model/row-table.ts';

/** Frames of a stack that are kept; the kernel's own limit for perf is lower. */
export const deepestStack = 16_384;

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
  let parents = new Int32Array(16);
  let frames = new Int32Array(16);
  let slots = new Int32Array(32);
  let mask = slots.length - 1;
  let count = 0;
  const values: Float64Array[] = [];
  // The stack before: the next one mostly begins as it did.
  let lastFrames = new Int32Array(16);
  let lastNodes = new Int32Array(16);
  let lastDepth = 0;

  function slotOf(parent: number, frame: number): number {
    const mixed = Math.imul(parent + 1, 0x9e3779b1 | 0) ^ Math.imul(frame + 1, 0x85ebca6b | 0);
    return (mixed ^ (mixed >>> 15)) & mask;
  }

  function child(parent: number, frame: number): number {
    let slot = slotOf(parent, frame);
    for (;;) {
      const node = (slots[slot] as number) - 1;
      if (node < 0) break;
      if (parents[node] === parent && frames[node] === frame) return node;
      slot = (slot + 1) & mask;
    }
    slots[slot] = count + 1;
    if (count === parents.length) {
      parents = longer(parents, count * 2);
      frames = longer(frames, count * 2);
    }
    parents[count] = parent;
    frames[count] = frame;
    count++;
    if (count * 2 > slots.length) rebuild();
    return count - 1;
  }

  function rebuild(): void {
    slots = new Int32Array(slots.length * 2);
    mask = slots.length - 1;
    for (let node = 0; node < count; node++) {
      let slot = slotOf(parents[node] as number, frames[node] as number);
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = node + 1;
    }
  }

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
        node = child(node, frame);
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
        const larger = new Float64Array(parents.length);
        larger.set(column);
        column = larger;
        values[measure] = column;
      }
      column[node] = (column[node] as number) + value;
    },
    build: (columns, frameOf, about = {}) => {
      const ownParents = roomForNumbers(count);
      const ownFrames = roomForNumbers(count);
      for (let node = 0; node < count; node++) {
        ownParents[node] = parents[node] as number;
        ownFrames[node] = frameOf(frames[node] as number);
      }
      const ownValues = columns.map((measure) => {
        const column = values[measure] ?? new Float64Array(0);
        const own = roomForNumbers(count);
        for (let node = 0; node < count; node++) own[node] = column[node] ?? 0;
        return own;
      });
      return { ...about, parents: ownParents, frames: ownFrames, values: ownValues };
    },
  };
}

function longer(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length);
  to.set(from);
  return to;
}
