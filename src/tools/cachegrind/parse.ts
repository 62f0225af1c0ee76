// Reads cachegrind.out: costs of source lines by file and function.
import { costFileParser, costHeader } from '../_shared/cost-file.ts';
import { profileReader } from '../_shared/profile-reader.ts';
import type { Reader } from '../tool.ts';

/**
 * cachegrind.out (the manual of cachegrind, `Cachegrind Output File Format`): `desc:` lines, `cmd:`, `events:`, then
 * `fl=`, `fn=` and costs of lines, at the end `summary:`. Its names are never numbered, and there are no calls.
 */
export const cachegrindReader: Reader = profileReader('cachegrind', 'cachegrind', isCachegrind, (problems) =>
  costFileParser('cachegrind', problems),
);

function isCachegrind(head: Uint8Array): boolean {
  const { marked, keys, body } = costHeader(head);
  return (
    !marked &&
    keys.includes('cmd') &&
    keys.at(-1) === 'events' &&
    keys.every((key) => key === 'desc' || key === 'cmd' || key === 'events') &&
    // `fl=(1) a.c`, `calls=1 4`: callgrind's
    !/^(?:f[lnie]=\(\d+\)|c(?:ob|fn|fi|fl)=|calls=|ob=)/m.test(body)
  );
}
