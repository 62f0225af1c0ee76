// `bench cost-files`: how fast a large callgrind.out and cachegrind.out become a report, against the post-processors that
// come with valgrind, and how much memory that takes.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const worker = fileURLToPath(new URL('cost-files-worker.mjs', import.meta.url));
/** Times as fast as the tool's own post-processor. */
const goals = { callgrind: 3, cachegrind: 1 };

/**
 * Rows as every bench has. Each reference is started the way that makes it do least: no source is annotated, and as for
 * vgrun the time is that of the whole process. `quick` takes a tenth of the input.
 */
export async function costFilesBench({ quick = false } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    const module = await bundle(
      join(directory, 'analysis.mjs'),
      "export { readerFor } from './src/tools/readers.ts'; export { analyze } from './src/analyze/index.ts';",
    );
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
      // Interleaved, so that a slow moment of the machine hits both; the best of each counts.
      let own = { ms: Number.POSITIVE_INFINITY };
      let other = own;
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        own = faster(own, measure(process.execPath, [worker, file, module]));
        other = faster(other, measure(reference[0], [...reference.slice(1), file]));
      }
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
        goal: `${goals[tool]} x, is ${times.toFixed(1)} x`,
        ok: times >= goals[tool],
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

function measure(program, argv) {
  const start = performance.now();
  const { stdout, stderr, status, error } = spawnSync(program, argv, {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw error ?? new Error(`${program} ended with status ${status}: ${stderr}`);
  return { ms: performance.now() - start, output: stdout };
}

function faster(a, b) {
  return b.ms < a.ms ? b : a;
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
export function writeCallgrind(file, size) {
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
  const objectOf = (index) => Math.floor(index / 400);
  const fileOf = (index) => Math.floor(index / 20);
  /** By function: what it spent with its calls, as far as no caller has been charged with it. */
  const uncharged = [];
  const call = (from, callee, values) => {
    if (objectOf(callee) !== objectOf(from)) line(`cob=(${objectOf(callee) + 1})`);
    if (fileOf(callee) !== fileOf(from)) line(`cfi=(${fileOf(callee) + 1})`);
    line(`cfn=(${callee + 1})`);
    line(`calls=${1 + random(100)} +${random(90)} \n* ${values.join(' ').replace(/(?: 0)+$/, '')}`);
  };
  let functions = 0;
  for (; written() < size; functions++) {
    const index = functions;
    line(`ob=${named('o', objectOf(index), `/usr/lib/libpart_${objectOf(index)}.so`)}`);
    line(`fl=${named('f', fileOf(index), path(fileOf(index)))}`);
    line(`fn=${named('n', index, name(index))}`);
    const spent = new Array(9).fill(0);
    const spend = (at) => {
      const own = costs(1);
      for (const [column, cost] of own.entries()) {
        totals[column] += cost;
        spent[column] += cost;
      }
      line(`${at} ${own.join(' ')}`);
    };
    const first = 500 + random(3000);
    let step = `${first}`;
    for (let rest = 10 + random(60); rest > 0; rest--) {
      if (random(12) === 0) {
        const inlined = random(200);
        line(`fi=${named('f', 1e6 + inlined, `/usr/include/c++/12/bits/header_${inlined}.h`)}`);
        for (let lines = random(4); lines >= 0; lines--) spend(100 + random(900));
        line(`fe=(${fileOf(index) + 1})`);
        step = `${first + 100 - rest}`;
      }
      spend(step);
      if (random(200) === 0) call(index, index, costs(1000));
      // What is called stands before what calls it, so that the costs of calls can add up.
      const callee = index - 1 - random(30);
      if (random(4) === 0 && callee >= 0) {
        const all = random(3) === 0;
        const values = uncharged[callee].map((cost) => (all ? cost : Math.floor(cost / 2)));
        for (const [column, cost] of values.entries()) {
          uncharged[callee][column] -= cost;
          spent[column] += cost;
        }
        if (values[0] > 0) call(index, callee, values);
      }
      step = ['+1', '+2', '-3', '+5', '*'][random(5)];
    }
    uncharged.push(spent);
    line('');
  }
  line(`fl=(1)\nfn=(${functions + 1}) main\n20 7`);
  totals[0] += 7;
  for (const [callee, values] of uncharged.entries()) if (values[0] > 0) call(functions, callee, values);
  line('');
  line(`totals: ${totals.join(' ')}`);
  end();
  return totals[0];
}

/** As with cache simulation: whole names, all costs of each line. Returns its instructions. */
export function writeCachegrind(file, size) {
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
      at += 1 + random(4);
      line(`${at} ${own.join(' ')}`);
    }
  }
  line(`summary: ${totals.join(' ')}`);
  end();
  return totals[0];
}
