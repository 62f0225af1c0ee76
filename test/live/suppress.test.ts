// Holds that an entry that `vgrun suppress` writes makes valgrind hide the chosen finding and nothing else, that
// `--check` tells used entries from unused ones, and that the shipped sets load and hide what they say.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Finding, Report } from '../../src/model/report.ts';
import { parseSuppressions } from '../../src/tools/_shared/suppression-file.ts';
import { globMatches, mangledPattern, matchesDemangled } from '../../src/tools/_shared/suppression-names.ts';
import { examplePath } from '../examples.ts';
import { canRun, cliPath, projectRoot } from '../project.ts';
import { compileC, runProgram, testFolder, until, vgrun, vgrunReport } from './vgrun.ts';

const cwd = testFolder();

/** Kind and place of each finding: fingerprints count the places in one function, so hiding one moves the next. */
const places = ({ findings }: Report): readonly string[] => findings.map(placeOf).sort();

function placeOf({ kind, stacks, blamed }: Finding): string {
  const frame = stacks[blamed?.stack ?? 0]?.frames[blamed?.frame ?? 0];
  return `${kind} ${frame?.function} ${frame?.path}:${frame?.line}`;
}

/**
 * Runs a program, suppresses each of its findings alone and runs it again with that.
 * @returns the kinds that were hidden exactly.
 */
async function hideEach(program: string, options: readonly string[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(cwd(), 'each-'));
  const before = await vgrunReport([...options, program], { cwd: folder });
  const hidden: string[] = [];
  for (const finding of before.report.findings.filter(({ failing }) => failing)) {
    const file = join(folder, `${finding.id}.supp`);
    const made = await vgrun(['suppress', `--finding=${finding.id}`, `--output=${file}`, '--yes'], {
      cwd: folder,
    });
    expect(made.status, made.stderr).toBe(0);
    const alike = [...made.stderr.matchAll(/^ {2}hides(?: also)? (F-[0-9a-f]{12}) /gm)].map(([, id]) => id);
    const after = await vgrunReport([...options, `--suppressions=${file}`, program], {
      cwd: await mkdtemp(join(cwd(), 'after-')),
    });
    const expected = before.report.findings.filter(({ id }) => !alike.includes(id));
    expect(places(after.report), `${await readFile(file, 'utf8')}\n${made.stderr}`).toEqual(
      expected.map(placeOf).sort(),
    );
    if (alike.length === 1) hidden.push(finding.kind);
  }
  return hidden;
}

