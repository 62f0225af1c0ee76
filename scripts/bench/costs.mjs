// `bench costs`: what each instrument costs on one program, in processor time and memory: the figures of docs/sanitizers.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** A quarter of the time each: arrays, short-lived blocks, strings, two threads that take turns with a mutex. */
const source = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int rounds;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long shared;
static unsigned long sums(void) {
  static unsigned table[4096];
  unsigned long sum = 0;
  for (int r = 0; r < rounds * 500; r++)
    for (int i = 1; i < 4096; i++) sum += table[i] = table[i - 1] * 31u + (unsigned)r;
  return sum;
}
static unsigned long blocks(void) {
  unsigned long sum = 0;
  char *kept[64] = {0};
  for (int r = 0; r < rounds * 40000; r++) {
    char **slot = &kept[r % 64];
    free(*slot);
    *slot = malloc((size_t)(16 + r % 200));
    (*slot)[0] = (char)r;
    sum += (unsigned char)(*slot)[0];
  }
  for (int i = 0; i < 64; i++) free(kept[i]);
  return sum;
}
static unsigned long strings(void) {
  unsigned long sum = 0;
  char text[64];
  for (int r = 0; r < rounds * 8000; r++) {
    snprintf(text, sizeof text, "%d-%s", r, "words");
    sum += strlen(text) + (unsigned)(strcmp(text, "500-words") == 0);
  }
  return sum;
}
static void *turns(void *unused) {
  (void)unused;
  for (int r = 0; r < rounds * 15000; r++) {
    pthread_mutex_lock(&lock);
    shared++;
    pthread_mutex_unlock(&lock);
  }
  return 0;
}
int main(int argc, char **argv) {
  rounds = argc > 1 ? atoi(argv[1]) : 10;
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], 0, turns, 0);
  unsigned long sum = sums() + blocks() + strings();
  for (int i = 0; i < 2; i++) pthread_join(threads[i], 0);
  printf("%lu\\n", sum + shared);
  return 0;
}
`;

const sanitizerFlags = { asan: 'address', ubsan: 'undefined', lsan: 'leak', tsan: 'thread', msan: 'memory' };

/** Rows as every bench has; nothing is promised, so none can miss. */
export async function costsBench({ quick = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    writeFileSync(join(folder, 'load.c'), source);
    const plain = compile(folder, 'gcc', 'plain', []);
    const rounds = quick ? '20' : '100';
    const measure = (command) => best(() => run([...command, rounds], folder), quick);
    const idle = (command) => best(() => run([...command, '0'], folder), quick);
    const bare = measure([plain]);
    const row = (what, command) => {
      const under = measure(command);
      // Starting the instrument, and for two of them node and the report, is paid once.
      const start = idle(command);
      return {
        what,
        measured:
          under.status === 0
            ? `${((under.seconds - start.seconds) / bare.seconds).toFixed(1)} x`
            : `status ${under.status}`,
        reference: `${bare.seconds.toFixed(2)} s bare; start ${start.seconds.toFixed(2)} s; ${under.peakMiB.toFixed(0)} MiB, bare ${bare.peakMiB.toFixed(0)}`,
        goal: '-',
        ok: true,
      };
    };
    const rows = [
      ...[
        ['memcheck'],
        ['memcheck', '--track-origins=yes'],
        ['helgrind'],
        ['drd'],
        ['massif'],
        ['dhat'],
        ['callgrind'],
      ].map(([tool, ...options]) =>
        row([tool, ...options].join(' '), [
          'valgrind',
          '-q',
          ...[tool, ...options].map((word, at) => (at === 0 ? `--tool=${word}` : word)),
          plain,
        ]),
      ),
      ...['mtrace', 'heaptrack'].map((tool) =>
        row(tool, [process.execPath, cli, `--tool=${tool}`, '-q', plain]),
      ),
    ];
    for (const compiler of ['gcc', 'clang']) {
      for (const [tool, name] of Object.entries(sanitizerFlags)) {
        const program = compile(folder, compiler, `${tool}-${compiler}`, [`-fsanitize=${name}`]);
        if (program !== undefined) rows.push(row(`${tool}, ${compiler}`, [program]));
      }
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compile(folder, compiler, name, flags) {
  const program = join(folder, name);
  const words = ['-g', '-O1', '-fno-omit-frame-pointer', '-pthread', ...flags];
  return spawnSync(compiler, [...words, '-o', program, join(folder, 'load.c')]).status === 0
    ? program
    : undefined;
}

function best(measure, quick) {
  const runs = Array.from({ length: quick ? 1 : 3 }, measure);
  return runs.reduce((least, one) => (one.seconds < least.seconds ? one : least));
}

/** User and system seconds of a command and its children, and the most memory that one of them had. */
function run(command, cwd) {
  const script =
    'import resource, subprocess, sys\n' +
    'status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode\n' +
    'used = resource.getrusage(resource.RUSAGE_CHILDREN)\n' +
    'print(status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)';
  const { stdout } = spawnSync('python3', ['-c', script, ...command], { cwd, encoding: 'utf8' });
  const [status, seconds, peakMiB] = stdout.trim().split(' ').map(Number);
  return { status, seconds, peakMiB };
}
