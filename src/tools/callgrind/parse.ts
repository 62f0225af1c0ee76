// Reads callgrind.out and what else has its format: execution trees of valgrind, xdebug's profiles of PHP, converters.
import { costFileParser, costHeader } from '../_shared/cost-file.ts';
import { profileReader } from '../_shared/profile-reader.ts';
import type { Reader } from '../tool.ts';

/** Keys of a header. `version` and `creator` are not among those of cachegrind. */
const keys: ReadonlySet<string> = new Set(
  'version creator pid cmd part thread desc positions event events summary totals'.split(' '),
);

/**
 * callgrind.out (the manual of callgrind, `Callgrind Format Specification`): `# callgrind format`, which files before
 * valgrind 3.13 and those of others lack, a header, then costs of lines by function, and calls with their inclusive cost.
 */
export const callgrindReader: Reader = profileReader('callgrind', 'callgrind', isCallgrind, (problems) =>
  costFileParser('callgrind', problems),
);

function isCallgrind(head: Uint8Array): boolean {
  const { marked, keys: found } = costHeader(head);
  if (marked) return true;
  if (found.length === 0 || !found.every((key) => keys.has(key))) return false;
  return found.includes('events') || (found.includes('version') && found.includes('creator'));
}
