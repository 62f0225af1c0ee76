// What the tests of `vgrun cgi` share: small programs that do what they are asked, and the ways to start vgrun on them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../src/model/report.ts';
import type { ReplayedRequest } from '../../src/model/request.ts';
import { compileC, newestRun, type Options, type Result, vgrun } from './vgrun.ts';

/** A CGI program that does what its query says. */
const obedient = `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int is(const char *what) { return strcmp(getenv("QUERY_STRING"), what) == 0; }
int main(void) {
  char folder[4096];
  int read = 0;
  if (is("hang")) for (;;) pause();
  if (is("crash")) raise(SIGSEGV);
  if (is("malformed")) { printf("no header\\n"); return 0; }
  printf("Content-Type: text/plain\\r\\n");
  if (is("cookie")) printf("Set-Cookie: sid=SECRET-answer; Path=/\\r\\n");
  printf("\\r\\n");
  if (is("input")) {
    for (int byte = getchar(); byte != EOF; byte = getchar()) read++;
    printf("read %d of %s, then %s\\n", read, getenv("CONTENT_LENGTH"), feof(stdin) ? "the end" : "an error");
    printf("stands in %s\\n", getcwd(folder, sizeof folder));
  }
  printf("HTTP_PROXY is %s\\n", getenv("HTTP_PROXY") ? getenv("HTTP_PROXY") : "not there");
  fprintf(stderr, "said to stderr\\n");
  return is("three") ? 3 : 0;
}
`;

/** A FastCGI program on libfcgi that is odd in the way that its argument names. */
const odd = `
#include <fcgi_stdio.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  int most = strcmp(how, "retires") == 0 ? atoi(argv[2]) : 1000000;
  if (strcmp(how, "listens") == 0) {
    int own = FCGX_OpenSocket(getenv("LISTEN_AT"), 5);
    if (own < 0 || dup2(own, 0) != 0) return 9;
  }
  if (strcmp(how, "forks") == 0 && fork() != 0) fork();
  for (int number = 0; number < most && FCGI_Accept() >= 0; number++) {
    char *lost = malloc(77);
    lost = NULL;
    if (strcmp(how, "deaf") == 0) { signal(SIGTERM, SIG_IGN); signal(SIGINT, SIG_IGN); }
    if (strcmp(how, "silent") == 0) { signal(SIGINT, SIG_IGN); for (;;) pause(); }
    printf("Content-Type: text/plain\\r\\n\\r\\nrequest %d\\n", number + 1);
    fprintf(stderr, "said to the error stream\\n");
  }
  FCGI_Finish();
  return 0;
}
`;

/** Compiles the obedient program to `DIRECTORY/obedient`. @returns its path. */
export function compileObedient(directory: string, ...flags: readonly string[]): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'obedient');
  if (flags.length === 0) compileC(path, obedient);
  else execFileSync('cc', ['-g', '-w', ...flags, '-x', 'c', '-o', path, '-'], { input: obedient });
  return path;
}

/** Compiles the odd program to `DIRECTORY/odd`. @returns its path. */
export function compileOdd(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'odd');
  const words = ['-g', '-w', '-I/usr/include/fastcgi', '-x', 'c', '-o', path, '-', '-lfcgi'];
  execFileSync('cc', words, { input: odd });
  return path;
}

/** Starts `vgrun cgi words…`. */
export function cgi(words: readonly string[], options: Options): Promise<Result> {
  return vgrun(['cgi', ...words], options);
}

export interface Replayed extends Result {
  readonly report: Report;
  readonly requests: readonly ReplayedRequest[];
  /** Absolute path of the run directory. */
  readonly directory: string;
}

/** Starts `vgrun cgi words…` and reads the JSON report, and where the run is. */
export async function replayed(words: readonly string[], options: Options): Promise<Replayed> {
  const file = join(options.cwd, 'replayed.json');
  const result = await vgrun(['cgi', `--report=json=${file}`, ...words], options);
  const report = readReport(file, result);
  const { path } = await newestRun(options.cwd);
  return { ...result, report, requests: report.replay?.requests ?? [], directory: path };
}

function readReport(file: string, { status, stderr }: Result): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    throw new Error(`no report (status ${status}):\n${stderr}`);
  }
}

/** The variables that print-environment answered, as `NAME=VALUE`, sorted. */
export function printedVariables(answer: string): readonly string[] {
  const [, number = '0', rest = ''] = /environment (\d+)\n([\s\S]*)/.exec(answer) ?? [];
  return rest.split('\0').slice(0, Number(number)).sort();
}

/** What the valgrind of a distribution sets besides. */
export const setByValgrind =
  /^(?:LD_PRELOAD|LD_LIBRARY_PATH|GLIBCPP_FORCE_NEW|GLIBCXX_FORCE_NEW|PWD|OLDPWD|SHLVL|_)=/;

/** Names of the launches of a run. */
export function launchesIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('launch-'))
    .sort();
}
