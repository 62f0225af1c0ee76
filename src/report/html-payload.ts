// Writes the data of the HTML report in the form that html-page/payload.ts describes.
import type { Finding, Report, ReportFrame, ReportStack, Rule } from '../model/report.ts';
import {
  type ColumnName,
  chunkSize,
  columnNames,
  type Details,
  flag,
  owners,
  pardons,
  severities,
  standings,
} from './html-page/payload.ts';

/** The index: the columns as bytes, and the texts that they refer to in order. */
export function encodeIndex(report: Report): {
  readonly columns: Uint8Array;
  readonly strings: Iterable<string>;
} {
  const columns = Object.fromEntries(columnNames.map((name) => [name, createColumn()])) as Readonly<
    Record<ColumnName, Column>
  >;
  const texts = new Map<string, number>();
  const ref = (text: string | undefined): number => {
    if (text === undefined) return 0;
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, texts.size + 1);
    return texts.size;
  };

  const frames = new Map<ReportFrame, number>();
  const equalFrames = new Map<string, number>();
  let frameCount = 0;
  const frameNumber = (frame: ReportFrame): number => {
    // Readers intern frames, so nearly always the object itself is known.
    const known = frames.get(frame);
    if (known !== undefined) return known;
    const number = equalFrame(frame);
    frames.set(frame, number);
    return number;
  };
  const equalFrame = (frame: ReportFrame): number => {
    const { function: name, object, path, line, owner, ownerReason, inlined } = frame;
    const ip = path === undefined || line === undefined ? frame.ip : undefined;
    const [nameRef, objectRef, pathRef, reasonRef, ipRef] = [
      ref(name),
      ref(object),
      ref(path),
      ref(ownerReason),
      ref(ip),
    ];
    const [ownerNumber, inlining] = [owners.indexOf(owner), inlined === undefined ? 0 : inlined ? 2 : 1];
    const key = `${nameRef} ${objectRef} ${pathRef} ${line} ${ownerNumber} ${reasonRef} ${ipRef} ${inlining}`;
    const known = equalFrames.get(key);
    if (known !== undefined) return known;
    columns.function.push(nameRef);
    columns.object.push(objectRef);
    columns.path.push(pathRef);
    columns.line.push(line === undefined ? 0 : line + 1);
    columns.owner.push(ownerNumber);
    columns.reason.push(reasonRef);
    columns.ip.push(ipRef);
    columns.inlined.push(inlining);
    equalFrames.set(key, frameCount);
    return frameCount++;
  };

  const calls = createCallTree();
  const addStack = ({ label, frames: called }: ReportStack): void => {
    let node = -1;
    for (let depth = called.length - 1; depth >= 0; depth--) {
      const frame = called[depth];
      if (frame !== undefined) node = calls.add(node, frameNumber(frame));
    }
    columns.stackLabel.push(ref(label));
    columns.stackNode.push(node + 1);
  };

  for (const finding of report.findings) {
    const { blamed, leak, pardon, standing } = finding;
    columns.id.push(ref(finding.id));
    columns.what.push(ref(finding.what));
    columns.title.push(ref(finding.title));
    columns.rule.push(ref(finding.rule));
    columns.tool.push(ref(finding.tool));
    columns.kind.push(ref(finding.kind));
    columns.severity.push(severities.indexOf(finding.severity));
    columns.flags.push(
      (finding.error ? flag.error : 0) +
        (finding.failing ? flag.failing : 0) +
        (finding.hidden ? flag.hidden : 0) +
        (finding.atLeast ? flag.atLeast : 0),
    );
    columns.pardon.push(pardon === undefined ? 0 : pardons.indexOf(pardon) + 1);
    columns.standing.push(standing === undefined ? 0 : standings.indexOf(standing) + 1);
    columns.blamedStack.push(blamed === undefined ? 0 : blamed.stack + 1);
    columns.blamedFrame.push(blamed?.frame ?? 0);
    columns.count.push(finding.count);
    columns.leak.push(leak === undefined ? 0 : leak.bytes + 1);
    columns.directBytes.push(leak?.directBytes ?? 0);
    columns.blocks.push(leak?.blocks ?? 0);
    columns.stacks.push(finding.stacks.length);
    for (const stack of finding.stacks) addStack(stack);
    columns.seen.push(finding.seenIn.length);
    for (const { image } of finding.seenIn) columns.seenImage.push(image);
  }
  calls.write(columns.nodeParent, columns.nodeFrame);
  return {
    columns: joined(columnNames.flatMap((name) => columns[name].bytes())),
    strings: texts.keys(),
  };
}