describe.skipIf(!canRun('valgrind'))('an entry hides its finding and nothing else', () => {
  test.each([
    { example: 'lost-100', tool: 'memcheck', kinds: ['Leak_DefinitelyLost'] },
    { example: 'leak-kinds', tool: 'memcheck', kinds: ['Leak_DefinitelyLost', 'Leak_PossiblyLost'] },
    { example: 'invalid-access', tool: 'memcheck', kinds: ['InvalidRead', 'InvalidWrite'] },
    { example: 'uninitialised', tool: 'memcheck', kinds: ['UninitCondition', 'UninitValue'] },
    { example: 'double-free', tool: 'memcheck', kinds: ['InvalidFree'] },
    { example: 'mismatched-free', tool: 'memcheck', kinds: ['MismatchedFree'] },
    { example: 'overlap', tool: 'memcheck', kinds: ['Overlap'] },
    { example: 'data-race', tool: 'helgrind', kinds: ['Race'] },
    { example: 'lock-order', tool: 'helgrind', kinds: ['LockOrder'] },
    { example: 'unlock-unlocked', tool: 'helgrind', kinds: ['UnlockUnlocked'] },
    { example: 'data-race', tool: 'drd', kinds: ['ConflictingAccess'] },
    { example: 'unlock-unlocked', tool: 'drd', kinds: ['MutexErr'] },
  ])('$example under $tool: $kinds', async ({ example, tool, kinds }) => {
    const hidden = await hideEach(examplePath(example), [`--tool=${tool}`]);
    expect([...new Set(hidden)].sort()).toEqual(expect.arrayContaining(kinds));
  });

  test('also where the kind has a line of its own: system calls and fishy values', async () => {
    const program = join(cwd(), 'lines');
    compileC(
      program,
      `#include <stdlib.h>
#include <unistd.h>
static void say(void) { char *p = malloc(10); if (write(2, p, 0 + 3) < 0) abort(); free(p); }
static void get(volatile long n) { free(malloc(n)); }
static void jump(void) { char *p = malloc(4); if (p[1] == 'x') write(2, "x", 1); free(p); }
int main(void) { say(); get(-5); jump(); return 0; }`,
    );
    expect([...(await hideEach(program, []))].sort()).toEqual([
      'FishyValue',
      'SyscallParam',
      'UninitCondition',
    ]);
  });

  const source = `
#include <cstdlib>
#include <string>
#include <vector>
static void lose(size_t n) { volatile char *p = (char *)malloc(n); p = 0; }
namespace { struct Anon { void operator()(int n) { volatile char *p = (char *)malloc(n); p = 0; } }; }
template <class T> struct Box {
  Box(T t) { volatile char *p = (char *)malloc(7 + t); p = 0; }
  ~Box() { volatile char *p = (char *)malloc(9); p = 0; }
  template <class U> void put(U u) { volatile char *p = (char *)malloc(u); p = 0; }
};
namespace Foo {
struct bar {
  void baz(const std::string &s) const { lose(s.size()); }
  bar &operator+=(int n) { lose(n); return *this; }
  operator int() { lose(21); return 1; }
};
static void stat(std::vector<int> v) { lose(v.size()); }
}
int main() {
  Anon a; a(3);
  { Box<int> b(2); b.put<long>(5); }
  Foo::bar b; b.baz("hello"); b += 4; (void)(int)b; Foo::stat({1, 2});
  auto l = [](int n) { volatile char *p = (char *)malloc(n); p = 0; };
  l(31);
  return 0;
}`;

  test.each([{ options: [] }, { options: ['--gen-suppressions=all'] }])(
    'C++ with $options',
    async ({ options }) => {
      const program = join(cwd(), 'cpp');
      execFileSync('g++', ['-g', '-O0', '-w', '-x', 'c++', '-o', program, '-'], { input: source });
      expect((await hideEach(program, options)).length).toBe(9);
    },
  );

  test.skipIf(!canRun('nm') || !canRun('c++filt'))(
    'names of a whole C++ library are known by their patterns',
    async () => {
      const { stdout: library } = await runProgram('g++', ['-print-file-name=libstdc++.so.6'], {
        cwd: cwd(),
      });
      const { stdout: symbols } = await runProgram('nm', ['-D', '--defined-only', library.trim()], {
        cwd: cwd(),
      });
      const mangled = [...symbols.matchAll(/ [TW] (_Z[^@\s]+)/g)].map(([, name = '']) => name);
      const { stdout } = await runProgram('c++filt', [], { cwd: cwd(), input: `${mangled.join('\n')}\n` });
      const demangled = stdout.split('\n');
      const pairs = mangled
        .map((name, index) => [name, demangled[index] ?? ''] as const)
        .filter(([, name]) => name.includes('('));
      const patterns = pairs.map(([name, plain]) => [name, plain, mangledPattern(plain)] as const);
      const known = patterns.filter(([, , pattern]) => pattern !== undefined);
      expect(known.length).toBeGreaterThan(pairs.length * 0.9);
      expect(known.filter(([name, , pattern]) => !globMatches(pattern ?? '', name))).toEqual([]);
      expect(pairs.filter(([name, plain]) => matchesDemangled(name, plain) === 'no')).toEqual([]);
      // A pattern is compared with the names of others too: what is said for sure is so.
      const wrong = known.flatMap(([, , pattern = ''], index) =>
        [1, 7, 101, 997].flatMap((step) => {
          const [name, plain] = known[(index + step) % known.length] ?? ['', ''];
          const answer = matchesDemangled(pattern, plain);
          return answer === 'cannot tell' || (answer === 'yes') === globMatches(pattern, name)
            ? []
            : [[pattern, name]];
        }),
      );
      expect(wrong).toEqual([]);
    },
  );
});

