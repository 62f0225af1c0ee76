// `bench pause`: for how long a thread that works, one of 50, is held when the stacks of its process are read, seen from inside: by
// vgrun, by eu-stack and by gdb, in turns, on the same process.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = join(root, 'examples-c/gdb/heartbeat.c');

/** Rows: { what, measured, reference, goal, ok } as every bench has. `quick` takes fewer rounds. */
export async function pauseBench({ quick = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  const program = join(folder, 'heartbeat');
  execFileSync('cc', ['-gdwarf-4', '-O1', '-pthread', '-o', program, source]);
  const beats = join(folder, 'beats');
  const target = spawn(program, [beats, '600'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((ready, failed) => {
      target.stdout.once('data', ready);
      target.once('error', failed);
    });
    const pid = String(target.pid);
    const looks = {
      nobody: () => spawnSync('sleep', ['0.2']),
      // What any program takes from another one by sharing the processors with it, which is no hold: node, and vgrun in it.
      'node, which does nothing': () => run(process.execPath, ['-e', ''], folder),
      'all of vgrun stacks': () => run(process.execPath, [join(root, 'dist/cli.js'), 'stacks', pid], folder),
      sampler: () => sample(pid, folder),
      'eu-stack': () => run('eu-stack', ['-p', pid], folder),
      gdb: () => run('gdb', ['-nx', '-batch', '-p', pid, '-ex', 'thread apply all bt'], folder),
    };
    // One after the other in each round, so that what else the machine does falls upon all alike.
    const gaps = Object.fromEntries(Object.keys(looks).map((name) => [name, []]));
    for (let round = 0; round < (quick ? 5 : 25); round++) {
      for (const [name, look] of Object.entries(looks)) gaps[name].push(longestGap(beats, look));
    }
    const median = {};
    for (const [name, all] of Object.entries(gaps)) {
      all.sort((a, b) => a - b);
      median[name] = all[all.length >> 1];
      process.stdout.write(
        `  the heartbeat's longest gap, ${name}: median ${median[name].toFixed(2)} ms, worst ${all.at(-1).toFixed(2)} ms\n`,
      );
    }
    const ms = (name) => `${median[name].toFixed(2)} ms`;
    // Of two that are alike, the medians of so many rounds differ by a tenth from run to run.
    const noise = 1.1;
    return ['eu-stack', 'gdb']
      .filter((name) => spawnSync(name, ['--version']).error === undefined)
      .map((name) => ({
        what: `vgrun stacks holds a process, against ${name}`,
        measured: ms('sampler'),
        reference: ms(name),
        goal: 'no longer, within a tenth',
        ok: median.sampler <= noise * median[name],
      }));
  } finally {
    target.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The part of `vgrun stacks` that holds the process, without what finds names when it runs again. */
function sample(pid, folder) {
  const configuration = join(folder, 'sampler.json');
  const request = { pid: Number(pid), directory: folder, samples: 1, intervalMs: 1, maxPauseMs: 500 };
  writeFileSync(configuration, JSON.stringify({ ...request, parent: process.pid }));
  run('/usr/bin/python3', ['-I', '-S', join(root, 'dist/gdb/sample.py'), configuration], folder);
}

function run(program, words, cwd) {
  spawnSync(program, words, { cwd, stdio: 'ignore' });
}

/** ms: the longest time for which the heartbeat did not run while something was done. */
function longestGap(beats, look) {
  const file = openSync(beats, 'r+');
  const longest = Buffer.alloc(8);
  writeSync(file, longest, 0, 8, 0);
  look();
  readSync(file, longest, 0, 8, 0);
  closeSync(file);
  return Number(longest.readBigUInt64LE()) / 1e6;
}
