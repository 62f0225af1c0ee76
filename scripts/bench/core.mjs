// `bench core`: how long `vgrun core` takes and how much memory, against gdb on the same core; and how many of the frames are right
// that it tells of stripped and smashed programs, against what gdb says of the same core with the unstripped twins.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = join(root, 'examples-c', 'gdb');
const cli = join(root, 'dist', 'cli.js');
const gdb = ['gdb', '-nx', '-batch', '-iex', 'set debuginfod enabled off', '-ex', 'set pagination off'];

/** Rows as every bench has. `quick` takes fewer rounds and a core of 0.5 GB. */
export async function coreBench({ quick = false } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    return [
      ...timeRows(directory, quick ? 0.5e9 : 2e9, quick ? 3 : 7),
      ...rightRows(directory),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** 50 threads of an interpreter that was built by others, with so much memory that has to be skipped. */
const threads = `
import threading, os, sys, time
block = bytearray(b'\\x01') * int(float(sys.argv[1]))
def deep(n):
    if n: return deep(n - 1)
    time.sleep(1000)
for _ in range(49): threading.Thread(target=deep, args=(10,), daemon=True).start()
time.sleep(1)
os.abort()
`;

function timeRows(directory, bytes, rounds) {
  const script = join(directory, 'threads.py');
  writeFileSync(script, threads);
  const python = spawnSync('readlink', ['-f', which('python3')], { encoding: 'utf8' }).stdout.trim();
  return [
    ['50 threads of python3', [python, script, String(bytes)], python],
    ['50 threads with -g', [build(directory, 'many-threads', []), String(bytes)], join(directory, 'many-threads')],
  ].flatMap(([what, command, program]) => {
    const core = coreOf(directory, command);
    const times = { gdb: [], vgrun: [] };
    let rssKiB = 0;
    for (let round = 0; round < rounds; round++) {
      times.gdb.push(measured([...gdb, '-ex', 'thread apply all bt', program, core], directory).seconds);
      const ours = measured([process.execPath, cli, 'core', core, program], directory);
      times.vgrun.push(ours.seconds);
      rssKiB = Math.max(rssKiB, ours.rssKiB);
    }
    rmSync(core);
    const [ours, theirs] = [median(times.vgrun), median(times.gdb)];
    return [
      {
        what: `${what}, ${(bytes / 1e9).toFixed(1)} GB core`,
        measured: `${ours.toFixed(2)} s`,
        reference: `gdb ${theirs.toFixed(2)} s`,
        goal: '<= gdb',
        ok: ours <= theirs,
      },
      {
        what: '  memory, with what it starts',
        measured: `${(rssKiB / 1024).toFixed(0)} MiB`,
        reference: '',
        goal: '< 300 MiB',
        ok: rssKiB < 300 * 1024,
      },
    ];
  });
}

/** Each program is built once, and stripped beside that: only the stripped files are given to vgrun. */
function rightRows(directory) {
  return [
    ['stripped program and library', 'stripped-app', ['stripped-lib']],
    ['stripped, without frame pointers', 'stripped-app', ['stripped-lib'], ['-O2', '-fomit-frame-pointer']],
    ['smashed return address', 'smashed-return', []],
    ['smashed, stripped', 'smashed-return', [], [], true],
  ].map(([what, name, libraries, flags = [], isStripped = libraries.length > 0]) => {
    const place = mkdtempSync(join(directory, 'right-'));
    const program = build(place, name, flags, libraries);
    const core = coreOf(place, [program]);
    const expected = expectedFrames(core, program);
    if (isStripped) for (const file of [name, ...libraries.map((library) => `lib${library}.so`)]) strip(place, file);
    const found = foundFrames(core, program, place);
    const right = expected.filter((name) => found.includes(name)).length;
    return {
      what: `${what}: frames that are right`,
      measured: `${right} of ${expected.length}`,
      reference: 'unstripped',
      goal: 'all',
      ok: right === expected.length,
    };
  });
}

function which(name) {
  return spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim();
}
