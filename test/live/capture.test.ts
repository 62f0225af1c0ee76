// Holds the ways in which a run is captured: logs of the user's own are what valgrind alone would have written, and
// the report is the same whichever way it was captured, but for what text cannot say.
import { execFileSync, spawn } from 'node:child_process';
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { asIntoStream } from '../../src/run/relay.ts';
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
  until,
  vgrun,
  vgrunReport,
} from './vgrun.ts';

const cwd = testFolder();
const full = '--leak-check=full';

/** An empty folder for one test. */
function fresh(): Promise<string> {
  return mkdtemp(join(cwd(), 'test-'));
}

/** All logs in a folder that match, normalised, in an order that does not depend on pids. */
async function logsIn(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')));
  return texts.map(normalised).sort();
}

/** What a report says of the program, without what one capture knows and another does not. */
function substance({ findings, outcome, processes }: Report) {
  return {
    outcome,
    findings: findings
      .filter(({ hidden }) => !hidden)
      .map(({ fingerprint, kind, count, leak, failing }) => [
        fingerprint,
        kind,
        count,
        leak?.bytes,
        leak?.blocks,
        failing,
      ]),
    processes: new Set(processes.map(({ pid }) => pid)).size,
  };
}

/** Runs one program with a log of the user's own, with valgrind alone, and with XML. */
async function compare(words: readonly string[], program: string) {
  const [own, plain] = await Promise.all([fresh(), fresh()]);
  const env = { WHERE: 'here' };
  const result = await vgrunReport([...words, full, program], { cwd: own, env, reports: cwd() });
  const valgrind = await runProgram('valgrind', [...words, full, program], { cwd: plain, env });
  const xml = await vgrunReport(['--trace-children=no', '--num-callers=12', full, program], {
    cwd: own,
    reports: cwd(),
  });
  return { own, plain, result, valgrind, xml };
}

const programs = ['lost-100', 'leak-kinds', 'use-after-free', 'fork', 'segv', 'overlap', 'uninitialised'];