/** The details of all findings as JSON, chunk by chunk. */
export function* encodeDetails(report: Report): Generator<string> {
  const rules = new Map(report.rules.map((rule) => [rule.id, rule]));
  for (let start = 0; start < report.findings.length; start += chunkSize) {
    const chunk = report.findings.slice(start, start + chunkSize);
    yield JSON.stringify(chunk.map((finding) => detailsOf(finding, rules.get(finding.rule))));
  }
}

function detailsOf(finding: Finding, rule: Rule | undefined): Details {
  const { fingerprint, thread, alsoSeen, details, leak, access, descriptor, seenIn, before } = finding;
  const { excerpt, raw, suppression, meaning, advice } = finding;
  return {
    fingerprint,
    details,
    texts: finding.stacks.map(({ text }) => text ?? null),
    seenIn,
    ...(thread && { thread }),
    ...(alsoSeen && { alsoSeen }),
    ...(leak && { leak }),
    ...(access && { access }),
    ...(descriptor && { descriptor }),
    ...(before && { before }),
    ...(excerpt && { excerpt }),
    ...(raw && { raw }),
    ...(suppression !== undefined && { suppression }),
    ...(meaning !== undefined && meaning !== rule?.meaning && { meaning }),
    ...(advice !== undefined && advice !== rule?.advice && { advice }),
  };
}

/** Numbers from 0 up, written 7 bits a byte. */
interface Column {
  readonly push: (value: number) => void;
  /** The number of entries, then the entries. */
  readonly bytes: () => readonly Uint8Array[];
}

function createColumn(): Column {
  let bytes = new Uint8Array(256);
  let length = 0;
  let entries = 0;
  const put = (number: number): void => {
    let value = number;
    // Bits are the fast way, but only for what has 31 of them.
    while (value > 0x7fffffff) {
      bytes[length++] = (value % 128) + 128;
      value = Math.floor(value / 128);
    }
    while (value > 127) {
      bytes[length++] = (value & 127) | 128;
      value >>>= 7;
    }
    bytes[length++] = value;
  };
  return {
    push: (value) => {
      if (length + 10 > bytes.length) {
        const larger = new Uint8Array(bytes.length * 2);
        larger.set(bytes);
        bytes = larger;
      }
      entries++;
      put(Number.isSafeInteger(value) && value > 0 ? value : 0);
    },
    bytes: () => {
      const content = bytes.slice(0, length);
      length = 0;
      put(entries);
      return [bytes.slice(0, length), content];
    },
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** All stacks as one tree, outermost call first. */
interface CallTree {
  /** The node for a call made from the node `parent` (-1: from nowhere). */
  readonly add: (parent: number, frame: number) => number;
  readonly write: (parents: Column, frames: Column) => void;
}

/** Millions of calls go through it, so it is a hash table over plain numbers. */
function createCallTree(): CallTree {
  let parents = new Int32Array(16_384);
  let frames = new Int32Array(16_384);
  let slots = new Int32Array(65_536).fill(-1);
  let count = 0;
  const slotOf = (parent: number, frame: number): number => {
    const mask = slots.length - 1;
    let slot = (Math.imul(parent + 1, 0x9e3779b1) ^ Math.imul(frame + 1, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & mask;
    for (;;) {
      const node = slots[slot] ?? -1;
      if (node === -1 || (parents[node] === parent && frames[node] === frame)) return slot;
      slot = (slot + 1) & mask;
    }
  };
  const grow = (): void => {
    const [oldParents, oldFrames] = [parents, frames];
    parents = new Int32Array(count * 2);
    frames = new Int32Array(count * 2);
    parents.set(oldParents);
    frames.set(oldFrames);
    slots = new Int32Array(slots.length * 2).fill(-1);
    for (let node = 0; node < count; node++) slots[slotOf(parents[node] ?? 0, frames[node] ?? 0)] = node;
  };
  return {
    add: (parent, frame) => {
      if (count === parents.length) grow();
      const slot = slotOf(parent, frame);
      const known = slots[slot] ?? -1;
      if (known !== -1) return known;
      parents[count] = parent;
      frames[count] = frame;
      slots[slot] = count;
      return count++;
    },
    write: (parentColumn, frameColumn) => {
      for (let node = 0; node < count; node++) {
        parentColumn.push(node - (parents[node] ?? 0));
        frameColumn.push(frames[node] ?? 0);
      }
    },
  };
}
