// Words, variables and paths that are no UTF-8 reach a program under every instrument as they reach it without one.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { canRun, cliPath } from '../project.ts';
import { compileC, newestRun, type Result, runProgram, testFolder } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);
const bytePlace = (name: string): Buffer =>
  Buffer.concat([Buffer.from(`${folder()}/`), Buffer.from(name, 'latin1')]);

/** Prints its words, variables and working directory in hexadecimal, a line each. */
const show = `
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
extern char **environ;
static void hex(const char *what, const char *text) {
  printf("%s ", what);
  for (; *text; text++) printf("%02x", (unsigned char)*text);
  puts("");
}
int main(int count, char **words) {
  char folder[4096];
  if (getenv("GATEWAY_INTERFACE")) puts("Content-Type: text/plain\\n");
  for (int i = 0; i < count; i++) hex("word", words[i]);
  for (char **each = environ; *each; each++) hex("variable", *each);
  if (getcwd(folder, sizeof folder)) hex("in", folder);
  free(malloc(10));
  return 0;
}
`;

beforeAll(() => {
  compileC(place('show'), show);
  copyFileSync(place('show'), bytePlace('na\xefve'));
  mkdirSync(bytePlace('d\xe4r'));
  copyFileSync(place('show'), Buffer.concat([bytePlace('d\xe4r'), Buffer.from('/show')]));
});

/** Starts `$@` with the words behind it; printf gives bytes that are no UTF-8. */
const hostile = (program: string): string => `exec /usr/bin/env -i PATH="$PATH" HOME="$HOME" \\
  "LC_NAME=$(printf '\\351')" "$(printf 'N\\351')=$(printf '\\377')" "$(printf 'N\\352')=2" "A.B=$(printf '\\302\\n.')" 'QUOTES='"'"'"$(x)\\' \\
  "$@" ${program} "$(printf 'q\\377\\n.')" plain "$(printf '\\357\\277\\275')" "$(printf '\\376')" '' "$(printf '\\0342\\0202')"`;

const start = (script: string, prefix: readonly string[]): Promise<Result> =>
  runProgram('/bin/sh', ['-c', script, 'sh', ...prefix], { cwd: folder() });

const vgrunWords = (...options: readonly string[]) => [process.execPath, cliPath, ...options];

/** What valgrind adds; a shell starts it on Debian, which knows no such names of variables and adds its own. */
const ofValgrind =
  /^variable (?:4e(?:e9|ea)3d|412e42|(?:5057443d|4c445f5052454c4f41443d|4c445f4c4942524152595f504154483d|474c4942435050|474c4942435858))/;
const ofMtrace = /^variable (?:4c445f5052454c4f41443d|564752554e)/;
const ofAsan = /^variable [0-9a-f]*53414e5f4f5054494f4e53/;
const linesOf = ({ stdout }: Result, added: RegExp = /^$/): readonly string[] =>
  stdout
    .split('\n')
    .filter((line) => /^(?:word|variable|in) /.test(line) && !added.test(line))
    .sort();

describe('words and variables that are no UTF-8 are the same without vgrun and', () => {
  test.each([
    ['none', 'valgrind', ofValgrind],
    ['memcheck', 'valgrind', ofValgrind],
    ['mtrace', 'cc', ofMtrace],
    ['gdb', 'gdb', /^$/],
  ])('under %s', { timeout: 60_000 }, async (tool, needed, added) => {
    if (!canRun(needed)) return;
    const bare = await start(hostile('./show'), []);
    expect(linesOf(bare)).toContain('variable 4ee93dff');
    const under = await start(hostile('./show'), vgrunWords(`--tool=${tool}`));
    expect(linesOf(under, added)).toEqual(linesOf(bare, added));
    expect(under.stderr).not.toContain('words-changed');
  });

  test('under mtrace, where nothing but the name of a variable is such', { timeout: 60_000 }, async () => {
    if (!canRun('cc')) return;
    const script =
      'exec /usr/bin/env -i PATH="$PATH" HOME="$HOME" "$(printf \'N\\352\')=2" "$@" ./show plain';
    const bare = await start(script, []);
    expect(linesOf(bare)).toContain('variable 4eea3d32');
    expect(linesOf(await start(script, vgrunWords('--tool=mtrace')), ofMtrace)).toEqual(
      linesOf(bare, ofMtrace),
    );
  });

  test('under asan, also where the program has such a name', { timeout: 60_000 }, async () => {
    if (!canRun('cc')) return;
    const built = `cc -g -w -fsanitize=address -x c -o "$(printf 'a\\377')" - && :`;
    await runProgram('/bin/sh', ['-c', built], { cwd: folder(), input: show });
    const program = `"$(printf './a\\377')"`;
    const bare = await start(hostile(program), []);
    const under = await start(hostile(program), vgrunWords('--tool=asan'));
    expect(linesOf(under, ofAsan)).toEqual(linesOf(bare, ofAsan));
    expect(under.stderr).toContain('clean');
    expect(under.status).toBe(0);
  });
});