describe.skipIf(!canRun('valgrind'))('vgrun suppress', () => {
  /** Two leaks in one function, which no frame tells apart. */
  const twins = `#include <stdlib.h>
void lose(void) {
  volatile char *p = malloc(10);
  p = malloc(20);
  p = 0;
}
int main(void) { lose(); return 0; }`;

  async function twinRun() {
    const folder = await mkdtemp(join(cwd(), 'twins-'));
    compileC(join(folder, 'twins'), twins);
    const { report } = await vgrunReport(['./twins'], { cwd: folder });
    expect(report.findings.length).toBe(2);
    return { folder, ids: report.findings.map(({ id }) => id) };
  }

  test('writes nothing that hides more than was chosen, unless --yes says so, and names what that is', async () => {
    const { folder, ids } = await twinRun();
    const refused = await vgrun(['suppress', `--finding=${ids[0]}`, '--output=my.supp'], { cwd: folder });
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain(`hides also ${ids[1]} Leak_DefinitelyLost in lose at `);
    expect(await readdir(folder)).not.toContain('my.supp');
    const agreed = await vgrun(['suppress', `--finding=${ids[0]?.slice(0, 8)}`, '--yes'], { cwd: folder });
    expect(agreed.status).toBe(0);
    expect(parseSuppressions(agreed.stdout).entries.map(({ name }) => name)).toEqual([
      `Leak_DefinitelyLost lose <${ids[0]}>`,
    ]);
    // Both are chosen, so one entry does.
    const both = await vgrun(['suppress'], { cwd: folder });
    expect([both.status, parseSuppressions(both.stdout).entries.length]).toEqual([0, 1]);
  });

  test('appends to a file once, and refuses one that is none', async () => {
    const { folder, ids } = await twinRun();
    await writeFile(join(folder, 'my.supp'), '# mine\n{\n   a\n   drd:CondErr\n   fun:a\n}');
    const words = ['suppress', '--finding', ids[0] ?? '', '--yes', '--output', 'my.supp'];
    await vgrun(words, { cwd: folder });
    const again = await vgrun(words, { cwd: folder });
    expect(again.stderr).toContain('my.supp has this entry already, on line 7');
    expect(parseSuppressions(await readFile(join(folder, 'my.supp'), 'utf8')).entries.length).toBe(2);
    await writeFile(join(folder, 'notes.txt'), 'hello\n');
    const refused = await vgrun([...words.slice(0, -1), 'notes.txt'], { cwd: folder });
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain('notes.txt is no suppression file: line 1');
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('hello\n');
  });

  test('says which ids it does not know', async () => {
    const { folder } = await twinRun();
    expect((await vgrun(['suppress', '--finding=F-000000000000'], { cwd: folder })).stderr).toContain(
      'there is no finding',
    );
    expect((await vgrun(['suppress', '--finding=F-'], { cwd: folder })).status).toBe(125);
  });

  test('at a terminal lists what fails, asks which, and asks before it hides more', async () => {
    const { folder, ids } = await twinRun();
    let screen = '';
    const { spawn } = await import('@lydell/node-pty');
    const terminal = spawn(process.execPath, [cliPath, 'suppress', '--output=my.supp'], {
      cols: 200,
      rows: 24,
      cwd: folder,
      env: { ...process.env, NO_COLOR: '1' } as Record<string, string>,
    });
    terminal.onData((text) => {
      screen += text;
    });
    const exited = new Promise<number>((done) => terminal.onExit(({ exitCode }) => done(exitCode)));
    await until(
      'the list',
      () => screen.includes(`1  ${ids[0]} `) && screen.includes('Numbers, ids or all: '),
    );
    terminal.write('1\r');
    await until('the question', () => screen.includes('Write this entry all the same? [y/N] '));
    expect(screen).toContain(`hides also ${ids[1]}`);
    terminal.write('y\r');
    expect(await exited).toBe(0);
    expect(await readFile(join(folder, 'my.supp'), 'utf8')).toContain(`Leak_DefinitelyLost lose <${ids[0]}>`);
  });

  test('reads a text log, and says nothing that it does not know', async () => {
    const folder = await mkdtemp(join(cwd(), 'text-'));
    compileC(join(folder, 'twins'), twins.replace('p = malloc(20);', ''));
    await runProgram('valgrind', ['--leak-check=full', '--log-file=a.log', './twins'], { cwd: folder });
    const { status, stdout } = await vgrun(['suppress', 'a.log'], { cwd: folder });
    expect(status).toBe(0);
    await writeFile(join(folder, 'a.supp'), stdout);
    const { report } = await vgrunReport(['--suppressions=a.supp', './twins'], { cwd: folder });
    expect(report.outcome).toBe('clean');
  });

  test('hostile names stay one block, and reach no terminal as they are', async () => {
    const folder = await mkdtemp(join(cwd(), 'hostile-'));
    const log = `<?xml version="1.0"?>
<valgrindoutput><protocolversion>4</protocolversion><protocoltool>memcheck</protocoltool>
<pid>1</pid><ppid>0</ppid><tool>memcheck</tool><args><vargv><exe>v</exe></vargv><argv><exe>./a</exe></argv></args>
<status><state>RUNNING</state><time>0</time></status>
<error><unique>0x0</unique><tid>1</tid><kind>UninitCondition</kind><what>Conditional jump</what><stack>
<frame><ip>0x1</ip><obj>/home/a/x]]&gt;\u001b[31m</obj><fn>evil\n}\n{\u202e::error::&lt;script&gt;</fn><file>a.c</file><line>1</line></frame>
</stack></error><status><state>FINISHED</state><time>1</time></status>
<errorcounts><pair><count>1</count><unique>0x0</unique></pair></errorcounts><suppcounts></suppcounts></valgrindoutput>`;
    await writeFile(join(folder, 'evil.xml'), log);
    const { status, stdout, stderr } = await vgrun(['suppress', 'evil.xml'], { cwd: folder });
    expect(status, stderr).toBe(0);
    const { entries, problems } = parseSuppressions(Buffer.from(stdout, 'latin1').toString());
    expect([entries.length, problems.length]).toEqual([1, 0]);
    expect(`${Buffer.from(stdout, 'latin1').toString()}${stderr}`).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f\u202e]/,
    );
    await writeFile(join(folder, 'evil.supp'), stdout, 'latin1');
    const loaded = await runProgram('valgrind', ['-q', '--suppressions=evil.supp', '/bin/true'], {
      cwd: folder,
    });
    expect(loaded.status, loaded.stderr).toBe(0);
  });
});

