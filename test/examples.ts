// The example programs: where they are, and what the comment at the top of each says must be found in it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from '../src/model/report.ts';
import type { Exit } from '../src/model/run.ts';
import { canRun, projectRoot } from './project.ts';

export const examplesDirectory: string = join(projectRoot, 'examples-c');

/** One `// expect TOOL:` line. Bytes are direct and indirect together, as in valgrind's own loss record. */
export interface ExpectedFinding {
  readonly kind: string;
  /** The function that is to be blamed; the line in it ends with `// <- KIND`. */
  readonly function: string;
  readonly bytes?: number;
  readonly blocks?: number;
}

/** What one tool must find in a program, and how that run must end. */
export interface ExpectedRun {
  readonly tool: string;
  readonly vgrunOptions: readonly string[];
  readonly toolOptions: readonly string[];
  readonly findings: readonly ExpectedFinding[];
  readonly outcome: Outcome;
  readonly exit: Exit;
  readonly status: number;
  /** Number of process ids. */
  readonly processes: number;
}

export interface Example {
  readonly name: string;
  /** Absolute path of the source. */
  readonly source: string;
  /** Absolute path of the compiled program. */
  readonly program: string;
  readonly runs: readonly ExpectedRun[];
}

/** Absolute path of the compiled example, e.g. `examplePath('lost-100')`. */
export function examplePath(name: string): string {
  return join(examplesDirectory, 'build', name);
}

/** Compiles what is not up to date. Without make, tests that need an example are skipped by `canRun('valgrind')`. */
export function compileExamples(): void {
  if (canRun('make')) execFileSync('make', ['-s', '-C', examplesDirectory], { stdio: 'inherit' });
}

/** All examples in the order of their names. Throws when a comment cannot be read. */
export function readExamples(): readonly Example[] {
  return readdirSync(examplesDirectory)
    .filter((file) => /\.(c|cpp)$/.test(file))
    .sort()
    .map((file) => {
      const name = file.replace(/\.\w+$/, '');
      const source = join(examplesDirectory, file);
      return {
        name,
        source,
        program: examplePath(name),
        runs: readExpectedRuns(readFileSync(source, 'utf8')),
      };
    });
}

// `// expect memcheck: Leak_DefinitelyLost at main, 100 bytes in 1 blocks`
const expectLine = /^(\w+) at (\w+)(?:, (\d+) bytes in (\d+) blocks)?$/;
// `// outcome memcheck: findings, exited 0, status 100, processes 2`
const outcomeLine =
  /^(clean|findings|failed|inconclusive), (?:exited (\d+)|signaled (SIG\w+)), status (\d+)(?:, processes (\d+))?$/;

/** Reads the comment at the top of an example. The first line is for people; every further line is read. */
export function readExpectedRuns(text: string): readonly ExpectedRun[] {
  const top = text.slice(0, text.search(/^(?!\/\/)/m)).split('\n');
  const options = new Map<string, readonly string[]>();
  const findings = new Map<string, ExpectedFinding[]>();
  const runs: ExpectedRun[] = [];
  for (const line of top.slice(1).filter((line) => line !== '')) {
    // `// options memcheck: --leak-check=full`, `// vgrun: --timeout=4`; other lines go on explaining.
    const [, key, tool = '', value = ''] = /^\/\/ (\w+)(?: (memcheck|helgrind|drd))?: (.+)$/.exec(line) ?? [];
    if (key === undefined) continue;
    if (key === 'options' || key === 'vgrun') {
      options.set(tool, value.split(' '));
    } else if (key === 'expect') {
      const [, kind, name, bytes, blocks] = expectLine.exec(value) ?? [];
      if (kind === undefined || name === undefined) throw new Error(`cannot read: ${line}`);
      const leak = bytes === undefined ? {} : { bytes: Number(bytes), blocks: Number(blocks) };
      findings.set(tool, [...(findings.get(tool) ?? []), { kind, function: name, ...leak }]);
    } else if (key === 'outcome') {
      const [, outcome, code, signal, status, processes] = outcomeLine.exec(value) ?? [];
      if (outcome === undefined) throw new Error(`cannot read: ${line}`);
      runs.push({
        tool,
        vgrunOptions: options.get('') ?? [],
        toolOptions: options.get(tool) ?? [],
        findings: findings.get(tool) ?? [],
        outcome: outcome as Outcome,
        exit:
          signal === undefined
            ? { how: 'exited', code: Number(code) }
            : { how: 'signaled', signal, number: constants.signals[signal as NodeJS.Signals] },
        status: Number(status),
        processes: Number(processes ?? 1),
      });
    } else if (tool !== '') {
      throw new Error(`unknown word "${key}": ${line}`);
    }
  }
  if (runs.length === 0) throw new Error('no outcome line in the comment at the top');
  return runs;
}
