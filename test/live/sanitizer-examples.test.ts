// Holds every example program for sanitizers to the comment at its top, under gcc and under clang.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Frame } from '../../src/model/finding.ts';
import type { Finding, Report, ReportFrame } from '../../src/model/report.ts';
import type { Symbols } from '../../src/tools/tool.ts';
import { canRun } from '../project.ts';
import {
  type Compiler,
  compileExample,
  readSanitizerExamples,
  runExample,
  runUnderVgrun,
  type SanitizerBuild,
  type SanitizerExample,
} from '../sanitizer-examples.ts';

let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'vgrun-sanitizers-'));
});

afterAll(() => rm(work, { recursive: true, force: true }));

const examples = readSanitizerExamples();

for (const compiler of ['gcc', 'clang'] as const) {
  describe.skipIf(!canRun(compiler))(`every example program for sanitizers, built by ${compiler}`, () => {
    for (const example of examples) {
      for (const [index, build] of buildsOf(example, compiler).entries()) {
        const of = buildsOf(example, compiler).length === 1 ? '' : ` with ${build.flags.join(' ')}`;
        test(`${example.name}${of} finds what its comment says, where it says`, async () => {
          const program = await compiled(example, build, index);
          const { report } = await runExample(example, program);
          holdToComment(report, example, build);
        });
      }
    }
  });
}

for (const compiler of ['gcc', 'clang'] as const) {
  describe.skipIf(!canRun(compiler) || !canRun('addr2line'))(
    `logs without names, built by ${compiler}`,
    () => {
      for (const name of ['heap-use-after-free', 'data-race', 'leak', 'uninitialized', 'null-read']) {
        const example = examples.find((candidate) => candidate.name === name) as SanitizerExample;
        const [build] = buildsOf(example, compiler);
        if (build === undefined) continue;
        test(`${name} is told as with names, once a symbolizer was asked`, async () => {
          const program = await compiled(example, build, 0);
          const { report } = await runExample(example, program, {
            runtime: 'symbolize=0',
            symbols: symbolsOf(program),
          });
          holdToComment(report, example, build);
        });
      }
    },
  );
}

/** One of each sanitizer, and what ends a program in its own way. */
const throughVgrun: readonly string[] = [
  'address-and-undefined',
  'data-race',
  'heap-use-after-free',
  'leak',
  'lock-order-inversion',
  'null-call',
  'odr-violation',
  'out-of-memory',
  'stack-use-after-return',
  'undefined',
  'unreachable',
  'uninitialized',
];

for (const compiler of ['gcc', 'clang'] as const) {
  describe.skipIf(!canRun(compiler))(`vgrun with a program built by ${compiler}`, () => {
    for (const name of throughVgrun) {
      const example = examples.find((candidate) => candidate.name === name) as SanitizerExample;
      for (const [index, build] of buildsOf(example, compiler).entries()) {
        test(`reports ${name}, built with ${build.flags.join(' ')}, as its comment says`, async () => {
          const program = await compiled(example, build, index);
          const { report, status } = runUnderVgrun(example, build, program);
          holdToComment(report, example, build);
          // A program that died by a signal keeps that status, as under memcheck.
          const died = report.findings.some(({ kind }) => kind === 'SEGV') ? 139 : 100;
          expect([report.outcome, report.status, status], report.reasons.join('\n')).toEqual([
            'findings',
            died,
            died,
          ]);
        });
      }
    }
  });
}

function buildsOf(example: SanitizerExample, compiler: Compiler): readonly SanitizerBuild[] {
  return example.builds.filter((build) => build.compiler === compiler);
}

const programs = new Map<string, string>();

/** The program of a build, the `index`th with its compiler: compiled once for all tests that run it. */
async function compiled(example: SanitizerExample, build: SanitizerBuild, index: number): Promise<string> {
  const directory = join(work, `${example.name}-${build.compiler}-${index}`);
  let program = programs.get(directory);
  if (program === undefined) {
    await mkdir(directory);
    program = compileExample(example, build, directory);
    programs.set(directory, program);
  }
  return program;
}

function holdToComment(report: Report, example: SanitizerExample, build: SanitizerBuild): void {
  const told = report.findings.map(describeFinding);
  const wanted = build.expected.map(
    ({ tool, kind, function: name, bytes, blocks }) =>
      `${tool}: ${kind} at ${name}${bytes === undefined ? '' : `, ${bytes} bytes in ${blocks} blocks`}`,
  );
  // What the comment does not name is not there.
  expect([...new Set(told)].sort()).toEqual([...new Set(wanted)].sort());

  const lines = example.text.split('\n');
  for (const finding of report.findings) {
    const [, kinds] = /\/\/ <- (.+)$/.exec(lines[(blamedFrame(finding)?.line ?? 0) - 1] ?? '') ?? [];
    expect(kinds?.split(', '), `the blamed line of ${describeFinding(finding)}`).toContain(finding.kind);
  }

  const kinds = new Set(example.builds.flatMap(({ expected }) => expected.map(({ kind }) => kind)));
  const hasOrigins =
    build.flags.includes('-fsanitize=memory') === false ||
    build.flags.some((flag) => flag.includes('track-origins'));
  for (const [index, line] of lines.entries()) {
    const label = /\/\/ <- (.+)$/.exec(line)?.[1];
    // `// <- freed at`: some finding has a stack of this role that goes through this line.
    if (label === undefined || label.split(', ').some((kind) => kinds.has(kind)) || !hasOrigins) continue;
    const places = report.findings.flatMap(({ stacks }) =>
      stacks
        .filter((stack) => stack.label === label)
        .flatMap(({ frames }) => frames.map(({ file, line: at }) => `${file}:${at}`)),
    );
    expect(places, `stacks "${label}"`).toContain(`${basename(example.source)}:${index + 1}`);
  }
}

function blamedFrame({ blamed, stacks }: Finding): ReportFrame | undefined {
  return blamed === undefined ? undefined : stacks[blamed.stack]?.frames[blamed.frame];
}

/** A finding in the words of an `// expect` line. */
function describeFinding(finding: Finding): string {
  const name = blamedFrame(finding)?.function?.replace(/\(.*/, '');
  const { tool, kind, leak } = finding;
  return `${tool}: ${kind} at ${name}${leak === undefined ? '' : `, ${leak.bytes} bytes in ${leak.blocks} blocks`}`;
}

/** What addr2line says of one program; TSan names objects without their directory. */
function symbolsOf(program: string): Symbols {
  const known = new Map<number, readonly Frame[]>();
  return {
    framesAt: (object, offset) => {
      if (basename(object) !== basename(program)) return undefined;
      const before = known.get(offset);
      if (before !== undefined) return before;
      const { stdout } = spawnSync(
        'addr2line',
        ['-f', '-i', '-C', '-e', program, `0x${offset.toString(16)}`],
        {
          encoding: 'utf8',
        },
      );
      const lines = stdout.trim().split('\n');
      const frames: Frame[] = [];
      for (let at = 0; at + 1 < lines.length; at += 2) {
        // `/home/user/demo/heap.c:12 (discriminator 3)`
        const [, path = '', line] = /^(.*):(\d+)/.exec(lines[at + 1] ?? '') ?? [];
        frames.push({
          ...(lines[at] !== '??' && { function: lines[at] as string }),
          ...(line !== undefined && { file: basename(path), line: Number(line) }),
        });
      }
      known.set(offset, frames);
      return frames;
    },
  };
}
