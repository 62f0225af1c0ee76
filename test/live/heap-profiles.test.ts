// Real massif and dhat on example programs: what is read of their files is what valgrind itself says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examplePath } from '../examples.ts';
import { readProfileReport } from '../profile-corpus.ts';
import { canRun } from '../project.ts';
import { mustEqualDhatLog } from '../tools/dhat-log.ts';
import { msPrint, mustEqualMsPrint, profileOf } from '../tools/ms-print.ts';
import { runProgram, testFolder } from './vgrun.ts';

const folder = testFolder();

/** Runs valgrind, and gives the path of the profile and the log. */
async function record(
  tool: 'massif' | 'dhat',
  name: string,
  options: readonly string[] = [],
): Promise<{ readonly file: string; readonly log: string }> {
  const file = join(folder(), `${tool}.${name}${options.join('')}.out`);
  const words = [`--tool=${tool}`, `--${tool}-out-file=${file}`, ...options, examplePath(name)];
  const { stderr } = await runProgram('valgrind', words, { cwd: folder() });
  return { file, log: stderr };
}

describe.skipIf(!canRun('valgrind'))('a heap profile', () => {
  for (const name of ['growing-heap', 'new-char']) {
    for (const options of [
      [],
      ['--stacks=yes', '--time-unit=B'],
      ['--pages-as-heap=yes', '--time-unit=ms'],
      ['--detailed-freq=1', '--max-snapshots=20', '--threshold=0'],
    ]) {
      test(`by massif ${options.join(' ')} of ${name} is what ms_print prints`, async () => {
        const { file } = await record('massif', name, options);
        const profile = await profileOf(readFileSync(file));
        expect(profile.timeline?.snapshots.length).toBeGreaterThan(1);
        mustEqualMsPrint(profile, msPrint(file));
        mustEqualMsPrint(profile, msPrint(file, '--threshold=0'));
      });
    }

    test(`by dhat of ${name} has the totals of its log`, async () => {
      const { file, log } = await record('dhat', name);
      mustEqualDhatLog(await profileOf(readFileSync(file)), log);
    });

    test(`by memcheck's --xtree-memory of ${name} is what ms_print prints`, async () => {
      const file = join(folder(), `${name}.ms`);
      await runProgram(
        'valgrind',
        ['-q', '--xtree-memory=full', `--xtree-memory-file=${file}`, examplePath(name)],
        { cwd: folder() },
      );
      mustEqualMsPrint(await profileOf(readFileSync(file)), msPrint(file, '--threshold=0'));
    });
  }

  test('of growing-heap blames the helper that copies too much, by both tools', async () => {
    for (const tool of ['massif', 'dhat'] as const) {
      const { file } = await record(tool, 'growing-heap');
      const report = await readProfileReport(readFileSync(file));
      expect(report.outcome).toBe('clean');
      const [profile] = report.profiles ?? [];
      const { functions = [], bySelf = [], costs, byInclusive = [] } = profile ?? {};
      const [worst] = bySelf;
      expect(functions[worst ?? -1]).toMatchObject({ function: 'remember_key', file: 'growing-heap.c' });
      expect(costs?.self[0]?.[worst ?? -1]).toBe(400 * 4096);
      const dearest = byInclusive.map((row) => functions[row]?.function);
      expect(dearest.slice(0, 5)).toEqual(expect.arrayContaining(['build_index', 'fill_index', 'new_entry']));
      expect(profile?.complete).toBe(true);
    }
  });
});