describe.skipIf(!canRun('valgrind'))('--log-file', () => {
  test.each(programs)('%s: the file is that of valgrind alone, and the report that of XML', async (name) => {
    const { own, plain, result, xml } = await compare(['--log-file=own.%p.log'], examplePath(name));
    const logs = await logsIn(own, /^own\.\d+\.log$/);
    expect(logs).toEqual(await logsIn(plain, /^own\.\d+\.log$/));
    expect(logs.length).toBe(name === 'fork' ? 2 : 1);
    expect(substance(result.report)).toEqual(substance(xml.report));
    expect(result.status).toBe(xml.status);
    // What the XML of this version does not say is computed from it, and must agree.
    expect(result.report.totals.leaks?.definite).toEqual(xml.report.totals.leaks?.definite);
    expect(result.report.totals.errors?.errors).toBe(xml.report.totals.errors?.errors);
  });

  test.each([
    { template: 'fixed.log', file: /^fixed\.log$/ },
    { template: 'a%%b.log', file: /^a%b\.log$/ },
    { template: 'n.%n.log', file: /^n\.\d+\.log$/ },
    { template: '%q{WHERE}.log', file: /^here\.log$/ },
    { template: 'all.%q{WHERE}.%p.%n.log', file: /^all\.here\.\d+\.\d+\.log$/ },
  ])('$template: the same name and text as with valgrind alone', async ({ template, file }) => {
    const { own, plain, result } = await compare([`--log-file=${template}`], examplePath('lost-100'));
    const logs = await logsIn(own, file);
    expect(logs).toHaveLength(1);
    expect(logs).toEqual(await logsIn(plain, file));
    expect([result.report.outcome, result.status]).toEqual(['findings', 100]);
  });

  test('a variable that is not set is refused by valgrind, and the run is inconclusive', async () => {
    const words = ['--log-file=%q{NO_SUCH_VARIABLE_HERE}.log', examplePath('clean')];
    const { report, status, stderr } = await vgrunReport(words, { cwd: await fresh(), reports: cwd() });
    expect(stderr).toContain("'NO_SUCH_VARIABLE_HERE' is not set");
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
  });

  test('a folder that does not exist is refused by valgrind, and the run is inconclusive', async () => {
    const words = ['--log-file=no/such/folder.log', examplePath('clean')];
    const { report, status } = await vgrunReport(words, { cwd: await fresh(), reports: cwd() });
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
  });

  test('a log of an earlier run under the same name is not taken for this one', async () => {
    const folder = await fresh();
    const log = ['--log-file=same.log', full];
    await vgrun([...log, examplePath('lost-100')], { cwd: folder });
    const { report, status } = await vgrunReport([...log, examplePath('clean')], { cwd: folder });
    expect([report.outcome, status, report.processes.length]).toEqual(['clean', 0, 1]);
  });

  test('children that write into the same file: what one wipes out of it is still in the report', async () => {
    const folder = await fresh();
    const words = ['--log-file=same.log', '--trace-children=yes', full, examplePath('exec-in-place')];
    const { report } = await vgrunReport(words, { cwd: folder });
    expect(
      report.findings
        .filter(({ failing }) => failing)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['InvalidRead', 'Leak_DefinitelyLost']);
    expect(await readFile(join(folder, 'same.log'), 'latin1')).not.toContain('Invalid read');
  });

  test('/dev/null: nothing is written there, and everything is in the report', async () => {
    const words = ['--log-file=/dev/null', full, examplePath('lost-100')];
    const { report, status } = await vgrunReport(words, { cwd: await fresh() });
    expect([report.outcome, status]).toEqual(['findings', 100]);
  });

  test.each(['pipe', 'file'])('/dev/stderr, a %s: the log comes there, before the report', async (kind) => {
    const folder = await fresh();
    const to = kind === 'pipe' ? '2>&1 >/dev/null | cat > err.txt' : '2> err.txt >/dev/null';
    const words = ['--log-file=/dev/stderr', '-q', full, examplePath('lost-100')];
    const run = ['-c', `"$@" ${to}`, 'sh', process.execPath, cliPath, ...words];
    await runProgram('/bin/sh', run, { cwd: folder });
    const plain = await runProgram('valgrind', ['-q', full, examplePath('lost-100')], { cwd: folder });
    const stderr = normalised(await readFile(join(folder, 'err.txt'), 'latin1'));
    expect(stderr.startsWith(normalised(plain.stderr))).toBe(true);
    // With -q nothing tells whether the log is whole.
    expect(stderr).toContain('Memory lost, at least 100 bytes in 1 block');
  });

  test('a named pipe: its reader gets the log', async () => {
    const folder = await fresh();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const reader = readFile(join(folder, 'pipe'), 'latin1');
    const words = ['--log-file=pipe', full, examplePath('lost-100')];
    const { report } = await vgrunReport(words, { cwd: folder });
    await runProgram('valgrind', ['--log-file=plain.log', full, examplePath('lost-100')], { cwd: folder });
    expect(normalised(await reader)).toBe(normalised(await readFile(join(folder, 'plain.log'), 'latin1')));
    expect(report.outcome).toBe('findings');
  });

  test('a named pipe that nobody reads yet does not keep Ctrl-C from the program', async () => {
    const folder = await fresh();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    compileC(
      join(folder, 'ready'),
      '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("ready"); fflush(stdout); sleep(60); return 0; }\n',
    );
    const words = [cliPath, '--log-file=pipe', './ready'];
    const child = spawn('setsid', ['-w', process.execPath, ...words], { cwd: folder });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes;
    });
    const ended = new Promise((done) => child.on('close', done));
    await until('the program to run', () => output.includes('ready'));
    const [pid] = await childrenOf(child.pid ?? 0);
    process.kill(pid ?? 0, 'SIGINT');
    await until('the program to be gone', async () => (await childrenOf(pid ?? 0)).length === 0);
    expect(await readFile(join(folder, 'pipe'), 'latin1')).toContain('Process terminating');
    await ended;
  });
});

