// Typed arrays that grow: their numbers stay where they are.

/** A copy with room for `length` numbers, twice as many as before unless told otherwise. */
export function longer(from: Int32Array, length: number = from.length * 2): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length);
  to.set(from);
  return to;
}
