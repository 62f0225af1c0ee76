// `--error-locals`: at each error of valgrind's the variables of all frames are in a stop log, and the program notices nothing.
import { chmod, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Stop } from '../../src/model/stop.ts';
import { examplesDirectory } from '../examples.ts';
import { canRun } from '../project.ts';
import { compileC, newestRun, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();

async function place(): Promise<string> {
  // A shell would take the name apart.
  const cwd = await mkdtemp(join(folder(), "it's $(here) "));
  compileC(join(cwd, 'prog'), await readFile(join(examplesDirectory, 'gdb/three-errors.c'), 'utf8'));
  return cwd;
}

type Line = { readonly type: string } & Record<string, unknown>;

/** The lines of the stop logs of a run, by the process of their names. */
async function stopLogs(cwd: string): Promise<ReadonlyMap<number, readonly Line[]>> {
  const { path } = await newestRun(cwd);
  const logs = new Map<number, readonly Line[]>();
  for (const name of await readdir(path)) {
    const pid = /^vgdb\.(\d+)\.stops\.jsonl$/.exec(name)?.[1];
    if (pid === undefined) continue;
    const text = await readFile(join(path, name), 'utf8');
    logs.set(
      Number(pid),
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Line),
    );
  }
  return logs;
}

function shown({ what, threads }: Stop): string {
  const frames = threads[0]?.frames.map(({ function: name, variables = [] }) => {
    const values = variables.map((variable) =>
      `${variable.name}=${variable.value}`.replace(/0x[0-9a-f]+/, 'PTR'),
    );
    return `${name}(${values.join(' ')})`;
  });
  return `${what}: ${frames?.slice(0, 2).join(' < ')}`;
}

describe.skipIf(!canRun('valgrind') || !canRun('gdb') || !canRun('cc'))('--error-locals', () => {
  test('writes down each error of each process, with its variables; output and status stay', async () => {
    const cwd = await place();
    const { stdout, status } = await vgrun(['--error-locals', './prog', 'fork'], { cwd });
    expect(stdout).toBe('sum 1\nlucky 0\nsum 1\nlucky 0\nthe end\n');
    expect(status).toBe(3);
    const { manifest } = await newestRun(cwd);
    expect(manifest.problems).toEqual([]);
    const logs = await stopLogs(cwd);
    expect(logs.size).toBe(2);
    expect([...logs.keys()]).toContain(manifest.pid);
    for (const [pid, lines] of logs) {
      expect(lines.slice(0, 2)).toEqual([
        { type: 'log', format: 'vgrun-stops', version: 1, tool: 'vgdb', toolVersion: expect.any(String) },
        { type: 'process', pid, argv: ['./prog', 'fork'], how: 'attach' },
      ]);
      expect(lines.slice(-2)).toEqual([
        { type: 'exit', pid, code: pid === manifest.pid ? 3 : 0 },
        { type: 'end' },
      ]);
      const stops = lines.filter(({ type }) => type === 'stop') as unknown as readonly Stop[];
      expect(stops.map(({ number, cause, pid: of }) => [number, cause, of])).toEqual(
        [1, 2, 3].map((number) => [number, 'error', pid]),
      );
      expect(stops.map(shown)).toEqual([
        'Invalid read of size 4: sum_of(values=PTR count=4 i=3 sum=3) < errors(values=PTR number=PTR)',
        'Conditional jump or move depends on uninitialised value(s): is_lucky(number=PTR) < errors(values=PTR number=PTR)',
        expect.stringMatching(/^Invalid write of size 4: errors\(values=PTR number=PTR\) < main\(argc=2 /),
      ]);
    }
  });

  test('a gdb that dies leaves no process waiting, and it is said', async () => {
    const cwd = await place();
    await writeFile(join(cwd, 'gdb'), '#!/bin/sh\necho "no such luck"\nkill -9 $$\n');
    await chmod(join(cwd, 'gdb'), 0o755);
    const { status, report } = await vgrunReport(['--error-locals', './prog'], {
      cwd,
      env: { PATH: `${cwd}:${process.env.PATH}` },
    });
    expect(status).toBe(3);
    expect(report.findings).toHaveLength(3);
    expect(report.problems).toContainEqual(
      expect.objectContaining({ code: 'error-locals-failed', message: expect.stringContaining('SIGKILL') }),
    );
  });

  test('is refused for a tool that finds no errors', async () => {
    const cwd = await place();
    const massif = await vgrun(['--error-locals', '--tool=massif', './prog'], { cwd });
    expect(massif.status).toBe(125);
    expect(massif.stderr).toContain('massif finds none');
  });
});
