// Writes the data of the HTML report in the form that html-page/payload.ts describes.
import type { Finding, Report, ReportFrame, ReportStack, Rule } from '../model/report.ts';
import {
  type ColumnName,
  chunkSize,
  columnNames,
  type Details,
  flag,
  owners,
  type PageFrame,
  type PageWitness,
  pardons,
  severities,
  standings,
} from './html-page/payload.ts';
import { headlineOf } from './html-page/words.ts';
import { numberWriter } from './number-writer.ts';

/** The columns of a frame, in the order of the tuple that it is kept as. */
const frameColumns = [
  'function',
  'object',
  'path',
  'line',
  'owner',
  'reason',
  'ip',
  'inlined',
] as const satisfies readonly ColumnName[];

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

  const frames = createTupleTable(frameColumns.length);
  const frameNumbers = new Map<ReportFrame, number>();
  const frameNumber = (frame: ReportFrame): number => {
    // Readers intern frames, so nearly always the object itself is known.
    const known = frameNumbers.get(frame);
    if (known !== undefined) return known;
    const { function: name, object, path, line, owner, ownerReason, inlined } = frame;
    const number = frames.add(
      ref(name),
      ref(object),
      ref(path),
      line === undefined ? 0 : Math.min(line + 1, 0x7fffffff),
      owners.indexOf(owner),
      ref(ownerReason),
      ref(path === undefined || line === undefined ? frame.ip : undefined),
      inlined === undefined ? 0 : inlined ? 2 : 1,
    );
    frameNumbers.set(frame, number);
    return number;
  };

  // The node for a call is that for the call above it (0: there is none) and the frame.
  const calls = createTupleTable(2);
  const addStack = ({ label, frames: called }: ReportStack): void => {
    let node = 0;
    for (let depth = called.length - 1; depth >= 0; depth--) {
      const frame = called[depth];
      if (frame !== undefined) node = calls.add(node, frameNumber(frame)) + 1;
    }
    columns.stackLabel.push(ref(label));
    columns.stackNode.push(node);
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
    const images = new Set(
      [finding, ...(finding.witnesses ?? [])].flatMap(({ seenIn }) => seenIn.map(({ image }) => image)),
    );
    columns.seen.push(images.size);
    for (const image of images) columns.seenImage.push(image);
    const { requests = [] } = finding;
    columns.requests.push(requests.length);
    for (const { request } of requests) columns.requestNumber.push(request);
  }
  for (const [field, name] of frameColumns.entries()) {
    for (let frame = 0; frame < frames.size(); frame++) columns[name].push(frames.get(frame, field));
  }
  for (let node = 0; node < calls.size(); node++) {
    columns.nodeParent.push(node + 1 - calls.get(node, 0));
    columns.nodeFrame.push(calls.get(node, 1));
  }
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
  const { span, excerpt, raw, suppression, meaning, advice, witnesses, requests } = finding;
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
    ...(span && { span }),
    ...(excerpt && { excerpt }),
    ...(raw && { raw }),
    ...(suppression !== undefined && { suppression }),
    ...(meaning !== undefined && meaning !== rule?.meaning && { meaning }),
    ...(advice !== undefined && advice !== rule?.advice && { advice }),
    ...(witnesses && { witnesses: witnesses.map(witnessOf) }),
    ...(requests && { requests }),
  };
}

function witnessOf(finding: Finding): PageWitness {
  const { id, rule, tool, title, what, details, stacks, leak, raw } = finding;
  return {
    id,
    rule,
    tool,
    headline: headlineOf(what, title, leak !== undefined),
    details,
    stacks: stacks.map(({ label, text, frames }) => ({
      label,
      ...(text !== undefined && { text }),
      frames: frames.map(pageFrameOf),
    })),
    ...(leak && { bytes: leak.bytes, blocks: leak.blocks }),
    ...(raw && { raw }),
  };
}

function pageFrameOf(frame: ReportFrame): PageFrame {
  const { function: name, object, path, line, owner, ownerReason, ip, inlined } = frame;
  return {
    ...(name !== undefined && { function: name }),
    ...(object !== undefined && { object }),
    ...(path !== undefined && { path }),
    ...(line !== undefined && { line }),
    owner,
    ownerReason,
    ...((path === undefined || line === undefined) && ip !== undefined && { ip }),
    ...(inlined !== undefined && { inlined }),
  };
}

/** Numbers from 0 up, written 7 bits a byte. */
interface Column {
  readonly push: (value: number) => void;
  /** The number of entries, then the entries. */
  readonly bytes: () => readonly Uint8Array[];
}

function createColumn(): Column {
  const content = numberWriter(256);
  let entries = 0;
  return {
    push: (value) => {
      entries++;
      content.put(Number.isSafeInteger(value) && value > 0 ? value : 0);
    },
    bytes: () => {
      const head = numberWriter(16);
      head.put(entries);
      return [head.bytes(), content.bytes()];
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

/** Tuples of numbers from 0 up to 2 ** 31, each kept once. */
interface TupleTable {
  /** Its position in the table. */
  readonly add: (...tuple: readonly number[]) => number;
  readonly get: (position: number, field: number) => number;
  readonly size: () => number;
}

/** Millions of calls go through it, so it is a hash table over plain numbers. */
function createTupleTable(width: number): TupleTable {
  let fields = new Int32Array(16_384 * width);
  let slots = new Int32Array(32_768).fill(-1);
  let size = 0;
  const isAt = (position: number, tuple: ArrayLike<number>): boolean => {
    for (let field = 0; field < width; field++) {
      if (fields[position * width + field] !== tuple[field]) return false;
    }
    return true;
  };
  const slotOf = (tuple: ArrayLike<number>): number => {
    let hash = 0x811c9dc5;
    for (let field = 0; field < width; field++) {
      hash = Math.imul(hash ^ (tuple[field] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    let slot = hash & (slots.length - 1);
    for (;;) {
      const position = slots[slot] ?? -1;
      if (position === -1 || isAt(position, tuple)) return slot;
      slot = (slot + 1) & (slots.length - 1);
    }
  };
  const grow = (): void => {
    const larger = new Int32Array(fields.length * 2);
    larger.set(fields);
    fields = larger;
    slots = new Int32Array(slots.length * 2).fill(-1);
    for (let position = 0; position < size; position++) {
      slots[slotOf(fields.subarray(position * width, (position + 1) * width))] = position;
    }
  };
  return {
    add: (...tuple) => {
      if ((size + 1) * width > fields.length) grow();
      const slot = slotOf(tuple);
      const known = slots[slot] ?? -1;
      if (known !== -1) return known;
      fields.set(tuple, size * width);
      slots[slot] = size;
      return size++;
    },
    get: (position, field) => fields[position * width + field] ?? 0,
    size: () => size,
  };
}
