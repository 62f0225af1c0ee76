// Runs programs under --tool=heaptrack: the program's own affairs stay its own, and the sums are those of heaptrack_print.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { canRun } from '../project.ts';
import { newestRun, type Options, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const fresh = (): Promise<string> => mkdtemp(join(folder(), 'test-'));

async function compile(cwd: string, name: string, source: string, ...words: string[]): Promise<void> {
  await writeFile(join(cwd, name), source);
  execFileSync('g++', ['-g', '-O0', '-w', name, '-o', name.replace(/\.\w+$/, ''), ...words], { cwd });
}

function measured(words: readonly string[], options: Options) {
  return vgrunReport(['--tool=heaptrack', ...words], options);
}

const program = `#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
static void *kept[100];
static char *make(int size) { return (char *)malloc(size); }
int main(int count, char **words) {
  char line[99];
  if (fgets(line, 99, stdin)) printf("<%s>", line);
  fprintf(stderr, "err");
  for (int i = 0; i < 100; i++) kept[i] = make(1000 + i);
  for (int i = 0; i < 90; i++) free(kept[i]);
  new std::string(200, 'x');
  strdup("copy");
  return count > 1 ? atoi(words[1]) : 0;
}
`;

describe.skipIf(!canRun('heaptrack') || !canRun('heaptrack_print') || !canRun('g++'))(
  '--tool=heaptrack',
  () => {
    test('leaves input, output and status to the program', async () => {
      const cwd = await fresh();
      await compile(cwd, 'test.cc', program);
      const { status, stdout, stderr } = await measured(['./test', '7'], { cwd, input: 'hello' });
      expect([status, stdout]).toEqual([7, '<hello>']);
      expect(stderr.startsWith('err')).toBe(true);
    });

    test('has findings and a profile, with the sums that heaptrack_print states', async () => {
      const cwd = await fresh();
      await compile(cwd, 'test.cc', program);
      const { report, status, stderr } = await measured(['./test'], { cwd });
      expect([status, report.outcome]).toEqual([100, 'findings']);
      expect(report.findings.map(placeOf)).toEqual([
        'test.cc:6 10945 in 10',
        'test.cc:13 201 in 1',
        'test.cc:13 32 in 1',
        'test.cc:14 5 in 1',
      ]);
      // The terminal has both.
      expect(stderr).toContain('TOP PLACES');
      expect(stderr).toContain('heaptrack/unfreed');

      const { path: run } = await newestRun(cwd);
      const name = (await readdir(run)).find((file) => file.startsWith('heaptrack.')) ?? '';
      expect(name).toMatch(/^heaptrack\.\d+\.txt$/);
      const { stdout } = await runProgram('heaptrack_print', [join(run, name)], { cwd });
      const total = (label: string): string | undefined =>
        new RegExp(`^${label}: (\\S+)`, 'm').exec(stdout)?.[1];
      const value = (measure: string): number => {
        const [profile] = report.profiles ?? [];
        return profile?.totals[profile.measures.findIndex((each) => each.name === measure)] ?? -1;
      };
      expect(String(value('allocations'))).toBe(total('calls to allocation functions'));
      expect(short(value('peak'))).toBe(total('peak heap memory consumption'));
      expect(short(value('leaked'))).toBe(total('total memory leaked'));
      const left = report.findings.reduce((sum, { leak }) => sum + (leak?.bytes ?? 0), 0);
      const note = report.profiles?.[0]?.notes.find((text) =>
        text.startsWith('never freed by the C library'),
      );
      expect(left + Number(/: (\d+) bytes/.exec(note ?? ': 0 bytes')?.[1])).toBe(value('leaked'));
    });

    test('a program that frees all is clean', async () => {
      const cwd = await fresh();
      await compile(
        cwd,
        'test.cc',
        '#include <cstdio>\n#include <string>\nint main() { std::string all(500, 120); puts(all.c_str()); }',
      );
      const { report, status } = await measured(['./test'], { cwd });
      expect([status, report.outcome, report.findings]).toEqual([0, 'clean', []]);
      expect(report.profiles).toHaveLength(1);
    });

    test('what it has recorded can be held against a limit of growth', async () => {
      const cwd = await fresh();
      await compile(
        cwd,
        'test.cc',
        '#include <cstdlib>\nint main(int count, char **words) { free(malloc(count > 1 ? atoi(words[1]) : 100000)); }',
      );
      await measured(['./test'], { cwd });
      const { path: before } = await newestRun(cwd);
      const same = await measured([`--baseline=${before}`, '--max-growth=peak=5%', './test'], { cwd });
      expect([same.status, same.report.outcome]).toEqual([0, 'clean']);
      const more = await measured([`--baseline=${before}`, '--max-growth=peak=5%', './test', '900000'], {
        cwd,
      });
      expect([more.status, more.report.outcome]).toEqual([100, 'findings']);
      expect(more.report.gate?.growth?.some(({ exceeded }) => exceeded)).toBe(true);
    });

    test.skipIf(!canRun('zstd'))('a recording from elsewhere has the same findings', async () => {
      const cwd = await fresh();
      await compile(cwd, 'test.cc', program);
      const { report } = await measured(['./test'], { cwd });
      await runProgram('heaptrack', ['-o', 'heaptrack.test.1', './test'], { cwd });
      await vgrun(['report', '--report=json=report.json', 'heaptrack.test.1.zst'], { cwd });
      const { default: other } = (await import(join(cwd, 'report.json'), { with: { type: 'json' } })) as {
        default: Report;
      };
      expect(other.findings.map(({ fingerprint, leak }) => [fingerprint, leak])).toEqual(
        report.findings.map(({ fingerprint, leak }) => [fingerprint, leak]),
      );
    });

    test('a program that is killed was not seen whole', async () => {
      const cwd = await fresh();
      await compile(
        cwd,
        'test.cc',
        '#include <csignal>\n#include <cstdlib>\nint main() { for (int i = 0; i < 20000; i++) malloc(10); raise(SIGKILL); }',
      );
      const { report, status } = await measured(['./test'], { cwd });
      expect([status, report.outcome]).toEqual([137, 'inconclusive']);
    });

    test('a static program is refused', async ({ skip }) => {
      const cwd = await fresh();
      await compile(cwd, 'fixed.cc', 'int main() {}', '-static').catch(() => skip('no static libc'));
      const fixed = await vgrun(['--tool=heaptrack', './fixed'], { cwd });
      expect([fixed.status, fixed.stderr]).toEqual([125, expect.stringContaining('is statically linked')]);
    });

    test('a machine without heaptrack gets a sentence', async () => {
      const cwd = await fresh();
      await compile(cwd, 'test.cc', 'int main() {}');
      const bin = join(cwd, 'bin');
      await mkdir(bin);
      await symlink('/usr/bin/env', join(bin, 'env'));
      const missing = await vgrun(['--tool=heaptrack', './test'], { cwd, env: { PATH: bin } });
      expect(missing.status).toBe(125);
      expect(missing.stderr).toContain('heaptrack is not installed');
      expect(missing.stderr).toContain('apt-get install heaptrack');
    });
  },
);

function placeOf({ blamed, stacks, leak }: Report['findings'][number]): string {
  const frame = blamed === undefined ? undefined : stacks[blamed.stack]?.frames[blamed.frame];
  return `${frame?.file}:${frame?.line} ${leak?.bytes} in ${leak?.blocks}`;
}

/** As heaptrack_print writes bytes: `72.70K`. */
function short(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000; unit++) value /= 1000;
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${'BKMGT'[unit]}`;
}
