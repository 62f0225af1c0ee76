// The tree behind the leak view: bytes by calls, from the outermost call down or from the allocation up.
import { at, framesOf, type Index, leakBytes, textOf } from './payload.ts';

/** One call, with what was lost below it. Calls of one function are one, whatever their lines. */
export interface Call {
  /** A frame of it; -1 for the whole. */
  readonly frame: number;
  /** Direct bytes, which is what valgrind's LEAK SUMMARY adds up. */
  bytes: number;
  blocks: number;
  /** How many findings. */
  findings: number;
  /** The findings whose stack ends here. */
  readonly own: number[];
  readonly children: Map<number, Call>;
  readonly parent: Call | undefined;
}

/** Leak kinds that the report has findings of, in the order of the report. */
export function leakKinds(index: Index): readonly string[] {
  const kinds = new Set<string>();
  for (let finding = 0; finding < index.findings; finding++) {
    if (leakBytes(index, finding) !== undefined) kinds.add(textOf(index, 'kind', finding));
  }
  return [...kinds];
}

/**
 * Adds up the leaks of some kinds.
 * @param inverted from the allocation up.
 */
export function callTree(index: Index, kinds: ReadonlySet<string>, inverted: boolean): Call {
  const whole: Call = newCall(-1, undefined);
  const functions = functionNumbers(index);
  for (let finding = 0; finding < index.findings; finding++) {
    if (leakBytes(index, finding) === undefined || !kinds.has(textOf(index, 'kind', finding))) continue;
    const first = at(index.firstStack, finding);
    const frames = first === at(index.firstStack, finding + 1) ? [] : framesOf(index, first);
    let call = whole;
    count(call, index, finding);
    for (const frame of inverted ? frames : [...frames].reverse()) {
      const key = functions[frame] ?? 0;
      let next = call.children.get(key);
      if (next === undefined) {
        next = newCall(frame, call);
        call.children.set(key, next);
      }
      call = next;
      count(call, index, finding);
    }
    call.own.push(finding);
  }
  return whole;
}

function newCall(frame: number, parent: Call | undefined): Call {
  return { frame, bytes: 0, blocks: 0, findings: 0, own: [], children: new Map(), parent };
}

function count(call: Call, { columns }: Index, finding: number): void {
  call.bytes += at(columns.directBytes, finding);
  call.blocks += at(columns.blocks, finding);
  call.findings++;
}

/** For each frame a number that frames of the same function share. */
function functionNumbers({ columns }: Index): Int32Array {
  const known = new Map<string, number>();
  return Int32Array.from(columns.function, (name, frame) => {
    const key =
      name === 0
        ? `${at(columns.object, frame)} ${at(columns.ip, frame)}`
        : `${name} ${at(columns.path, frame) || at(columns.object, frame)}`;
    const number = known.get(key) ?? known.size;
    known.set(key, number);
    return number;
  });
}

/** The calls below one, the most bytes first. */
export function below(call: Call): readonly Call[] {
  return [...call.children.values()].sort((a, b) => b.bytes - a.bytes);
}

/** A box of the drawing: fractions of its width, and the row. */
export interface Box {
  readonly call: Call;
  readonly left: number;
  readonly width: number;
  readonly depth: number;
}

/** Boxes for what is below a call. What is narrower than `least` (a fraction) is left out: it could not be seen. */
export function layOut(root: Call, least: number): readonly Box[] {
  const boxes: Box[] = [];
  const rows: { readonly call: Call; readonly left: number; readonly depth: number }[] = [
    { call: root, left: 0, depth: 0 },
  ];
  const total = root.bytes;
  if (total === 0) return boxes;
  for (let row = rows.pop(); row !== undefined; row = rows.pop()) {
    const { call, left, depth } = row;
    boxes.push({ call, left, width: call.bytes / total, depth });
    let from = left;
    for (const child of below(call)) {
      const width = child.bytes / total;
      if (width < least) break;
      rows.push({ call: child, left: from, depth: depth + 1 });
      from += width;
    }
  }
  return boxes;
}
