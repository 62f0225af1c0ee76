// Holds every example program to the comment at its top, and vgrun's totals to those of valgrind alone.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding, Report, ReportFrame, ReportProcess, ReportTotals } from '../../src/model/report.ts';
import { type Example, type ExpectedRun, examplesDirectory, readExamples } from '../examples.ts';
import { canRun, cliPath } from '../project.ts';

let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'vgrun-examples-'));
});

afterAll(() => rm(work, { recursive: true, force: true }));

describe.skipIf(!canRun('valgrind'))('every example program', () => {
  for (const example of readExamples()) {
    for (const expected of example.runs) {
      test(`${example.name} under ${expected.tool}`, async () => {
        const [{ report, status }, plain] = await Promise.all([
          runVgrun(example, expected),
          // A timeout is vgrun's own, so there is nothing to compare with.
          expected.vgrunOptions.length === 0 ? runValgrind(example, expected) : [],
        ]);
        holdToComment(report, status, expected, await readFile(example.source, 'utf8'));
        if (plain.length > 0) {
          const seen = report.processes.filter((process) => !replacedByExec(process, report));
          expect(seen.map((process) => numbersOf(process.totals)).sort(bySize)).toEqual(plain);
          if (report.processes.length === 1) expect([numbersOf(report.totals)]).toEqual(plain);
        }
      });
    }
  }
});

function holdToComment(report: Report, status: number, expected: ExpectedRun, source: string): void {
  expect(report.outcome, report.reasons.join('\n')).toBe(expected.outcome);
  expect(report.run?.exit).toEqual(expected.exit);
  expect([report.status, status]).toEqual([expected.status, expected.status]);
  expect(new Set(report.processes.map((process) => process.pid)).size).toBe(expected.processes);

  const told = report.findings.map((finding) => describeFinding(finding));
  const wanted = expected.findings.map(
    ({ kind, function: name, bytes, blocks }) =>
      `${kind} at ${name}${bytes === undefined ? '' : `, ${bytes} bytes in ${blocks} blocks`}`,
  );
  expect(told).toEqual(expect.arrayContaining(wanted));
  // What the comment does not name may be there (a stdio buffer, still reachable), but is no error.
  const failing = report.findings.filter((finding) => finding.failing).map(describeFinding);
  expect(wanted).toEqual(expect.arrayContaining(failing));

  const lines = source.split('\n');
  for (const finding of report.findings.filter((finding) => wanted.includes(describeFinding(finding)))) {
    const [, kinds] = /\/\/ <- (.+)$/.exec(lines[(blamedFrame(finding)?.line ?? 0) - 1] ?? '') ?? [];
    expect(kinds?.split(', '), `the blamed line of ${describeFinding(finding)}`).toContain(finding.kind);
  }
}

function blamedFrame({ blamed, stacks }: Finding): ReportFrame | undefined {
  return blamed === undefined ? undefined : stacks[blamed.stack]?.frames[blamed.frame];
}

/** A finding in the words of an `// expect` line. */
function describeFinding(finding: Finding): string {
  // `by_free(char*)`: a C++ function is named without its arguments.
  const name = blamedFrame(finding)?.function?.replace(/\(.*/, '');
  const { leak } = finding;
  return `${finding.kind} at ${name}${leak === undefined ? '' : `, ${leak.bytes} bytes in ${leak.blocks} blocks`}`;
}

/** valgrind's text log of such an image is overwritten at the exec, so the plain run cannot tell its totals. */
function replacedByExec(process: ReportProcess, report: Report): boolean {
  return report.processes.some((other) => other.pid === process.pid && other.image > process.image);
}

async function runVgrun(
  example: Example,
  expected: ExpectedRun,
): Promise<{ report: Report; status: number }> {
  const directory = await mkdtemp(join(work, 'vgrun-'));
  const { status, stderr } = await start(directory, process.execPath, [
    cliPath,
    `--tool=${expected.tool}`,
    '--report=json=report.json',
    `--project-root=${examplesDirectory}`,
    ...expected.vgrunOptions,
    ...expected.toolOptions,
    example.program,
  ]);
  const json = await readFile(join(directory, 'report.json'), 'utf8').catch(() => {
    throw new Error(`vgrun wrote no report, status ${status}\n${stderr}`);
  });
  return { report: JSON.parse(json), status };
}

/** What valgrind sums up for one process. */
interface Numbers {
  readonly errors: number;
  readonly contexts: number;
  /** `bytes in blocks`, for memcheck only. */
  readonly inUse: string;
  readonly leaks: readonly string[];
}

function numbersOf({ errors, heap, leaks }: ReportTotals): Numbers {
  const none = { bytes: 0, blocks: 0 };
  return {
    errors: errors?.errors ?? -1,
    contexts: errors?.contexts ?? -1,
    inUse: amount(heap?.inUse ?? none),
    leaks: [leaks?.definite, leaks?.indirect, leaks?.possible, leaks?.reachable].map((part) =>
      amount(part ?? none),
    ),
  };
}

function amount({ bytes, blocks }: { readonly bytes: number; readonly blocks: number }): string {
  return `${bytes} in ${blocks}`;
}

function bySize(left: Numbers, right: Numbers): number {
  return JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;
}

/** The same run without vgrun: valgrind's own summaries, one for each process. */
async function runValgrind(example: Example, expected: ExpectedRun): Promise<readonly Numbers[]> {
  const directory = await mkdtemp(join(work, 'plain-'));
  const logs = join(directory, 'logs');
  await mkdir(logs);
  await start(directory, 'valgrind', [
    `--tool=${expected.tool}`,
    '--trace-children=yes',
    `--log-file=${logs}/%p.txt`,
    ...expected.toolOptions,
    example.program,
  ]);
  // A daemon outlives the process that was started.
  for (let patience = 300; patience > 0; patience--) {
    const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')));
    const all = texts.map(readSummaries);
    const whole = all.filter((numbers) => numbers !== undefined);
    if (whole.length === all.length && whole.length === expected.processes) return whole.sort(bySize);
    await sleep(100);
  }
  throw new Error(`valgrind alone left no whole log of each process of ${basename(example.program)}`);
}

/** Undefined while the log is not at its end. */
function readSummaries(log: string): Numbers | undefined {
  // `==6426== ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)`
  const [, errors, contexts] = /ERROR SUMMARY: ([\d,]+) errors from ([\d,]+) contexts/.exec(log) ?? [];
  if (errors === undefined || contexts === undefined) return undefined;
  // `==6426==     in use at exit: 70 bytes in 1 blocks`, `==6426==    still reachable: 0 bytes in 0 blocks`
  const sum = (title: string): string => {
    const [, bytes = '0', blocks = '0'] =
      new RegExp(`${title}: ([\\d,]+) bytes in ([\\d,]+) blocks`).exec(log) ?? [];
    return amount({ bytes: count(bytes), blocks: count(blocks) });
  };
  return {
    errors: count(errors),
    contexts: count(contexts),
    inUse: sum('in use at exit'),
    leaks: ['definitely lost', 'indirectly lost', 'possibly lost', 'still reachable'].map(sum),
  };
}

function count(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** Runs a program to its end; the status is what a shell would see. */
function start(
  cwd: string,
  program: string,
  argv: readonly string[],
): Promise<{ readonly status: number; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    // `exit` and not `close`: a daemon may keep stderr.
    child.on('exit', (code, signal) => {
      resolve({ status: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], stderr });
    });
  });
}