/** Pids of the children of a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

describe.skipIf(!canRun('valgrind'))('a log into a descriptor or a socket', () => {
  test.each(programs)('--log-fd=9, %s: what valgrind alone writes there', async (name) => {
    const folder = await fresh();
    const script = (log: string) => `exec 9>${log}; "$@"`;
    const words = ['--log-fd=9', full, examplePath(name)];
    const json = join(folder, 'report.json');
    const own = await runProgram(
      '/bin/sh',
      ['-c', script('own.txt'), 'sh', process.execPath, cliPath, `--report=json=${json}`, ...words],
      { cwd: folder },
    );
    await runProgram('/bin/sh', ['-c', script('plain.txt'), 'sh', 'valgrind', ...words], { cwd: folder });
    const [ours, plains] = await Promise.all(
      ['own.txt', 'plain.txt'].map(async (log) => normalised(await readFile(join(folder, log), 'latin1'))),
    );
    // The lines of a forked child come between those of its parent as they come.
    expect(ours?.split('\n').sort()).toEqual(plains?.split('\n').sort());
    if (name !== 'fork') expect(ours).toBe(plains);
    const report = JSON.parse(await readFile(json, 'utf8')) as Report;
    const xml = await vgrunReport(['--num-callers=12', full, examplePath(name)], { cwd: folder });
    expect(substance(report)).toEqual(substance(xml.report));
    expect(own.status).toBe(xml.status);
  });

  test.skipIf(!canRun('python3'))(
    'a traced child that closed the descriptor is in the report all the same',
    async () => {
      const folder = await fresh();
      const script = `import subprocess\nsubprocess.call([${JSON.stringify(examplePath('lost-100'))}])\n`;
      await writeFile(join(folder, 'script.py'), script);
      const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)']).toString().trim();
      const words = ['--log-fd=2', '--trace-children=yes', full, python, '-S', '-E', 'script.py'];
      const { report } = await vgrunReport(words, { cwd: folder });
      expect(report.findings.filter(({ failing }) => failing).map(({ leak }) => leak?.bytes)).toContain(100);
    },
  );

  test('wherever the text of a process is cut into pieces, the same comes out', () => {
    const header = (pid: number, command: string) =>
      `==${pid}== Memcheck, a memory error detector\n==${pid}== Using Valgrind-3.19.0\n==${pid}== Command: ${command}\n`;
    const parent = (pid: number, ppid: number) => `==${pid}== Parent PID: ${ppid}\n==${pid}== \n`;
    const body = (pid: number) => `==${pid}== Parent PID: said the program\n==${pid}== ERROR SUMMARY: 0`;
    const texts = [
      { file: 'a', pid: 10, ppid: 1, command: './a' },
      { file: 'b', pid: 11, ppid: 10, command: './a' },
      { file: 'c', pid: 12, ppid: 10, command: './c' },
    ].map(({ file, pid, ppid, command }) => ({
      file,
      text: header(pid, command) + parent(pid, ppid) + body(pid),
    }));
    const wanted = `${header(10, './a')}==10== \n${body(10)}${body(11)}${header(12, './c')}==12== \n${body(12)}`;
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 200 }), { maxLength: 20 }), (cuts) => {
        const form = asIntoStream();
        let result = '';
        for (const { file, text } of texts) {
          const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
          for (const [index, place] of places.slice(1).entries()) {
            result += Buffer.from(form(file, Buffer.from(text.slice(places[index], place)))).toString();
          }
        }
        expect(result).toBe(wanted);
      }),
    );
  });

  test('--log-fd=1 with --time-stamp=yes has no line more than with valgrind alone', async () => {
    const words = ['--log-fd=1', '--time-stamp=yes', examplePath('segv')];
    const own = await vgrun(words, { cwd: await fresh() });
    const plain = await runProgram('valgrind', words, { cwd: await fresh() });
    expect(normalised(own.stdout)).toBe(normalised(plain.stdout));
  });

  test('a descriptor that is not open: said, and the report is whole', async () => {
    const words = ['--log-fd=77', full, examplePath('lost-100')];
    const { report, status } = await vgrunReport(words, { cwd: await fresh() });
    expect(report.problems.map(({ code }) => code)).toContain('sink-failed');
    expect([report.outcome, status]).toEqual(['findings', 100]);
  });

  test('--log-socket: the listener gets what valgrind alone would send', async () => {
    const [own, plain] = [await listen(), await listen()];
    const words = (port: number) => [`--log-socket=127.0.0.1:${port}`, full, examplePath('lost-100')];
    const { report } = await vgrunReport(words(own.port), { cwd: await fresh() });
    await runProgram('valgrind', words(plain.port), { cwd: await fresh() });
    expect(normalised(await own.received())).toBe(normalised(await plain.received()));
    expect(report.outcome).toBe('findings');
  });

  test('--log-socket where nobody listens: said, and the report is whole', async () => {
    const { port, received } = await listen();
    const used = await vgrun([`--log-socket=127.0.0.1:${port}`, examplePath('clean')], {
      cwd: await fresh(),
    });
    expect(used.status).toBe(0);
    await received();
    const words = [`--log-socket=127.0.0.1:${port}`, full, examplePath('lost-100')];
    const { report, status } = await vgrunReport(words, { cwd: await fresh() });
    expect(report.problems.map(({ code }) => code)).toContain('sink-failed');
    expect([report.outcome, status]).toEqual(['findings', 100]);
  });
});

describe.skipIf(!canRun('valgrind'))('XML of the user’s own', () => {
  /** Options differ: vgrun says in full what it relies on. */
  const content = (xml: string) => normalised(xml).replace(/ *<arg>--[^<]*<\/arg>\n/g, '');
  const plainXml = async (program: string) => {
    const folder = await fresh();
    await runProgram('valgrind', ['--xml=yes', '--xml-file=plain.xml', full, program], { cwd: folder });
    return content(await readFile(join(folder, 'plain.xml'), 'latin1'));
  };

  test.each(programs.filter((name) => name !== 'fork'))('--xml-file, %s', async (name) => {
    const folder = await fresh();
    const words = ['--xml=yes', '--xml-file=own.%p.xml', full, examplePath(name)];
    const { report, status } = await vgrunReport(words, { cwd: folder });
    const [file] = (await readdir(folder)).filter((entry) => /^own\.\d+\.xml$/.test(entry));
    expect(content(await readFile(join(folder, file ?? ''), 'latin1'))).toBe(
      await plainXml(examplePath(name)),
    );
    const usual = await vgrunReport(['--num-callers=12', full, examplePath(name)], { cwd: folder });
    expect(substance(report)).toEqual(substance(usual.report));
    expect(status).toBe(usual.status);
  });

  test('--xml-fd=9', async () => {
    const folder = await fresh();
    const words = [process.execPath, cliPath, '--xml=yes', '--xml-fd=9', full, examplePath('lost-100')];
    const { status } = await runProgram('/bin/sh', ['-c', 'exec 9>own.xml; "$@"', 'sh', ...words], {
      cwd: folder,
    });
    expect(content(await readFile(join(folder, 'own.xml'), 'latin1'))).toBe(
      await plainXml(examplePath('lost-100')),
    );
    expect(status).toBe(100);
  });

  test('--xml-socket', async () => {
    const listener = await listen();
    const words = ['--xml=yes', `--xml-socket=127.0.0.1:${listener.port}`, full, examplePath('lost-100')];
    const { report } = await vgrunReport(words, { cwd: await fresh() });
    expect(content(await listener.received())).toBe(await plainXml(examplePath('lost-100')));
    expect(report.outcome).toBe('findings');
  });

  test('--xml=yes alone: on stderr, and said once', async () => {
    const result = await vgrun(['--xml=yes', full, examplePath('lost-100')], { cwd: await fresh() });
    const [xml = ''] = /<\?xml.*<\/valgrindoutput>\n\n?/s.exec(result.stderr) ?? [];
    expect(content(xml).trimEnd()).toBe((await plainXml(examplePath('lost-100'))).trimEnd());
    expect(notesOf(result)).toHaveLength(1);
  });

  test('--xml-file without --xml=yes: said, and captured as usual', async () => {
    const folder = await fresh();
    const result = await vgrunReport(['--xml-file=own.xml', full, examplePath('lost-100')], { cwd: folder });
    expect(notesOf(result)).toEqual([
      'a place for XML is given, but valgrind writes no XML without --xml=yes',
    ]);
    expect(await readdir(folder)).not.toContain('own.xml');
    expect(result.report.outcome).toBe('findings');
  });
});

