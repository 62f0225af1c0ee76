// What vgrun costs around the instrument: wall time over plain valgrind, time until it starts, the target's stdout.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = join(root, 'dist/cli.js');
const example = (name) => join(root, 'examples-c/build', name);

/** Seconds of a program that both run in turns, so that the noise of the machine meets both alike. */
export async function overheadBench({ quick }) {
  return inFolder(async (folder) => {
    const options = ['--leak-check=full'];
    const plain = (rounds) =>
      run('valgrind', [...options, `--log-file=${folder}/plain.log`, example('busy'), rounds], folder);
    const vgrun = (rounds) => run(process.execPath, [cli, ...options, example('busy'), rounds], folder);

    const [few, many] = [(await plain('10')).seconds, (await plain('60')).seconds];
    const rounds = String(Math.max(1, Math.round(((quick ? 2 : 5) * 50) / (many - few))));
    const times = { plain: [], vgrun: [] };
    for (let i = 0; i < (quick ? 3 : 7); i++) {
      times.plain.push((await plain(rounds)).seconds);
      times.vgrun.push((await vgrun(rounds)).seconds);
    }
    const [ours, theirs] = [median(times.vgrun), median(times.plain)];
    const ratio = ours / theirs;
    return [
      row(
        'wall time over plain valgrind',
        ratio.toFixed(3),
        `${theirs.toFixed(2)} s`,
        '<= 1.03',
        ratio <= 1.03,
      ),
    ];
  });
}

/**
 * Time from the start of vgrun to the first instruction of the instrument, less that of `node -e 0`.
 * The instrument is a small program that notes the time; its `--version` is that of the real one.
 */
export async function startupBench({ quick }) {
  return inFolder(async (folder) => {
    const stub = join(folder, 'valgrind');
    writeFileSync(`${stub}.c`, stubSource);
    execFileSync('cc', ['-O1', '-o', stub, `${stub}.c`]);
    const mark = join(folder, 'mark');
    const times = { node: [], vgrun: [] };
    for (let i = 0; i < (quick ? 9 : 31); i++) {
      times.node.push((await run(process.execPath, ['-e', '0'], folder)).seconds);
      const argv = [cli, `--valgrind=${stub}`, example('clean')];
      const { startedAt } = await run(process.execPath, argv, folder, {
        ...process.env,
        VGRUN_BENCH_MARK: mark,
      });
      times.vgrun.push(Number(readFileSync(mark, 'utf8')) - startedAt);
    }
    const [ours, node] = [median(times.vgrun) * 1000, median(times.node) * 1000];
    const cost = ours - node;
    return [
      row(
        'until valgrind starts, over node',
        `${cost.toFixed(0)} ms`,
        `${node.toFixed(0)} ms`,
        '<= 120 ms',
        cost <= 120,
      ),
    ];
  });
}

const stubSource = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return execvp("valgrind", argv);
  FILE *mark = fopen(getenv("VGRUN_BENCH_MARK"), "w");
  fprintf(mark, "%ld.%09ld", (long)now.tv_sec, now.tv_nsec);
  return fclose(mark);
}
`;

/** The target's stdout through a pipe: the same bytes, as fast. Measured from the first byte to the last. */
export async function stdoutBench({ quick }) {
  return inFolder(async (folder) => {
    const size = quick ? '256' : '1024';
    const plain = ['valgrind', [`--log-file=${folder}/plain.log`, example('print-much'), size]];
    const vgrun = [process.execPath, [cli, example('print-much'), size]];
    const rates = { plain: [], vgrun: [] };
    const sums = new Set();
    for (let i = 0; i < (quick ? 3 : 7); i++) {
      for (const [name, [program, argv]] of Object.entries({ plain, vgrun })) {
        const { bytes, flowed, digest } = await run(program, argv, folder);
        rates[name].push(bytes / flowed / 1e6);
        sums.add(`${bytes} ${digest}`);
      }
    }
    const [ours, theirs] = [median(rates.vgrun), median(rates.plain)];
    const ratio = ours / theirs;
    return [
      row(
        'stdout of the target, bytes',
        sums.size === 1 ? 'equal' : 'differ',
        'valgrind',
        'equal',
        sums.size === 1,
      ),
      row('stdout of the target, MB/s', ours.toFixed(0), theirs.toFixed(0), '>= 0.95 of it', ratio >= 0.95),
    ];
  });
}

function row(what, measured, reference, goal, ok) {
  return { what, measured, reference, goal, ok };
}

function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs to the end and reads stdout on the way; hashing is left out of `flowed` as far as the pipe allows. */
function run(program, argv, cwd, env = process.env) {
  return new Promise((resolve, reject) => {
    const startedAt = (performance.timeOrigin + performance.now()) / 1000;
    const child = spawn(program, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const hash = createHash('sha1');
    let [bytes, first, last] = [0, 0, 0];
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      last = performance.now();
      if (bytes === 0) first = last;
      bytes += chunk.length;
      hash.update(chunk);
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      const seconds = (performance.timeOrigin + performance.now()) / 1000 - startedAt;
      // 101: the stub of the start-up bench writes no report.
      if (status !== 0 && status !== 101) reject(new Error(`${program} ended with ${status}\n${stderr}`));
      else resolve({ seconds, startedAt, bytes, flowed: (last - first) / 1000, digest: hash.digest('hex') });
    });
  });
}