describe.skipIf(!canRun('valgrind'))('vgrun suppress --check', () => {
  const entry = (name: string, fun: string) =>
    `{\n   ${name}\n   Memcheck:Leak\n   fun:malloc\n   fun:${fun}\n}\n`;

  test('tells used entries from unused ones, and what cannot be told', async () => {
    const folder = await mkdtemp(join(cwd(), 'check-'));
    const check = (...files: readonly string[]) => vgrun(['suppress', '--check', ...files], { cwd: folder });
    await writeFile(join(folder, 'my.supp'), `${entry('good', 'main')}${entry('old', 'gone')}`);
    expect((await check('my.supp')).status).toBe(101);
    expect((await check()).status).toBe(101);

    await vgrun(['--suppressions=my.supp', examplePath('lost-100')], { cwd: folder });
    const { status, stdout } = await check();
    expect(stdout).toBe(
      'my.supp:7: unused: old (1 run could have used it)\n2 entries: 1 used, 1 unused, 0 cannot be told\n',
    );
    expect(status).toBe(100);

    await writeFile(join(folder, 'good.supp'), entry('good', 'main'));
    await vgrun(['--suppressions=good.supp', examplePath('lost-100')], { cwd: folder });
    expect((await check('good.supp')).status).toBe(0);

    await writeFile(join(folder, 'new.supp'), entry('new', 'gone'));
    const unknown = await check('new.supp');
    expect([unknown.status, unknown.stdout]).toEqual([
      101,
      'new.supp:1: cannot tell: new (no stored run was started with this file)\n1 entry: 0 used, 0 unused, 1 cannot be told\n',
    ]);
  });

  test('knows the file from VALGRIND_OPTS too, and a text log that does not tell', async () => {
    const folder = await mkdtemp(join(cwd(), 'opts-'));
    await writeFile(join(folder, 'my.supp'), entry('old', 'gone'));
    const env = { VALGRIND_OPTS: '--suppressions=my.supp' };
    await vgrun(['--log-file=own.log', examplePath('lost-100')], { cwd: folder, env });
    const silent = await vgrun(['suppress', '--check'], { cwd: folder });
    expect([silent.status, silent.stdout]).toEqual([101, expect.stringContaining('only with -v or -s')]);
    await vgrun(['-s', '--log-file=own.log', examplePath('lost-100')], { cwd: folder, env });
    expect((await vgrun(['suppress', '--check'], { cwd: folder })).status).toBe(100);
  });

  test('shows mistakes in a file with their lines', async () => {
    const folder = await mkdtemp(join(cwd(), 'broken-'));
    await writeFile(join(folder, 'my.supp'), `${entry('a', 'b')}{\n   x\n   Memcheck:Leeks\n   fun:a\n}\n`);
    const { status, stderr } = await vgrun(['suppress', '--check', 'my.supp'], { cwd: folder });
    expect(status).toBe(125);
    expect(stderr).toContain('my.supp:9: Memcheck has no kind "Leeks": Memcheck:Leeks');
  });
});

