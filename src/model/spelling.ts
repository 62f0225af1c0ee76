// Owns "did you mean": the nearest known word to one that is not known.

/**
 * How many letters must be added, left out or changed to make one word of the other (Levenshtein).
 *
 * @param limit a distance above it is not worked out: the answer is then `limit + 1`. Default: none.
 */
export function distance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    if (Math.min(...current) > limit) return limit + 1;
    above = current;
  }
  return above[b.length] ?? 0;
}

/** The candidate at most 2 letters away, the nearest first; of short words less may differ. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let limit = Math.min(2, Math.floor(word.replace(/^-+/, '').length / 3));
  for (const candidate of candidates) {
    const found = distance(word, candidate, limit);
    if (found > limit) continue;
    best = candidate;
    if (found === 0) return best;
    limit = found - 1;
  }
  return best;
}
