// `bench cost-files`: how fast a large callgrind.out and cachegrind.out become a report, against the post-processors that
// come with valgrind, and how much memory that takes.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const worker = fileURLToPath(new URL('cost-files-worker.mjs', import.meta.url));
const goal = 3;

/**
 * Rows as every bench has. Each reference is started the way that makes it do least: no source is annotated, and as for
 * vgrun the time is that of the whole process. `quick` takes a tenth of the input.
 */
export async function costFilesBench({ quick = false } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    const bundle = await bundleAnalysis(directory);
    const size = quick ? 1e7 : 1e8;
    const rows = [];
    for (const { tool, write, reference } of [
      {
        tool: 'callgrind',
        write: writeCallgrind,
        reference: ['callgrind_annotate', '--inclusive=yes', '--threshold=100', '--auto=no'],
      },
      { tool: 'cachegrind', write: writeCachegrind, reference: ['cg_annotate', '--auto=no'] },
    ]) {
      const file = join(directory, `${tool}.out`);
      const total = write(file, size);
      const own = measure(process.execPath, [worker, file, bundle]);
      const other = measure(reference[0], [...reference.slice(1), file]);
      const result = JSON.parse(own.output);
      if (result.total !== total)
        throw new Error(`vgrun found ${result.total} instructions, written were ${total}`);
      // `1,234,567 (100.0%)  PROGRAM TOTALS`
      const [, told = ''] = /^ *([\d,]+)[^\n]*PROGRAM TOTALS/m.exec(other.output) ?? [];
      if (Number(told.replaceAll(',', '')) !== total) {
        throw new Error(`${reference[0]} found ${told} instructions, written were ${total}`);
      }
      const times = other.ms / own.ms;
      const memory = result.rssKiB / 1024;
      rows.push({
        what: `${tool}.out, ${size / 1e6} MB`,
        measured: `${(own.ms / 1e3).toFixed(1)} s`,
        reference: `${(other.ms / 1e3).toFixed(1)} s`,
        goal: `${goal} x, is ${times.toFixed(1)} x`,
        ok: times >= goal,
      });
      rows.push({
        what: `  peak memory, ${(result.lines / 1e6).toFixed(1)} M lines`,
        measured: `${memory.toFixed(0)} MiB`,
        reference: `${(result.readMs / 1e3).toFixed(1)} s to read`,
        goal: 'under 2 GiB',
        ok: memory < 2048,
      });
    }
    return rows;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function bundleAnalysis(directory) {
  const outfile = join(directory, 'analysis.mjs');
  await build({
    stdin: {
      contents:
        "export { readerFor } from './src/tools/readers.ts'; export { analyze } from './src/analyze/index.ts';",
      resolveDir: root,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'error',
  });
  return outfile;
}

function measure(program, argv) {
  const start = performance.now();
  const { stdout, stderr, status, error } = spawnSync(program, argv, {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw error ?? new Error(`${program} ended with status ${status}: ${stderr}`);
  return { ms: performance.now() - start, output: stdout };
}

/** The same numbers on every machine, from 0 below `limit`. */
function numbers() {
  let seed = 1;
  return (limit) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };
}

function writer(file) {
  const descriptor = openSync(file, 'w');
  let block = '';
  let written = 0;
  const flush = () => {
    written += writeSync(descriptor, block);
    block = '';
  };
  return {
    line: (text) => {
      block += `${text}\n`;
      if (block.length > 1 << 20) flush();
    },
    written: () => written + block.length,
    end: () => {
      flush();
      closeSync(descriptor);
    },
  };
}

const name = (index) =>
  `library::module_${index % 500}::Worker<std::pair<int, long> >::step_${index}(std::vector<int> const&)`;

/** As of a C++ program with cache simulation: numbered names, relative lines, inlined code. Returns its instructions. */
function writeCallgrind(file, size) {
  const random = numbers();
  const { line, written, end } = writer(file);
  const known = new Set();
  const named = (kind, index, text) => {
    const key = `${kind}${index}`;
    if (known.has(key)) return `(${index + 1})`;
    known.add(key);
    return `(${index + 1}) ${text}`;
  };
  const path = (index) => `/home/user/project/source/module_${index}/worker_${index}.cpp`;
  const events = 'Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw';
  line('# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 1\ncmd: ./program\npart: 1\n');
  line(`desc: Trigger: Program termination\n\npositions: line\nevents: ${events}\n`);
  const totals = new Array(9).fill(0);
  const costs = (least) => {
    const values = [least + random(5000)];
    const count = random(3) === 0 ? 3 + random(6) : random(3);
    for (let index = 0; index < count; index++) values.push(random(index < 2 ? 900 : 20));
    return values;
  };
  for (let index = 0; written() < size; index++) {
    if (index % 400 === 0) line(`ob=${named('o', index / 400, `/usr/lib/libpart_${index / 400}.so`)}`);
    line(`fl=${named('f', Math.floor(index / 20), path(Math.floor(index / 20)))}`);
    line(`fn=${named('n', index, name(index))}`);
    const first = 500 + random(3000);
    let step = `${first}`;
    for (let rest = 10 + random(60); rest > 0; rest--) {
      if (random(12) === 0) {
        const inlined = random(200);
        line(`fi=${named('f', 1e6 + inlined, `/usr/include/c++/12/bits/header_${inlined}.h`)}`);
        for (let lines = random(4); lines >= 0; lines--) {
          const own = costs(1);
          for (const [column, cost] of own.entries()) totals[column] += cost;
          line(`${100 + random(900)} ${own.join(' ')}`);
        }
        line(`fe=(${Math.floor(index / 20) + 1})`);
        step = `${first + 100 - rest}`;
      }
      const own = costs(1);
      for (const [column, cost] of own.entries()) totals[column] += cost;
      line(`${step} ${own.join(' ')}`);
      if (random(4) === 0) {
        const callee = random(50) === 0 ? index : index + 1 + random(30);
        const file = Math.floor(callee / 20);
        if (file !== Math.floor(index / 20)) line(`cfi=${named('f', file, path(file))}`);
        line(`cfn=${named('n', callee, name(callee))}`);
        line(`calls=${1 + random(100)} +${random(90)} \n* ${costs(1000).join(' ')}`);
      }
      step = ['+1', '+2', '-3', '+5', '*'][random(5)];
    }
    line('');
  }
  line(`totals: ${totals.join(' ')}`);
  end();
  return totals[0];
}

/** As with cache simulation: whole names, all costs of each line. Returns its instructions. */
function writeCachegrind(file, size) {
  const random = numbers();
  const { line, written, end } = writer(file);
  line('cmd: ./program\nevents: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw');
  const totals = new Array(9).fill(0);
  for (let index = 0; written() < size; index++) {
    if (index % 20 === 0) line(`fl=/home/user/project/source/module_${index / 20}/worker_${index / 20}.cpp`);
    line(`fn=${name(index)}`);
    let at = 10 + random(3000);
    for (let rest = 10 + random(60); rest > 0; rest--) {
      const own = totals.map((_, column) => random(column % 3 === 0 ? 5000 : 20));
      for (const [column, cost] of own.entries()) totals[column] += cost;
      line(`${(at += 1 + random(4))} ${own.join(' ')}`);
    }
  }
  line(`summary: ${totals.join(' ')}`);
  end();
  return totals[0];
}