describe('the shipped sets', () => {
  const folder = join(projectRoot, 'src/analyze/suppressions');

  test('say of each entry why it is noise and where that is documented, and are bound to an object', async () => {
    for (const name of await readdir(folder)) {
      const text = await readFile(join(folder, name), 'utf8');
      const lines = text.split('\n');
      const { entries, problems } = parseSuppressions(text);
      expect(problems).toEqual([]);
      expect(entries.length).toBeGreaterThan(0);
      expect(new Set(entries.map((entry) => entry.name)).size).toBe(entries.length);
      for (const entry of entries) {
        const above = lines.slice(0, entry.line - 1);
        const comment = above.slice(above.lastIndexOf('') + 1).join('\n');
        expect(comment, entry.name).toMatch(/^# Why: [\s\S]+^# Source: /m);
        expect(
          entry.frames.some((line) => line.by === 'obj'),
          entry.name,
        ).toBe(true);
      }
    }
  });

  test.skipIf(!canRun('valgrind'))('load in valgrind', async () => {
    const sets = (await readdir(folder)).map((name) => name.replace(/\.supp$/, ''));
    const { report, status } = await vgrunReport([`--known-noise=${sets.join(',')}`, '/bin/true'], {
      cwd: cwd(),
    });
    expect([report.outcome, status, report.problems]).toEqual(['clean', 0, []]);
  });

  test.skipIf(!canRun('valgrind'))(
    'hide what glibc and the loader keep, and no leak of the program',
    async () => {
      const place = await mkdtemp(join(cwd(), 'noise-'));
      compileC(
        join(place, 'noise'),
        `#include <dlfcn.h>
#include <iconv.h>
#include <locale.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *wait_for_ever(void *a) { pause(); return a; }
char *kept, *copied;
int main(int argc, char **argv) {
  pthread_t thread;
  volatile char *lost = malloc(100);
  lost = 0;
  kept = malloc(200);
  copied = strdup("mine");
  dlopen("libm.so.6", RTLD_NOW);
  pthread_create(&thread, 0, wait_for_ever, 0);
  setlocale(LC_ALL, "C.UTF-8");
  iconv_close(iconv_open("UTF-16", "ISO-8859-1"));
  getpwnam("root");
  puts("out");
  if (argc > 1) raise(SIGTERM);
  return 0;
}`,
      );
      const options = ['--show-leak-kinds=all', '--errors-for-leak-kinds=all'];
      const kept = async (...words: readonly string[]) =>
        (await vgrunReport([...options, ...words], { cwd: place })).report;
      const before = await kept('./noise');
      const after = await kept('--known-noise=glibc,ld.so', './noise');
      const mine = ['Leak_DefinitelyLost main', 'Leak_StillReachable main', 'Leak_StillReachable main'];
      const innermost = (report: Report) =>
        report.findings.map(({ kind, blamed }) => `${kind} ${blamed?.frame === 0 ? '?' : 'main'}`).sort();
      expect(before.findings.length).toBeGreaterThanOrEqual(mine.length + 4);
      expect(innermost(after)).toEqual(mine);
      const names = after.suppressions.map(({ name }) => name);
      expect(names).toContain('ld.so: libraries that stay loaded');
      expect(names).toContain('glibc: memory for a thread that still runs');

      const killed = await kept('--known-noise=glibc,ld.so', './noise', 'x');
      expect(killed.suppressions.map(({ name }) => name)).toEqual(
        expect.arrayContaining([
          'glibc: locales that are loaded',
          'glibc: modules of iconv',
          'glibc: the modules of name services',
          'glibc: buffers of streams',
        ]),
      );
      expect(killed.findings.filter(({ kind }) => kind === 'Leak_DefinitelyLost').length).toBe(1);
    },
  );

  test('are named in run.json as they were asked for, before the user’s own', async () => {
    const place = await mkdtemp(join(cwd(), 'named-'));
    await writeFile(join(place, 'my.supp'), '');
    const { report } = await vgrunReport(['--known-noise=glib', '--suppressions=my.supp', '/bin/true'], {
      cwd: place,
    });
    const manifest = JSON.parse(await readFile(join(report.run?.directory ?? '', 'run.json'), 'utf8'));
    expect(manifest.knownNoise).toEqual(['glib']);
    expect(manifest.toolOptions).toEqual(['--suppressions=my.supp']);
    const given = manifest.argv.filter((word: string) => word.startsWith('--suppressions='));
    expect(given).toEqual([
      expect.stringMatching(/^--suppressions=\/.*\/glib\.supp$/),
      '--suppressions=my.supp',
    ]);
    const wrong = await vgrun(['--known-noise=glbc', '/bin/true'], { cwd: place });
    expect([wrong.status, wrong.stderr]).toEqual([125, expect.stringContaining('glibc')]);
  });
});
