// Holds that every `valgrind …` line of the articles that this project began with does its work with `vgrun` in place
// of `valgrind`, and that each option that they list has its effect. test/tools/article-lines.test.ts holds how the
// lines are read; here they are run.
import { copyFile, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { examplePath } from '../examples.ts';
import { canRun, cliPath } from '../project.ts';
import {
  compileC,
  listen,
  newestRun,
  normalised,
  notesOf,
  runProgram,
  testFolder,
  vgrun,
  vgrunReport,
} from './vgrun.ts';

const cwd = testFolder();

/** Each example under the name that an article gives it. */
const names: Readonly<Record<string, string>> = {
  test: 'new-char',
  mx: 'lost-100',
  qqshow_user_info: 'reachable-100',
  qqmail_worker: 'fork',
  nginx: 'fork-exec',
};

beforeAll(async () => {
  for (const [name, example] of Object.entries(names)) {
    await copyFile(examplePath(example), join(cwd(), name));
  }
  await symlink(cliPath, join(cwd(), '_valgrind'));
});

/** Failing findings in valgrind's words, without the number of the loss record. */
function found(report: Report): readonly string[] {
  return report.findings
    .filter(({ failing }) => failing)
    .map(({ what }) => what.replace(/ in loss record \d+ of \d+$/, ''));
}

function shown(report: Report): readonly string[] {
  return report.findings.filter(({ hidden }) => !hidden).map(({ kind }) => kind);
}

const lostByte = '1 bytes in 1 blocks are definitely lost';
const lost100 = '100 bytes in 1 blocks are definitely lost';

describe.skipIf(!canRun('valgrind'))('lines as they stand', () => {
  test.each([
    {
      line: '--tool=memcheck --leak-check=full ./test',
      outcome: 'findings',
      status: 100,
      finds: [lostByte],
      notes: [],
    },
    {
      line: './test --leak-check=full',
      outcome: 'findings',
      status: 100,
      finds: [lostByte],
      notes: [
        "'--leak-check=full' is taken as a valgrind option; write -- before it to pass it to the program",
      ],
    },
    {
      line: '--leak-check=full --show-reachable=yes ./test',
      outcome: 'findings',
      status: 100,
      finds: [lostByte],
      notes: ["'--show-reachable=yes' is --show-leak-kinds=all today"],
    },
    {
      line: '–tool=memcheck –leak-check=yes ./mx',
      outcome: 'findings',
      status: 100,
      finds: [lost100],
      notes: ["'–tool=memcheck' is read as --tool=memcheck", "'–leak-check=yes' is --leak-check=full today"],
    },
    {
      line: '–leak-check=full ./mx',
      outcome: 'findings',
      status: 100,
      finds: [lost100],
      notes: ["'–leak-check=full' is read as --leak-check=full"],
    },
    {
      line: '--tool=memcheck --leak-check=yes ./mx',
      outcome: 'findings',
      status: 100,
      finds: [lost100],
      notes: ["'--leak-check=yes' is --leak-check=full today"],
    },
    {
      line: '–trace-children=yes ./nginx',
      outcome: 'findings',
      status: 100,
      finds: ['40 bytes in 1 blocks are definitely lost'],
      notes: ["'–trace-children=yes' is read as --trace-children=yes"],
    },
  ])('$line', async ({ line, outcome, status, finds, notes }) => {
    const result = await vgrunReport(line.split(' '), { cwd: cwd() });
    expect([result.report.outcome, result.status]).toEqual([outcome, status]);
    expect(found(result.report)).toEqual(finds);
    expect(notesOf(result)).toEqual(notes);
  });

  test('a CGI program: --log-file-exactly=allen.log --tool=memcheck --leak-check=yes ./qqshow_user_info', async () => {
    const options = ['--tool=memcheck', '--leak-check=yes', './qqshow_user_info'];
    const result = await vgrunReport(['--log-file-exactly=allen.log', ...options], {
      cwd: cwd(),
      env: { REQUEST_METHOD: 'POST', QUERY_STRING: 'parm1=1&parm2=2' },
      input: 'parm1=1&parm2=2',
    });
    await runProgram('valgrind', ['--log-file=plain.log', ...options], { cwd: cwd() });
    expect(await textOf('allen.log')).toBe(await textOf('plain.log'));
    expect(await textOf('allen.log')).toContain('still reachable: 100 bytes in 1 blocks');
    expect([result.report.outcome, result.status]).toEqual(['clean', 0]);
    expect(result.report.totals.leaks?.reachable).toEqual({ bytes: 100, blocks: 1 });
    expect(notesOf(result)).toEqual([
      "'--log-file-exactly=allen.log' is --log-file=allen.log today",
      "'--leak-check=yes' is --leak-check=full today",
    ]);
  });

  test('a server: ./_valgrind, a link, --log-file=allen.log --tool=memcheck --leak-check=yes ./qqmail_worker', async () => {
    const options = ['--tool=memcheck', '--leak-check=yes', './qqmail_worker'];
    const words = ['--report=json=worker.json', '--log-file=allen.log', ...options];
    const result = await runProgram('./_valgrind', words, { cwd: cwd() });
    const report = JSON.parse(await readFile(join(cwd(), 'worker.json'), 'utf8')) as Report;
    await runProgram('valgrind', ['--log-file=plain.log', ...options], { cwd: cwd() });
    // Parent and child write into one file as they come.
    expect((await textOf('allen.log')).split('\n').sort()).toEqual(
      (await textOf('plain.log')).split('\n').sort(),
    );
    expect([report.outcome, result.status]).toEqual(['findings', 100]);
    expect([...found(report)].sort()).toEqual([
      '20 bytes in 1 blocks are definitely lost',
      '30 bytes in 1 blocks are definitely lost',
    ]);
    expect(new Set(report.processes.map(({ pid }) => pid)).size).toBe(2);
  });
});

async function textOf(name: string): Promise<string> {
  return normalised(await readFile(join(cwd(), name), 'latin1'));
}

describe.skipIf(!canRun('valgrind'))('options that are listed', () => {
  test.each(['-h', '–help', '-help'])('%s: help on standard output, and nothing is run', async (word) => {
    const { status, stdout } = await vgrun([word, './test'], { cwd: cwd() });
    expect(stdout).toMatch(/^Usage: vgrun \[options\] program \[arguments\]/m);
    expect(status).toBe(0);
  });

  test('-version: that of vgrun and of valgrind', async () => {
    const { status, stdout } = await vgrun(['-version'], { cwd: cwd() });
    const plain = await runProgram('valgrind', ['--version'], { cwd: cwd() });
    const [, version] = /^valgrind-([\d.]+\d)/.exec(plain.stdout) ?? [];
    expect(stdout).toMatch(/^vgrun [\d.]+ /);
    expect([stdout.includes(`(valgrind ${version})`), status]).toEqual([true, 0]);
  });

  test.each(['-q', '–quiet', '-quiet'])('%s: silent while there is nothing to say', async (word) => {
    const quiet = await vgrun([word, examplePath('clean')], { cwd: cwd() });
    expect(quiet.stderr.replace(/^vgrun: .* is read as --quiet\n/, '')).toBe('');
    const loud = await vgrun([word, './mx'], { cwd: cwd() });
    expect(loud.stderr).toContain('Memory lost, 100 bytes');
    expect([quiet.status, loud.status]).toEqual([0, 100]);
  });

  test('-v: the log says more', async () => {
    await vgrun(['-v', '-log-file=verbose.log', './mx'], { cwd: cwd() });
    expect(await textOf('verbose.log')).toContain('--PID-- Valgrind options:');
  });

  test.each([
    { value: 'yes', programs: 2, finds: 1 },
    { value: 'no', programs: 1, finds: 0 },
  ])('-trace-children=$value', async ({ value, programs, finds }) => {
    const { report } = await vgrunReport([`-trace-children=${value}`, './nginx'], { cwd: cwd() });
    expect(new Set(report.processes.map(({ argv }) => argv.join(' '))).size).toBe(programs);
    expect(found(report)).toHaveLength(finds);
  });

  test('-track-fds=yes: what is open at the end', async () => {
    compileC(
      join(cwd(), 'opens'),
      '#include <fcntl.h>\nint main(void) { return open("opens", O_RDONLY) < 0; }\n',
    );
    const { report } = await vgrunReport(['-track-fds=yes', '-log-file=fds.log', './opens'], { cwd: cwd() });
    await runProgram('valgrind', ['--track-fds=yes', '--log-file=plain.log', './opens'], { cwd: cwd() });
    expect(await textOf('fds.log')).toMatch(/Open file descriptor \d+: opens$/m);
    const open = (text: string) => /FILE DESCRIPTORS: .*/.exec(text)?.[0];
    expect(open(await textOf('fds.log'))).toBe(open(await textOf('plain.log')));
    expect(JSON.stringify([report.findings, report.messages])).toMatch(/Open file descriptor \d+: opens/);
  });

  test('-time-stamp=yes: a time before each line', async () => {
    await vgrun(['-time-stamp=yes', '-log-file=times.log', './mx'], { cwd: cwd() });
    const lines = (await readFile(join(cwd(), 'times.log'), 'latin1')).trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^==\d\d:\d\d:\d\d:\d\d\.\d{3} \d+==/);
  });

  test('-log-fd=1: the log on standard output, as valgrind writes it there', async () => {
    const { stdout } = await vgrun(['-log-fd=1', '-q', '-leak-check=full', './mx'], { cwd: cwd() });
    const plain = await runProgram('valgrind', ['--log-fd=1', '-q', '--leak-check=full', './mx'], {
      cwd: cwd(),
    });
    expect(normalised(stdout)).toBe(normalised(plain.stdout));
    expect(stdout).toContain('100 bytes in 1 blocks are definitely lost');
  });

  test('-log-file-qualifier=VAR: the value of the variable in the name', async () => {
    const words = ['-log-file-exactly=named.log', '-log-file-qualifier=WHO', './mx'];
    await vgrun(words, { cwd: cwd(), env: { WHO: 'me' } });
    expect(await readdir(cwd())).toContain('named.log.me');
  });

  test('-log-socket=ipaddr:port: the log to whoever listens there', async () => {
    const listener = await listen();
    await vgrun([`-log-socket=127.0.0.1:${listener.port}`, './mx'], { cwd: cwd() });
    expect(await listener.received()).toContain('definitely lost: 100 bytes in 1 blocks');
  });

  test('-xml=yes: the XML on standard error, where it was before it could go elsewhere', async () => {
    const result = await vgrunReport(['-xml=yes', './mx'], { cwd: cwd() });
    const [xml] = /<\?xml.*<\/valgrindoutput>/s.exec(result.stderr) ?? [];
    expect(xml).toContain('<kind>Leak_DefinitelyLost</kind>');
    expect(found(result.report)).toEqual([lost100]);
  });

  test('-num-callers=2: two calls of each stack', async () => {
    const { report } = await vgrunReport(['-num-callers=2', './test'], { cwd: cwd() });
    expect(report.findings[0]?.stacks.map(({ frames }) => frames.length)).toEqual([2]);
  });

  test('-error-limit=yes stops after 1000 errors, and that is said; -error-limit=no goes on', async () => {
    const errors = Array.from({ length: 1100 }, () => '  if (*p) n++;').join('\n');
    const source = `#include <stdlib.h>\nint main(void) {\n  volatile int n = 0, *p = malloc(4);\n${errors}\n  return 0;\n}\n`;
    compileC(join(cwd(), 'many'), source);
    const limited = await vgrunReport(['-error-limit=yes', '-log-file=many.log', './many'], { cwd: cwd() });
    const unlimited = await vgrunReport(['-error-limit=no', '-log-file=many.log', './many'], { cwd: cwd() });
    expect(limited.report.problems.map(({ code }) => code)).toContain('error-limit');
    expect(limited.report.totals.errors?.contexts).toBe(1000);
    expect(unlimited.report.problems.map(({ code }) => code)).not.toContain('error-limit');
    expect(unlimited.report.totals.errors?.contexts).toBe(1100);
  });

  test('-error-exitcode=3: the status of a run with findings, and only of such', async () => {
    const status = async (program: string) =>
      (await vgrun(['-error-exitcode=3', program], { cwd: cwd() })).status;
    expect([await status('./mx'), await status(examplePath('clean'))]).toEqual([3, 0]);
  });

  test('-db-attach=yes and -db-command: without a terminal a sentence says why not, and nothing hangs', async () => {
    // A session of its own has no terminal.
    const words = ['-w', process.execPath, cliPath, '-db-attach=yes', '-db-command=gdb -nw %f %p', './mx'];
    const result = await runProgram('setsid', words, { cwd: cwd() });
    expect(result.stderr).toContain('terminal');
    expect(result.status).toBe(125);
  });

  test.each([
    { value: 'no', status: 0, lists: 0, totals: false },
    { value: 'summary', status: 0, lists: 0, totals: true },
    { value: 'full', status: 100, lists: 1, totals: true },
  ])('-leak-check=$value', async ({ value, status, lists, totals }) => {
    const result = await vgrunReport([`-leak-check=${value}`, './mx'], { cwd: cwd() });
    expect([result.status, shown(result.report).length]).toEqual([status, lists]);
    expect(result.report.totals.leaks?.definite?.bytes).toBe(totals ? 100 : undefined);
  });

  test('-leak-resolution: low takes for one leak what high tells apart by its callers', async () => {
    const source = `#include <stdlib.h>
      void *get(void) { return malloc(8); }
      void one(void) { get(); }
      void two(void) { get(); }
      int main(void) { one(); two(); return 0; }\n`;
    compileC(join(cwd(), 'callers'), source);
    const records = async (value: string) =>
      found((await vgrunReport([`-leak-resolution=${value}`, './callers'], { cwd: cwd() })).report);
    expect(await records('low')).toEqual(['16 bytes in 2 blocks are definitely lost']);
    expect(await records('high')).toEqual([
      '8 bytes in 1 blocks are definitely lost',
      '8 bytes in 1 blocks are definitely lost',
    ]);
  });

  test.each([
    { value: 'yes', kinds: ['Leak_StillReachable'] },
    { value: 'no', kinds: [] },
  ])('-show-reachable=$value', async ({ value, kinds }) => {
    const words = ['-leak-check=full', `-show-reachable=${value}`, './qqshow_user_info'];
    const { report, status } = await vgrunReport(words, { cwd: cwd() });
    expect(new Set(shown(report))).toEqual(new Set(kinds));
    expect(status).toBe(0);
  });

  test('what a line became is in run.json, in the spelling of today', async () => {
    const folder = join(cwd(), 'manifest');
    await mkdir(folder);
    await vgrun(['–leak-check=yes', '-show-reachable=yes', '../mx'], { cwd: folder });
    const { manifest } = await newestRun(folder);
    expect(manifest.toolOptions).toEqual(['--leak-check=full', '--show-leak-kinds=all']);
    expect(manifest.command).toEqual(['../mx']);
  });
});