describe.skipIf(!canRun('valgrind'))('--capture=fd', () => {
  test.each([...programs, 'exec-in-place', 'fork-exec', 'daemon', 'close-all-fds'])(
    '%s: the same report as with a file for each process',
    async (name) => {
      const folder = await fresh();
      const stream = await vgrunReport(['--capture=fd', full, examplePath(name)], { cwd: folder });
      const files = await vgrunReport([full, examplePath(name)], { cwd: folder });
      expect(substance(stream.report)).toEqual(substance(files.report));
      expect(stream.status).toBe(files.status);
    },
  );

  test('forked children share the stream with their parent: each defect is found, and that they share is said', async () => {
    const folder = await fresh();
    const words = [full, examplePath('fifty-children')];
    const stream = await vgrunReport(['--capture=fd', ...words], { cwd: folder });
    const files = await vgrunReport(words, { cwd: folder });
    const fingerprints = ({ findings }: Report) => findings.map(({ fingerprint }) => fingerprint);
    expect(fingerprints(stream.report)).toEqual(fingerprints(files.report));
    expect(stream.report.problems.map(({ code }) => code)).toContain('shared-document');
  });

  test('a line for each finding comes while the program still runs', async () => {
    const folder = await fresh();
    compileC(
      join(folder, 'lives'),
      `#include <stdlib.h>
       #include <unistd.h>
       int main(void) { char *p = malloc(3); p[3] = 1; free(p); char c; return read(0, &c, 1) != 0; }`,
    );
    const child = spawn(process.execPath, [cliPath, '--capture=fd', './lives'], { cwd: folder });
    let stderr = '';
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes;
    });
    const ended = new Promise((done) => child.on('close', done));
    await until('the line', () => stderr !== '');
    expect(stderr).toBe('vgrun: Invalid write of size 1 at <stdin>:3\n');
    child.stdin.end();
    expect(await ended).toBe(100);
  });

  test('leaks that are not asked for are not told', async () => {
    const result = await vgrun(['--capture=fd', full, examplePath('leak-kinds')], { cwd: await fresh() });
    expect(notesOf(result).filter((note) => note.includes('still reachable'))).toEqual([]);
    expect(notesOf(result).filter((note) => note.includes('definitely lost'))).toHaveLength(1);
  });

  test.skipIf(!canRun('python3'))(
    'a child that closed the descriptor is missed, and never called clean',
    async () => {
      const folder = await fresh();
      const script = `import subprocess\nsubprocess.call([${JSON.stringify(examplePath('lost-100'))}])\n`;
      await writeFile(join(folder, 'script.py'), script);
      const words = ['-S', '-E', 'script.py'];
      const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)']).toString().trim();
      const stream = await vgrunReport(['--capture=fd', full, python, ...words], { cwd: folder });
      expect(stream.report.problems.map(({ code }) => code)).toContain('stream-lost');
      expect(stream.report.outcome).toBe('inconclusive');
      const files = await vgrunReport([full, python, ...words], { cwd: folder });
      const kinds = files.report.findings.filter(({ failing }) => failing).map(({ leak }) => leak?.bytes);
      expect(kinds).toContain(100);
    },
  );
});

