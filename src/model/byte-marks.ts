// Owns how a byte that is no UTF-8 is shown and written: as `\xff`.
//
// In the program it is a half of a surrogate pair, U+DC80 to U+DCFF, as Python's "surrogateescape" has it (PEP 383).

const marks = /(?<![\ud800-\udbff])[\udc80-\udcff]/;
const allMarks = new RegExp(marks, 'g');

export function holdsByteMarks(text: string): boolean {
  return marks.test(text);
}

/** The text with `\xff` in the place of each such byte. */
export function withShownBytes(text: string): string {
  return text.replace(allMarks, (mark) => `\\x${(mark.charCodeAt(0) - 0xdc00).toString(16)}`);
}

/**
 * JSON with `\xff` in the place of each such byte: JSON.stringify writes `\udcff`, which strict readers refuse.
 *
 * @param json of JSON.stringify.
 */
export function jsonWithShownBytes(json: string): string {
  if (!json.includes('\\udc')) return json;
  // A backslash of the text itself stands there twice.
  return json.replace(/\\(?:udc([89a-f][0-9a-f])|.)/g, (sequence, byte: string | undefined) =>
    byte === undefined ? sequence : `\\\\x${byte}`,
  );
}
