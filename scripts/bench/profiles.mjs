// `bench profiles`: `vgrun report FILE` as a whole command, against the post-processor that comes with each instrument.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeCachegrind, writeCallgrind } from './cost-files.mjs';
import { writeDhat } from './dhat.mjs';
import { writeMassif } from './massif.mjs';
import { writePerfScript } from './stacks.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const vgrun = [process.execPath, here('../../dist/cli.js'), 'report'];

/**
 * Rows as every bench has, in seconds of processor time, which other work on the machine does not stretch. `quick` takes
 * a fifth of the input and one round.
 */
export async function profilesBench({ quick = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  const size = quick ? 2e7 : 1e8;
  try {
    return [
      { name: 'callgrind.out', write: (file) => writeCallgrind(file, size), theirs: ['callgrind_annotate'] },
      { name: 'cachegrind.out', write: (file) => writeCachegrind(file, size), theirs: ['cg_annotate'] },
      {
        name: 'massif.out',
        write: (file) => void writeMassif(file, quick ? 200 : 1000),
        theirs: ['ms_print'],
      },
      {
        name: 'perf script',
        // Perl is so quick with less that node has only just started.
        write: (file) => void writePerfScript(file, 1e8),
        theirs: ['perl', here('collapse.pl')],
      },
      {
        // dhat has a page for browsers only: this is what it takes to load its file at all.
        name: 'dhat.out',
        write: (file) => writeDhat(file, size),
        theirs: ['python3', '-c', 'import json, sys; json.load(open(sys.argv[1]))'],
        isFloor: true,
      },
    ].flatMap((one) => rowsOf(join(folder, one.name.replace(' ', '.')), one, quick ? 1 : 3));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(file, { name, write, theirs, isFloor = false }, rounds) {
  const total = write(file);
  const size = `${(statSync(file).size / 1e6).toFixed(0)} MB`;
  let own = Number.POSITIVE_INFINITY;
  let other = own;
  // Interleaved, so that a slow moment of the machine hits both; the best of each counts.
  for (let round = 0; round < rounds; round++) {
    own = Math.min(own, processorSeconds([...vgrun, file], total));
    other = Math.min(other, processorSeconds([...theirs, file]));
  }
  rmSync(file);
  return [
    {
      what: `report ${name}, ${size}`,
      measured: `${own.toFixed(2)} s`,
      reference: Number.isFinite(other)
        ? `${other.toFixed(2)} s ${isFloor ? 'json.load' : theirs[0]}`
        : `no ${theirs[0]}`,
      goal: isFloor ? '-' : `faster, is ${(other / own).toFixed(1)} x`,
      ok: isFloor || own < other,
    },
  ];
}

/**
 * User and system time of a command; infinite when there is no such command.
 *
 * @param total what the command has to name in its output.
 */
function processorSeconds(command, total) {
  if (spawnSync('sh', ['-c', 'command -v "$0"', command[0]]).status !== 0) return Number.POSITIVE_INFINITY;
  // The last line of `times` is that of what the shell started: `0m1.230s 0m0.110s`.
  const { stdout, stderr, status } = spawnSync('sh', ['-c', '"$@" || exit; times', 'sh', ...command], {
    encoding: 'latin1',
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`${command.join(' ')} ended with status ${status}: ${stderr}`);
  if (total !== undefined && !stdout.includes(total.toLocaleString('en-US'))) {
    throw new Error(`${command.join(' ')} does not say ${total}`);
  }
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return [...last.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  );
}