describe.skipIf(!canRun('valgrind'))('many runs', () => {
  test('five at once in one folder do not disturb each other', async () => {
    const folder = await fresh();
    const names = ['lost-100', 'clean', 'exit-7', 'fork', 'segv'];
    const results = await Promise.all(
      names.map((name) => vgrunReport([full, '--keep=1', examplePath(name)], { cwd: folder })),
    );
    expect(results.map(({ report }) => report.outcome)).toEqual([
      'findings',
      'clean',
      'failed',
      'findings',
      'findings',
    ]);
    expect(results.map(({ status }) => status)).toEqual([100, 0, 7, 100, 139]);
    expect(new Set(results.map(({ report }) => report.run?.id)).size).toBe(5);
  });

  test('--keep=2: the oldest go, once nobody can be reading them any more', async () => {
    const folder = await fresh();
    const runs = join(folder, '.vgrun', 'runs');
    for (let count = 0; count < 3; count++) {
      await vgrun(['--keep=2', examplePath('clean')], { cwd: folder });
    }
    const before = await readdir(runs);
    expect(before).toHaveLength(3);
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const id of before) await utimes(join(runs, id, 'run.json'), longAgo, longAgo);
    await vgrun(['--keep=2', examplePath('clean')], { cwd: folder });
    const kept = await readdir(runs);
    expect(kept).toHaveLength(2);
    expect(kept).not.toEqual(before.slice(1));
  });

  test('--keep=0 still reports', async () => {
    const { report } = await vgrunReport(['--keep=0', full, examplePath('lost-100')], { cwd: await fresh() });
    expect(report.outcome).toBe('findings');
  });

  test('git sees nothing of the runs', async () => {
    const folder = await fresh();
    execFileSync('git', ['init', '-q', folder]);
    await vgrun([examplePath('clean')], { cwd: folder });
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: folder }).toString()).toBe('');
  });
});

