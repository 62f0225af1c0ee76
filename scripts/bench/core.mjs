// `bench core`: when `vgrun core` says its first word and its last, and how much memory it takes, against gdb on the same core; and how
// many frames of stripped and smashed programs are right: their addresses are named by the unstripped twins, and the names are those
// that the sources say.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = join(root, 'examples-c', 'gdb');
const cli = join(root, 'dist', 'cli.js');

/** Rows as every bench has. `quick` takes fewer rounds and a core of 0.5 GB. */
export async function coreBench({ quick = false } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    return [...(await timeRows(directory, quick ? 5e8 : 2e9, quick ? 3 : 7)), ...rightRows(directory)];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A program that others wrote, with 50 threads and much memory that has to be passed over. */
const threads = `
import os, sys, threading, time
block = bytearray(b'\\x01') * int(float(sys.argv[1]))
def deep(n):
    if n: return deep(n - 1)
    time.sleep(1000)
for _ in range(49): threading.Thread(target=deep, args=(10,), daemon=True).start()
time.sleep(1)
os.abort()
`;

async function timeRows(directory, bytes, rounds) {
  const script = join(directory, 'threads.py');
  writeFileSync(script, threads);
  const python = execFileSync('python3', ['-c', 'import os, sys; print(os.path.realpath(sys.executable))'], {
    encoding: 'utf8',
  }).trim();
  const core = coreOf(directory, [python, script, String(bytes)]);
  const gdb = ['gdb', '-nx', '-batch', '-iex', 'set debuginfod enabled off', '-ex', 'thread apply all bt'];
  const times = { first: [], all: [], gdb: [] };
  let rssKiB = 0;
  for (let round = 0; round < rounds; round++) {
    times.gdb.push((await timed([...gdb, python, core], directory)).all);
    const ours = await timed([process.execPath, cli, 'core', core, python], directory);
    times.first.push(ours.first);
    times.all.push(ours.all);
    rssKiB = Math.max(rssKiB, residentKiB([process.execPath, cli, 'core', core, python], directory));
  }
  rmSync(core);
  const [first, all, theirs] = [median(times.first), median(times.all), median(times.gdb)];
  const size = `${(bytes / 1e9).toFixed(1)} GB core, 50 threads`;
  const row = (what, ms, goal, ok) => ({
    what: `${size}: ${what}`,
    measured: `${(ms / 1000).toFixed(2)} s`,
    reference: `gdb ${(theirs / 1000).toFixed(2)} s`,
    goal,
    ok,
  });
  return [
    row('first answer', first, '<= all of gdb', first <= theirs),
    row('report with values', all, 'none', true),
    {
      what: `${size}: memory`,
      measured: `${(rssKiB / 1024).toFixed(0)} MiB`,
      reference: '-',
      goal: '< 300 MiB',
      ok: rssKiB < 300 * 1024,
    },
  ];
}

/** ms to the first byte that is written, and to the end. */
function timed([file, ...words], cwd) {
  return new Promise((resolve) => {
    const begin = performance.now();
    const child = spawn(file, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let first;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', () => {
        first ??= performance.now() - begin;
      });
    }
    child.once('close', () => resolve({ first: first ?? Number.NaN, all: performance.now() - begin }));
  });
}

/** The largest of the process and what it starts. */
function residentKiB(command, cwd) {
  const script =
    'import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)';
  return Number(execFileSync('python3', ['-c', script, ...command], { cwd, encoding: 'utf8' }));
}

const stripped = ['digit_at', 'number_in', 'parse_record', 'read_all', 'main'];
const smashed = ['fill', 'handle', 'main'];

function rightRows(directory) {
  const rows = [];
  const add = (what, expected, found) => {
    const right = commonLength(expected, found);
    rows.push({
      what: `right frames: ${what}`,
      measured: `${right} of ${expected.length}`,
      reference: 'the unstripped twin',
      goal: 'all',
      ok: right === expected.length,
    });
  };
  for (const flags of [['-O0'], ['-O1'], ['-O2', '-fomit-frame-pointer']]) {
    const place = mkdtempSync(join(directory, 'stripped-'));
    const library = build(place, 'stripped-lib', [...flags, '-fPIC', '-shared', '-o', 'libstripped.so']);
    const program = build(place, 'stripped-app', [
      ...flags,
      '-o',
      'app',
      '-L.',
      '-lstripped',
      '-Wl,-rpath,$ORIGIN',
    ]);
    add(`stripped, ${flags.join(' ')}`, stripped, framesOf(place, [program], [program, library]));
  }
  for (const how of ['far', 'near', 'zero']) {
    for (const flags of [['-O0'], ['-O0', '-fomit-frame-pointer']]) {
      const place = mkdtempSync(join(directory, 'smashed-'));
      const program = build(place, 'smashed-return', [...flags, '-fno-stack-protector', '-o', 'app']);
      const what = `smashed and stripped (${how}), ${flags.join(' ')}`;
      add(what, smashed, framesOf(place, [program, how], [program]));
    }
  }
  return rows;
}

function build(place, source, words) {
  execFileSync('cc', ['-g', '-w', join(examples, `${source}.c`), ...words], { cwd: place });
  return join(place, words[words.indexOf('-o') + 1]);
}

/** Names that the twins have for the frames that are told with nothing but stripped files. */
function framesOf(place, command, files) {
  const twins = join(place, 'twins');
  mkdirSync(twins);
  for (const file of files) {
    copyFileSync(file, join(twins, basename(file)));
    execFileSync('strip', [file]);
  }
  const core = coreOf(place, command);
  const { stdout } = spawnSync(process.execPath, [cli, 'core', '--report', 'json=-', core, command[0]], {
    cwd: place,
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  const frames = JSON.parse(stdout).stops[0].threads[0].frames.filter(({ trust }) => trust !== 'doubtful');
  return frames.map(({ object = '', offset, function: name }) => {
    if (!files.includes(object)) return name;
    const twin = join(twins, basename(object));
    return execFileSync('addr2line', ['-f', '-e', twin, offset], { encoding: 'utf8' }).split('\n')[0];
  });
}

/** How many of the names come in this order, beginning with the first. */
function commonLength(expected, found) {
  let at = 0;
  for (const name of found) if (name === expected[at]) at++;
  return at;
}

function coreOf(place, [file, ...words]) {
  spawnSync('prlimit', ['--core=unlimited', file, ...words], { cwd: place, stdio: 'ignore' });
  const name = readdirSync(place).find((entry) => /^core(\.\d+)?$/.test(entry));
  if (name === undefined) throw new Error('the kernel wrote no core here: see /proc/sys/kernel/core_pattern');
  return join(place, name);
}

function median(values) {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)];
}
