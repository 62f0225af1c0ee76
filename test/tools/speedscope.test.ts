// Holds that stacks are read as speedscope reads them (its own expectations, MIT licence beside them), with these
// differences:
// - speedscope weighs a sample of perf by the time to the next one, so idle time and lost samples count for the function
//   before them; here a sample weighs its period, as in `perf report`. Compared is which stacks there are.
// - `[unknown]` without object is `??? ([unknown])` there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { profileRecordsOf } from '../profile-corpus.ts';
import { profilesOf, stacksOf } from './stacks.ts';

interface Expected {
  readonly name: string;
  readonly frames: readonly string[];
  readonly stacks: readonly string[];
}

const cases = join(import.meta.dirname, '../profiles');

/** The profiles that a snapshot holds, by the title of speedscope's test. */
function expectations(snapshot: string): ReadonlyMap<string, Expected> {
  const text = readFileSync(join(import.meta.dirname, 'speedscope', snapshot), 'utf8');
  const found = new Map<string, Expected>();
  for (const [, title = '', body = ''] of text.matchAll(/^exports\[`(.*?)`\] = `\n(\{[\s\S]*?\n\})\n`;/gm)) {
    const [, stacks = ''] = /"stacks": \[\n([\s\S]*?)\n {2}\],/.exec(body) ?? [];
    found.set(title, {
      name: /^ {2}"name": "(.*)",$/m.exec(body)?.[1] ?? '',
      frames: [...body.matchAll(/^ {6}"name": "(.*)",$/gm)].map(([, name = '']) => name),
      stacks: [...stacks.matchAll(/^ {4}"(.*)",$/gm)].map(([, stack = '']) => stack),
    });
  }
  return found;
}

async function profilesIn(group: string, name: string) {
  return profilesOf(
    await profileRecordsOf(readFileSync(join(cases, group, `speedscope-${name}`, 'input.txt'))),
  );
}

describe('perf', () => {
  const expected = expectations('linux-tools-perf.test.ts.snap');
  test.each([
    ['forks', 'forks', 4],
    ['one-sample', 'one-sample', 1],
    ['simple-with-header', 'simple-with-header', 1],
    ['simple-with-pid', 'simple-with-pids', 1],
    ['system-wide', 'system-wide', 2],
  ])('%s has the threads, frames and stacks that speedscope sees', async (name, title, threads) => {
    const [profile] = await profilesIn('perf', name);
    if (profile === undefined) throw new Error('no profile');
    const trees = new Map(profile.trees.map((tree) => [tree.name, tree]));
    expect(trees.size).toBe(threads);
    for (let number = 1; number <= threads; number++) {
      const one = expected.get(`importFromLinuxPerf ${title}.linux-perf.txt ${number}`);
      if (one === undefined) throw new Error(`speedscope expects no ${title} ${number}`);
      // `simple-terminat pid: 9 tid: 9`, `swapper`
      const [, comm, tid = '0'] = /^(.*?)(?: pid: \d+)?(?: tid: (\d+))?$/.exec(one.name) ?? [];
      const tree = trees.get(`${comm} ${tid}`);
      if (tree === undefined) throw new Error(`no thread ${one.name}`);
      const stacks = [...stacksOf(profile, tree).keys()];
      // `main;work 1.00ms`: several lines for one stack, in the order of time.
      const seen = new Set(one.stacks.map((stack) => stack.slice(0, stack.lastIndexOf(' '))));
      expect(stacks.sort()).toEqual([...seen].sort());
      expect(new Set(stacks.flatMap((stack) => stack.split(';')))).toEqual(new Set(one.frames));
    }
  });
});

describe('folded stacks', () => {
  const expected = expectations('bg-flamegraph.test.ts.snap');
  test.each([
    ['simple', 'importFromBGFlameGraph 1'],
    ['simple-crlf', 'importFromBGFlameGraph with CRLF 1'],
    ['simple-utf16-be', 'importFromBGFlameGraph with UTF-16, Big Endian 1'],
    ['simple-utf16-le', 'importFromBGFlameGraph with UTF-16, Little Endian 1'],
    ['simple-with-invalids', 'importFromBGFlameGraph with invalid lines 1'],
  ])('%s weighs as much for every stack as in speedscope', async (name, title) => {
    const [profile] = await profilesIn('folded', name);
    const [tree] = profile?.trees ?? [];
    if (profile === undefined || tree === undefined) throw new Error('no profile');
    const sums = new Map<string, number[]>();
    for (const line of expected.get(title)?.stacks ?? []) {
      const [, stack = '', weight] = /^(.*) (\d+)$/.exec(line) ?? [];
      sums.set(stack, [(sums.get(stack)?.[0] ?? 0) + Number(weight)]);
    }
    expect(sums.size).toBeGreaterThan(0);
    expect(stacksOf(profile, tree)).toEqual(sums);
  });
});