describe.skipIf(!canRun('valgrind'))('vgrun report', () => {
  let folder = '';
  let first: Report;
  let run = '';
  beforeAll(async () => {
    folder = await fresh();
    await copyFile(examplePath('fork'), join(folder, 'fork'));
    first = (await vgrunReport([full, './fork'], { cwd: folder })).report;
    run = (await newestRun(folder)).path;
  });

  const again = async (
    words: readonly string[],
    options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
  ) => {
    const result = await vgrun(['report', '--report=json=-', ...words], { cwd: folder, ...options });
    return { ...result, report: JSON.parse(Buffer.from(result.stdout, 'latin1').toString()) as Report };
  };

  test('of the newest run, of its path, of its path from elsewhere: the same report', async () => {
    for (const result of [await again([]), await again([run]), await again([`${run}/`], { cwd: cwd() })]) {
      expect(result.report).toEqual(first);
      expect(result.status).toBe(100);
    }
  });

  test('of a run that was carried away, without valgrind on PATH', async () => {
    const away = join(await fresh(), 'carried-away');
    await cp(run, away, { recursive: true });
    // Node itself must be found, and nothing else.
    const bin = await fresh();
    await symlink(process.execPath, join(bin, 'node'));
    const { report, status } = await again([away], { env: { PATH: bin } });
    expect(substance(report)).toEqual(substance(first));
    expect({ ...report.totals }).toEqual({ ...first.totals });
    expect([status, report.run?.directory]).toEqual([100, away]);
  });

  test('of its files, one by one or by their directory: the same findings', async () => {
    const files = (await readdir(run)).filter((name) => name.endsWith('.xml')).map((name) => join(run, name));
    const logs = join(await fresh(), 'logs');
    await mkdir(logs);
    for (const file of files) await copyFile(file, join(logs, basename(file)));
    const byName = await again(files);
    const byFolder = await again([logs]);
    const fingerprints = ({ findings }: Report) => findings.map(({ fingerprint }) => fingerprint);
    expect(fingerprints(byName.report)).toEqual(fingerprints(first));
    expect(fingerprints(byFolder.report)).toEqual(fingerprints(first));
    expect(byName.report.run).toBeUndefined();
  });

  test('of standard input, text or XML', async () => {
    const { stderr } = await runProgram('valgrind', [full, './fork'], { cwd: folder });
    const text = await again(['-'], { input: stderr });
    const [file = ''] = (await readdir(run)).filter((name) => name.endsWith('.xml'));
    const xml = await again(['-'], { input: await readFile(join(run, file), 'utf8') });
    expect(substance(text.report).findings).toEqual(substance(first).findings);
    expect(xml.report.findings.length).toBeGreaterThan(0);
    expect([text.status, xml.status]).toEqual([100, 100]);
  });
});