test.each([
  ['memcheck', 'valgrind'],
  ['gdb', 'gdb'],
])(
  'a program whose name is no UTF-8 runs under %s, and JSON shows the byte',
  {
    timeout: 60_000,
  },
  async (tool, needed) => {
    if (!canRun(needed)) return;
    const { status, stdout } = await start(
      `exec "$@" "$(printf './na\\357ve')" "$(printf '\\377')"`,
      vgrunWords(`--tool=${tool}`, '--report=json=named.json'),
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^word 2e2f6e61ef7665\nword ff\n/);
    const bytes = await readFile(place('named.json'));
    const report = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Report;
    expect(report.run?.command).toEqual(['./na\\xefve', '\\xff']);
    const { manifest } = await newestRun(folder());
    expect([manifest.command[0], manifest.program]).toEqual(['./na\\xefve', place('na\\xefve')]);
  },
);

test.each([
  ['memcheck', 'valgrind'],
  ['gdb', 'gdb'],
])(
  'a working directory whose path is no UTF-8 stays the one of the program under %s',
  {
    timeout: 60_000,
  },
  async (tool, needed) => {
    if (!canRun(needed)) return;
    const script = `cd "$(printf 'd\\344r')" && exec "$@" ../show`;
    const bare = await start(script, []);
    const before = readdirSync(folder());
    const { status, stdout, stderr } = await start(script, vgrunWords(`--tool=${tool}`));
    expect(status).toBe(0);
    const here = (text: string) => /^in .*/m.exec(text)?.[0];
    expect(here(stdout)).toBe(here(bare.stdout));
    expect(here(stdout)).toMatch(/2f64e472$/);
    expect(stderr).toContain('The path of the working directory is no UTF-8');
    expect(readdirSync(folder())).toEqual(before);
    const kept = /^run: (.*)$/m.exec(stderr)?.[1] ?? '';
    const manifest = JSON.parse(await readFile(join(kept, 'run.json'), 'utf8')) as { directory: string };
    expect(manifest.directory).toBe(place('d\\xe4r'));
  },
);

test('vgrun cgi says that it cannot start in such a directory', { timeout: 60_000 }, async () => {
  const script = `cd "$(printf 'd\\344r')" && exec "$@" ./show http://localhost/show`;
  const { status, stderr } = await start(script, vgrunWords('cgi'));
  expect(stderr).toContain('the path of the working directory is no UTF-8');
  expect(status).toBe(125);
});

test('a request gives a CGI program the bytes that it has, and --env those that it was given', {
  timeout: 60_000,
}, async () => {
  if (!canRun('valgrind')) return;
  const { stdout, stderr } = await start(
    `exec "$@" --env="GIVEN=$(printf '\\376')" ./show 'http://localhost/show/a%FFb?c%FD'`,
    vgrunWords('cgi', '--tool=none', '--show-answers'),
  );
  const variable = (text: string) => `variable ${Buffer.from(text, 'latin1').toString('hex')}`;
  expect(linesOf({ stdout, stderr, status: 0 })).toEqual(
    expect.arrayContaining(['word 63fd', variable('PATH_INFO=/a\xffb'), variable('GIVEN=\xfe')]),
  );
  expect(stderr).not.toContain('no UTF-8');
});

test('an argument that is too long to be kept is told in the report', { timeout: 60_000 }, async () => {
  if (!canRun('valgrind')) return;
  const { stdout } = await start(
    `exec "$@" ./show "$(head -c 40000 /dev/zero | tr '\\000' '\\377')"`,
    vgrunWords('--tool=none', '--report=json=long.json'),
  );
  expect(stdout).toMatch(/^word efbfbdefbfbd/m);
  const { problems } = JSON.parse(await readFile(place('long.json'), 'utf8')) as Report;
  expect(problems.find(({ code }) => code === 'words-changed')).toMatchObject({ level: 'warning' });
});

describe('prlimit, which gives a program its limits back,', () => {
  const limited = (options: string) => `ulimit -S -n 200; "$@" ${options} ./show; status=$?; exit $status`;

  test("is vgrun's own, whatever the PATH of the program has", { timeout: 60_000 }, async () => {
    if (!canRun('gdb')) return;
    await mkdir(place('false-tools'));
    await writeFile(place('false-tools/prlimit'), '#!/bin/sh\necho false prlimit\nexit 3\n');
    await chmod(place('false-tools/prlimit'), 0o755);
    await writeFile(
      place('path.json'),
      JSON.stringify({ environment: { PATH: `${place('false-tools')}:/usr/bin:/bin` } }),
    );
    const { stdout, status } = await start(
      limited(''),
      vgrunWords('--tool=gdb', `--config=${place('path.json')}`),
    );
    expect(stdout).not.toContain('false prlimit');
    expect(stdout).toContain('word 2e2f73686f77');
    expect(status).toBe(0);
  });

  test('is told to be missing where a limit is wanted', { timeout: 60_000 }, async () => {
    if (!canRun('gdb')) return;
    const { stderr, status } = await start(`PATH=/nowhere; ${limited('')}`, vgrunWords('--tool=asan'));
    expect(stderr).toMatch(/--nofile=200:\d+\): prlimit is in no directory of PATH/);
    expect(status).toBe(125);
  });
});
