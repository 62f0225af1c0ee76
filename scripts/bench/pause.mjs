// `bench pause`: for how long a thread that works, one of 50, is held when the stacks of its process are read, seen from inside: by
// vgrun, by eu-stack and by gdb, in turns, on the same process.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
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
    preferHeartbeat(pid);
    const looks = {
      nobody: () => spawnSync('sleep', ['0.2']),
      vgrun: () => run(process.execPath, [join(root, 'dist/cli.js'), 'stacks', pid], folder),
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
    return ['eu-stack', 'gdb']
      .filter((name) => spawnSync(name, ['--version']).error === undefined)
      .map((name) => ({
        what: `pause of vgrun stacks, ${name}`,
        measured: ms('vgrun'),
        reference: ms(name),
        goal: 'no longer',
        ok: median.vgrun <= median[name],
      }));
  } finally {
    target.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The heartbeat goes before others where that is allowed (root): what is measured is for how long it is held, and not what else needs
 * a processor, be it the one who looks.
 */
function preferHeartbeat(pid) {
  for (const lwp of readdirSync(`/proc/${pid}/task`)) {
    if (readFileSync(`/proc/${pid}/task/${lwp}/comm`, 'utf8').trim() !== 'heartbeat') continue;
    try {
      setPriority(Number(lwp), -20);
    } catch {
      process.stdout.write('  not root: the gaps also have what other programs take of the processors\n');
    }
  }
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
