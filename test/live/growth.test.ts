// Profiles of real runs against those of earlier ones: what grew, and what --max-growth makes of it.
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { canRun } from '../project.ts';
import { compileC, newestRun, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const at = (name: string): string => join(folder(), name);
const go = (...words: readonly string[]) => vgrun(words, { cwd: folder() });

/** Spends `rounds` in `work` and has `bytes` on the heap; with `extra` also spends in a function of that name. */
const program = (rounds: number, bytes: number, extra: boolean): string => `
#include <stdlib.h>
#include <string.h>
static int work(int n) { int s = 0; for (int i = 0; i < n; i++) s += i % 7; return s; }
${extra ? 'static int extra(int n) { int s = 0; for (int i = 0; i < n; i++) s += i % 3; return s; }' : ''}
int main(void) {
  char *p = malloc(${bytes});
  memset(p, 1, ${bytes});
  int sum = work(${rounds})${extra ? ' + extra(5000)' : ''};
  free(p);
  return sum == -1;
}
`;

describe.skipIf(!canRun('valgrind'))('growth', () => {
  const runs: Record<'callgrind' | 'massif', string> = { callgrind: '', massif: '' };

  beforeAll(async () => {
    await mkdir(at('.git'));
    compileC(at('list'), program(20_000, 10_000, false));
    for (const tool of ['callgrind', 'massif'] as const) {
      expect((await go(`--tool=${tool}`, './list')).status).toBe(0);
      runs[tool] = (await newestRun(folder())).path;
    }
  });

  const against = (tool: 'callgrind' | 'massif', ...words: readonly string[]) =>
    vgrunReport([`--tool=${tool}`, `--baseline=${runs[tool]}`, ...words, './list'], { cwd: folder() });

  const totalsOf = ({ profiles: [profile] = [] }: Report) => [profile?.before?.totals[0], profile?.totals[0]];

  test('a program that spends what it did before is clean', async () => {
    const { status, report } = await against('callgrind', '--max-growth=Ir=1%');
    expect([status, report.outcome]).toEqual([0, 'clean']);
    expect(report.gate?.growth).toMatchObject([{ measure: 'Ir', exceeded: false }]);
    expect(report.comparison).toBeUndefined();
  });

  test('one that spends more fails, and the functions say why', async () => {
    compileC(at('list'), program(30_000, 10_000, true));
    const { status, report, stderr } = await against('callgrind', '--max-growth=ir=5%');
    expect([status, report.outcome]).toEqual([100, 'findings']);
    expect(stderr).toMatch(
      /findings: Ir grew from [\d,]+ to [\d,]+ \(\+[\d.]+ %\); --max-growth\s+allows 5%\./,
    );
    const [profile] = report.profiles ?? [];
    const { functions = [], before } = profile ?? {};
    const most = (before?.bySelfChange ?? []).slice(0, 2).map((row) => functions[row]?.function);
    expect(most).toEqual(['work', 'extra']);
    const work = functions.findIndex((each) => each.function === 'work');
    expect((profile?.costs.self[0]?.[work] ?? 0) / (before?.costs.self[0]?.[work] ?? 1)).toBeCloseTo(1.5, 2);
    const extra = functions.findIndex((each) => each.function === 'extra');
    expect(before?.costs.self[0]?.[extra]).toBe(0);
    expect((await against('callgrind', '--max-growth=Ir=500%')).status).toBe(0);
    expect((await against('callgrind')).status).toBe(0);
  });

  test('vgrun diff says the same of two stored runs, of a run and a file, and of a directory of runs', async () => {
    const after = (await newestRun(folder())).path;
    const file = readdirSync(runs.callgrind).find((name) => name.startsWith('callgrind.out'));
    const diff = async (...words: readonly string[]) => {
      const { status, stdout } = await go('diff', '--report=json=-', ...words);
      return { status, report: JSON.parse(stdout) as Report };
    };
    const whole = await diff('--max-growth=Ir=5%', runs.callgrind, after);
    expect(whole.status).toBe(100);
    const ofFile = await diff(join(runs.callgrind, file ?? ''), after);
    expect([ofFile.status, totalsOf(ofFile.report)]).toEqual([0, totalsOf(whole.report)]);
    const back = await diff('--max-growth=all=0', after, runs.callgrind);
    expect([back.status, totalsOf(back.report)]).toEqual([0, [...totalsOf(whole.report)].reverse()]);
    expect((await go('diff', '.vgrun/runs', after)).status).not.toBe(125);
  });

  test('one of which nothing was counted has not shrunk', async () => {
    const { status, report } = await against('callgrind', '--toggle-collect=nosuch', '--max-growth=Ir=5%');
    expect([status, report.outcome]).toEqual([101, 'inconclusive']);
    expect(report.reasons[0]).toBe('callgrind counted nothing of list: collection was never on.');
  });

  test('ad-hoc events that nobody made are a warning', async () => {
    const { status, report } = await vgrunReport(['--tool=dhat', '--mode=ad-hoc', './list'], {
      cwd: folder(),
    });
    expect([status, report.outcome]).toEqual([0, 'clean']);
    expect(report.problems).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        code: 'nothing-counted',
        message: 'the program made no ad-hoc event',
      }),
    );
  });

  test('pages are not compared with bytes of the heap', async () => {
    const { status, report } = await against('massif', '--pages-as-heap=yes', '--max-growth=peak=500%');
    expect([status, report.outcome]).toEqual([101, 'inconclusive']);
    expect(report.reasons[0]).toMatch(
      /^"bytes" is bytes of pages in use here and bytes of heap in use in .*: --max-growth cannot compare them\.$/,
    );
  });

  test('two limits of one measure are refused', async () => {
    const { status, stderr } = await go(
      '--tool=callgrind',
      `--baseline=${runs.callgrind}`,
      '--max-growth=Ir=5%,Ir=500%',
      './list',
    );
    expect(status).toBe(125);
    expect(stderr).toContain('--max-growth names "Ir" twice');
  });

  test('the baseline of another program is a warning', async () => {
    compileC(at('other'), program(20_000, 10_000, false));
    const { report } = await vgrunReport(
      ['--tool=callgrind', `--baseline=${runs.callgrind}`, '--max-growth=Ir=50%', './other'],
      { cwd: folder() },
    );
    expect(report.problems).toContainEqual(
      expect.objectContaining({ level: 'warning', code: 'compared-with-another-program' }),
    );
  });

  test('the peak of a heap is limited in bytes', async () => {
    compileC(at('list'), program(20_000, 14_000, false));
    expect((await against('massif', '--max-growth=peak=4KiB')).status).toBe(0);
    const { status, stderr } = await against('massif', '--max-growth=peak=1kB');
    expect(status).toBe(100);
    expect(stderr).toMatch(/findings: The peak of .* grew from /);
  });

  test('what cannot be judged is inconclusive, or refused', async () => {
    const after = (await newestRun(folder())).path;
    for (const [words, status, said] of [
      [['--max-growth=Irr=5%', runs.callgrind, runs.callgrind], 101, 'There is no "Irr" here'],
      [['--max-growth=peak=5%', runs.callgrind, runs.callgrind], 101, 'There is no "peak" here'],
      [['--max-growth=Ir=4KiB', runs.callgrind, runs.callgrind], 101, 'Ir counts instructions, not bytes'],
      [['--max-growth=bytes=5%', runs.callgrind, after], 101, 'is of the same program and kind'],
    ] as const) {
      const run = await go('diff', ...words);
      expect([run.status, run.stdout.replace(/\s+/g, ' ')]).toEqual([status, expect.stringContaining(said)]);
    }
    const missing = await go('--tool=callgrind', '--baseline=none-yet', '--max-growth=Ir=5%', './list');
    expect([missing.status, missing.stderr]).toEqual([
      101,
      expect.stringContaining('none-yet does not exist'),
    ]);
  });

  test('a baseline file is refused when it is typed, and passed over when it is that of the project', async () => {
    await writeFile(at('findings.txt'), '# vgrun baseline 1\n');
    const after = (await newestRun(folder())).path;
    for (const words of [
      ['--tool=callgrind', '--baseline=findings.txt', './list'],
      ['report', '--baseline=findings.txt', after],
      ['diff', 'findings.txt', after],
    ]) {
      const { status, stderr } = await go(...words);
      expect([status, stderr]).toEqual([125, expect.stringContaining('holds findings only')]);
    }
    await writeFile(at('project.json'), '{"baseline": "findings.txt"}');
    const { status, stderr } = await go('--config=project.json', '--tool=callgrind', './list');
    expect([status, stderr.replace(/\s+/g, ' ')]).toEqual([
      0,
      expect.stringContaining('holds findings only: the profile is compared with nothing'),
    ]);
    expect((await go('report', '--config=project.json')).status).toBe(0);
  });

  test('a program that was stopped was not seen whole, before or now', async () => {
    compileC(at('list'), program(20_000, 10_000, false).replace('free(p);', 'free(p); for (;;) work(1000);'));
    const { status, report } = await against(
      'callgrind',
      '--max-growth=Ir=5%',
      '--timeout=2s',
      '--kill-after=2s',
    );
    expect([status, report.outcome]).toEqual([101, 'inconclusive']);
    const stopped = (await newestRun(folder())).path;
    const { status: later, stdout } = await go('diff', '--max-growth=Ir=5%', stopped, runs.callgrind);
    expect(later).toBe(101);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(
      /There is no profile in|was not seen whole: growth against it/,
    );
  });
});
