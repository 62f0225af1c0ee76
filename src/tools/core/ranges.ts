// Owns the search for the range that an address lies in.

interface Range {
  readonly start: bigint;
  /** Behind the last byte. */
  readonly end: bigint;
}

/** In ascending order of their starts. */
export function sortedRanges<Any extends Pick<Range, 'start'>>(ranges: readonly Any[]): Any[] {
  return ranges.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}

/** Index of the last range that begins at or before an address; -1: none does. */
export function indexUpTo(sorted: readonly Pick<Range, 'start'>[], address: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as Pick<Range, 'start'>).start <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Of ranges that do not overlap the one with an address. */
export function rangeAt<Any extends Range>(sorted: readonly Any[], address: bigint): Any | undefined {
  const range = sorted[indexUpTo(sorted, address)];
  return range !== undefined && address < range.end ? range : undefined;
}
