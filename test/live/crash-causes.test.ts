// What is said of crashes under gdb, and of their cores, whose cause is easily told wrong.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ReportStopFrame } from '../../src/model/report.ts';
import { canRun, projectRoot } from '../project.ts';
import { coreOf } from '../tools/core/crashed-programs.ts';
import { testFolder, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);

/** Addresses of a file are those of the process, apart by whole pages: of a caller it is the byte before the one that is returned to. */
function distances(frames: readonly ReportStopFrame[]): readonly bigint[] {
  return frames.flatMap(({ ip, offset }) =>
    ip === undefined || offset === undefined ? [] : [(BigInt(ip) - BigInt(offset)) % 4096n],
  );
}

describe.skipIf(!canRun('gdb'))('a crash', () => {
  beforeAll(() => {
    const source = join(projectRoot, 'examples-c/gdb/crash-causes.c');
    execFileSync('gcc', ['-g', '-O0', '-w', '-pthread', '-o', place('crash-causes'), source]);
  });

  const first =
    /^It came to this in a signal handler: the first fault was at first_fault\(\), crash-causes\.c:\d+\. \w+ is 0x10: it wrote 4 bytes at 0x10, /;

  test('of a handler is told with the first fault, under gdb and of a core', async () => {
    const cwd = folder();
    const live = await vgrunReport(['./crash-causes', 'handler'], { cwd, command: 'gdb' });
    const core = await vgrunReport(['--no-locals', coreOf(place('crash-causes'), ['handler'])], {
      cwd,
      command: 'core',
    });
    for (const { report } of [live, core]) {
      const [stop] = report.stops ?? [];
      expect(stop?.what).toMatch(first);
      expect(stop?.fault?.address).toBe('0x30');
      const frames = stop?.threads[0]?.frames ?? [];
      expect(frames.slice(0, 4).map(({ function: name }) => name)).toEqual([
        'handler',
        undefined,
        'first_fault',
        'main',
      ]);
      expect(frames[1]?.isSignalHandler).toBe(true);
      expect(report.findings[0]?.stacks[0]?.frames[1]?.function).toBe('<signal handler called>');
      // The first one, the trampoline and what it interrupted are where they stand; the others have called.
      expect(distances(frames.slice(0, 4))).toEqual([0n, 0n, 0n, 1n]);
    }
  });

  test('of a forbidden system call has its number', async () => {
    const { report } = await vgrunReport(['./crash-causes', 'filter'], { cwd: folder(), command: 'gdb' });
    expect(report.stops?.[0]).toMatchObject({
      what: 'It was system call 110 of x86-64.',
      signal: { codeName: 'SYS_SECCOMP', systemCall: { number: 110, architecture: 0xc000_003e } },
    });
  });

  test('in code that was made at run time names the caller, and no values of other places', async () => {
    const { report } = await vgrunReport(['./crash-causes', 'made-frame'], { cwd: folder(), command: 'gdb' });
    const frames = report.stops?.[0]?.threads[0]?.frames ?? [];
    expect(frames.slice(1, 3).map(({ function: name, trust }) => [name, trust])).toEqual([
      ['made', 'likely'],
      ['main', 'likely'],
    ]);
    expect(frames[1]?.variables?.find(({ name }) => name === 'count')?.value ?? '14').toBe('14');
  });

  test('for want of stack says so, and speaks of no recursion where there is none', async () => {
    const cwd = folder();
    const one = await vgrunReport(['./crash-causes', 'alloca'], { cwd, command: 'gdb' });
    expect(one.report.findings[0]?.advice).toMatch(/^Look for large arrays/);
  });
});
