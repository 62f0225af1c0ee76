// Holds the table of docs/sanitizers.md, which instrument finds what, to runs of examples-c/each-fault under each of them.
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../src/model/report.ts';
import { sanitizers } from '../../src/model/sanitizer.ts';
import { canRun, projectRoot } from '../project.ts';
import { testFolder, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const source = join(projectRoot, 'examples-c/each-fault/each-fault.cpp');

/** What the page gives for the columns beside the tool's name. */
const options: Readonly<Record<string, readonly string[]>> = {
  memcheck: ['--show-leak-kinds=all'],
  asan: ['--detect_stack_use_after_return=1'],
};

/** The first column, without its sentence, and by tool what stands there. */
interface Row {
  readonly name: string;
  readonly cells: ReadonlyMap<string, string>;
}

describe('the table of docs/sanitizers.md', () => {
  let rows: readonly Row[] = [];

  beforeAll(async () => {
    rows = tableOf(await readFile(join(projectRoot, 'docs/sanitizers.md'), 'utf8'));
  });

  test('has a row for each fault of the program, and says yes, partly or no', async () => {
    const faults = [...(await readFile(source, 'utf8')).matchAll(/\bROW\((\w+)\)(?= *,|, )/g)].map(
      ([, name]) => name,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual(faults.sort());
    const words = new Set(rows.flatMap(({ cells }) => [...cells.values()]));
    expect([...words].sort()).toEqual(['partly', 'yes', '–']);
  });

  for (const tool of ['memcheck', 'helgrind', 'drd']) {
    test.skipIf(!canRun('valgrind'))(`is true of ${tool}`, { timeout: 120_000 }, async () => {
      const program = await compile('c++', 'plain', []);
      hold(rows, tool, [await foundBy(tool, program)]);
    });
  }

  for (const tool of ['mtrace', 'heaptrack']) {
    // They see no more than one process, or not what a forked child frees: each fault is the whole program.
    test.skipIf(tool === 'heaptrack' && !canRun(tool))(
      `is true of ${tool}`,
      { timeout: 120_000 },
      async () => {
        const program = await compile('c++', 'plain', []);
        const found = new Set<string>();
        const left = rows.map(({ name }) => name);
        const worker = async (): Promise<void> => {
          for (let name = left.pop(); name !== undefined; name = left.pop()) {
            for (const one of await foundBy(tool, program, name)) found.add(one);
          }
        };
        await Promise.all([worker(), worker()]);
        hold(rows, tool, [found]);
      },
    );
  }

  for (const { tool, sanitizer } of sanitizers) {
    const compilers = ['g++', 'clang++'].filter((name) => tool !== 'msan' || name === 'clang++');
    test.skipIf(!compilers.every(canRun))(
      `is true of ${tool}, built by ${compilers.join(' and ')}`,
      { timeout: 120_000 },
      async () => {
        const flags = [`-fsanitize=${sanitizer}`];
        if (sanitizer === 'address' || sanitizer === 'memory') flags.push(`-fsanitize-recover=${sanitizer}`);
        const found = compilers.map(async (compiler) =>
          foundBy(tool, await compile(compiler, `${tool}-${compiler}`, flags)),
        );
        hold(rows, tool, await Promise.all(found));
      },
    );
  }

  const programs = new Map<string, Promise<string>>();

  /** The program, built once for all that run it. */
  function compile(compiler: string, name: string, flags: readonly string[]): Promise<string> {
    const program = join(folder(), name);
    const words = ['-g', '-O0', '-w', '-pthread', '-fno-omit-frame-pointer', ...flags, '-o', program, source];
    const made = programs.get(name) ?? promisify(execFile)(compiler, words).then(() => program);
    programs.set(name, made);
    return made;
  }

  /** The rows in which a tool finds something. */
  async function foundBy(tool: string, program: string, fault?: string): Promise<ReadonlySet<string>> {
    const cwd = `${program}-${tool}-${fault ?? 'all'}.run`;
    await mkdir(cwd);
    const words = [`--tool=${tool}`, ...(options[tool] ?? []), program, ...(fault ? [fault] : [])];
    const { report } = await vgrunReport(words, { cwd });
    return new Set(
      rows.map(({ name }) => name).filter((name) => report.findings.some((each) => isOf(each, name))),
    );
  }
});

/** A build that finds a thing and one that does not make the cell `partly`; so may a look at only part of the cases. */
function hold(rows: readonly Row[], tool: string, found: readonly ReadonlySet<string>[]): void {
  const told = rows.map(({ name, cells }) => {
    const finding = found.filter((one) => one.has(name)).length;
    const cell = cells.get(tool);
    if (cell === 'partly' && finding > 0) return `${name}: partly`;
    return `${name}: ${finding === 0 ? '–' : finding === found.length ? 'yes' : 'partly'}`;
  });
  expect(told).toEqual(rows.map(({ name, cells }) => `${name}: ${cells.get(tool)}`));
}

/** Whether a finding is of the function of a row, or of one that serves it. */
function isOf({ stacks }: Finding, name: string): boolean {
  return stacks.some(({ frames }) =>
    frames.some((frame) => {
      // `leak_possible_in_thread()`
      const called = frame.function?.replace(/\(.*/, '') ?? '';
      return called === name || called.startsWith(`${name}_`);
    }),
  );
}

/** The table whose first column names functions: `| write past its end, \`heap_overflow\` | yes | – |`. */
function tableOf(page: string): readonly Row[] {
  const lines = page.split('\n').filter((line) => line.startsWith('|'));
  const cellsOf = (line: string): readonly string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const head = lines.find((line) => line.includes('| memcheck | helgrind'));
  if (head === undefined) throw new Error('docs/sanitizers.md has no table of instruments');
  const columns = cellsOf(head);
  return lines.flatMap((line) => {
    const cells = cellsOf(line);
    const name = /`(\w+)`$/.exec(cells[0] ?? '')?.[1];
    if (name === undefined || cells.length !== columns.length) return [];
    return [
      {
        name,
        cells: new Map(
          columns.map((column, index) => [column, cells[index] ?? '']).slice(1) as [string, string][],
        ),
      },
    ];
  });
}
