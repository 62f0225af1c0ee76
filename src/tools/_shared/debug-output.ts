// Text that Windows programs wrote to a debugger: its encodings, and what viewers and CI systems put before each line.

/** A line without what was put before it. */
export interface DebugLine {
  readonly text: string;
  /** The process, where the viewer tells it (`[1234] `); lines of several processes mix. */
  readonly pid?: number;
}

/**
 * The pieces that may stand before a line, one after the other:
 * - DebugView: `00000012\t0.31415927\t[1234] `, with clock time `12\t14:02:03.123\t[1234] `, `[1234] `
 * - CI systems: `2024-01-02T03:04:05.6789012Z `, `[12:34:56] `, `12:34:56,789 `
 * - Visual Studio and CTest: `1>`, `12: `; docker: `app-1  | `
 */
const piece =
  /(?:\s+|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?(?=\s)|\d{1,8}\s+(?:\d+\.\d+|\d\d?:\d\d:\d\d(?:\.\d+)?(?: [AP]M)?)(?=\s)|\d\d?:\d\d:\d\d(?:[.,]\d+)?(?=\s)|\[(\d{1,10})\]|\[[^\][]{0,60}\]|\d{1,4}(?:>|:(?=\s))|[\w.-]{1,40} +\|)/y;

/** Pieces before one line; more stand before none. */
const mostPieces = 8;

/** Takes away what stands before a line. What is left has no space at its ends. */
export function readDebugLine(line: string): DebugLine {
  let at = 0;
  let pid: number | undefined;
  for (let count = 0; count < mostPieces * 2; count++) {
    piece.lastIndex = at;
    const found = piece.exec(line);
    if (found === null) break;
    if (found[1] !== undefined) pid = Number(found[1]);
    at = piece.lastIndex;
  }
  const text = line.slice(at).trim();
  return pid === undefined ? { text } : { text, pid };
}

/** How bytes are to be read, by their first ones; undefined: as they are. */
function wideEncodingOf(head: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  // A log without a mark begins with a letter, whose other half is zero.
  if (head.length >= 8 && head[1] === 0 && head[3] === 0 && head[0] !== 0) return 'utf-16le';
  return undefined;
}

const marks: readonly (readonly number[])[] = [
  [0xef, 0xbb, 0xbf],
  [0xff, 0xfe],
  [0xfe, 0xff],
];

/** The first bytes as text, whatever their encoding. */
export function debugHead(head: Uint8Array): string {
  const encoding = wideEncodingOf(head);
  if (encoding !== undefined) return new TextDecoder(encoding).decode(head);
  return Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
}

/**
 * Gives the same text in one byte a letter: Windows writes UTF-16, with a byte order mark or without. What is no UTF-16 is
 * passed on as it is, without a mark.
 *
 * @returns whether bytes were changed: then offsets in the text are none in the file.
 */
export function debugBytes(source: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly isChanged: () => boolean;
} {
  let changed = false;
  async function* convert(): AsyncIterable<Uint8Array> {
    let decoder: InstanceType<typeof TextDecoder> | undefined;
    let head = Buffer.alloc(0);
    let begun = false;
    const begin = (): Uint8Array => {
      begun = true;
      const encoding = wideEncodingOf(head);
      if (encoding !== undefined) {
        changed = true;
        decoder = new TextDecoder(encoding);
        return Buffer.from(decoder.decode(head, { stream: true }));
      }
      const mark = marks.find((bytes) => bytes.every((byte, index) => head[index] === byte));
      if (mark !== undefined) changed = true;
      return head.subarray(mark?.length ?? 0);
    };
    for await (const chunk of source) {
      if (!begun) {
        head = Buffer.concat([head, chunk]);
        if (head.length >= 8) yield begin();
      } else if (decoder === undefined) yield chunk;
      else yield Buffer.from(decoder.decode(chunk, { stream: true }));
    }
    if (!begun) yield begin();
    if (decoder !== undefined) yield Buffer.from(decoder.decode());
  }
  return { bytes: convert(), isChanged: () => changed };
}
