// `bench massif`: how fast a large massif file is read, against valgrind's own ms_print on the same file, and how much
// memory twice as many snapshots of the same places take.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const worker = fileURLToPath(new URL('massif-worker.mjs', import.meta.url));

/** Rows: { what, measured, reference, goal, ok } as every bench has. `quick` takes a fifth of the input, one round. */
export async function massifBench({ quick = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    const module = await bundle(
      join(folder, 'massif.mjs'),
      "export { massifReader } from './src/tools/massif/parse.ts';",
    );
    const snapshots = quick ? 200 : 1000;
    const file = join(folder, 'massif.out');
    const bytes = writeMassif(file, snapshots);
    const half = join(folder, 'half.out');
    writeMassif(half, snapshots / 2);
    const rounds = quick ? 1 : 3;
    const own = best(rounds, () => timed(process.execPath, [worker, file, module]));
    const size = `${(bytes / 1e6).toFixed(0)} MB`;
    const read = JSON.parse(own.stdout);
    const smaller = JSON.parse(timed(process.execPath, [worker, half, module]).stdout);
    const rss = (kib) => `${(kib / 1024).toFixed(0)} MiB`;
    process.stdout.write(`  ${size}, ${read.snapshots} snapshots, ${read.rows} rows of trees\n`);
    const rows = [
      {
        what: 'peak memory of reading massif.out',
        measured: rss(read.rssKiB),
        reference: `${rss(smaller.rssKiB)} for half`,
        goal: 'under 300 MB',
        ok: read.rssKiB * 1024 < 300e6,
      },
    ];
    if (spawnSync('ms_print', ['--version']).error === undefined) {
      const theirs = best(rounds, () => timed('ms_print', [file]));
      rows.unshift({
        what: `read ${size} of massif.out`,
        measured: `${(own.ms / 1000).toFixed(2)} s`,
        reference: `${(theirs.ms / 1000).toFixed(2)} s`,
        goal: 'faster than ms_print',
        ok: own.ms < theirs.ms && read.problems.length === 0,
      });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function timed(program, words) {
  const start = performance.now();
  const stdout = execFileSync(program, words, { encoding: 'latin1', maxBuffer: 1e9 });
  return { ms: performance.now() - start, stdout };
}

function best(rounds, measure) {
  const runs = Array.from({ length: rounds }, measure);
  return runs.sort((a, b) => a.ms - b.ms)[0];
}

/**
 * Snapshots of one program with some hundred call paths, 8 to 30 calls deep; each snapshot has most of them, in other
 * sizes and so in another order. Returns the size of the file.
 */
export function writeMassif(file, snapshots) {
  let seed = 1;
  const random = (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 0x100000000) * below);
  };
  const labels = Array.from({ length: 3000 }, (_, index) => {
    const name = [
      'std::vector<std::pair<int, double> >::push_back',
      'app::index::insert',
      'parse_line',
      'main',
    ][index % 4];
    return `0x${(0x10a000 + index * 37).toString(16).toUpperCase()}: ${name}_${index}(unsigned long, char const*) (source_${index % 90}.cpp:${index % 900})`;
  });
  // Paths grow out of each other, so that they share what is near the allocation.
  const paths = [];
  for (let index = 0; index < 90; index++) {
    const from = paths.length > 0 && random(3) > 0 ? paths[random(paths.length)] : [];
    const shared = from.slice(0, random(from.length + 1));
    paths.push(
      [...shared, ...Array.from({ length: 4 + random(16) }, () => random(labels.length))].slice(0, 30),
    );
  }
  const descriptor = openSync(file, 'w');
  let written = writeSync(
    descriptor,
    'desc: --detailed-freq=1 --max-snapshots=1000\ncmd: ./demo\ntime_unit: i\n',
  );
  for (let number = 0; number < snapshots; number++) {
    const tree = { bytes: 0, callers: new Map() };
    for (const path of paths) {
      const bytes = random(5) === 0 ? 0 : 1000 + random(100000);
      if (bytes === 0) continue;
      let at = tree;
      at.bytes += bytes;
      for (const label of path) {
        if (!at.callers.has(label)) at.callers.set(label, { bytes: 0, callers: new Map() });
        at = at.callers.get(label);
        at.bytes += bytes;
      }
    }
    const lines = [];
    print(tree, '(heap allocation functions) malloc/new/new[], --alloc-fns, etc.', 0, labels, lines);
    const kind = number === Math.floor(snapshots / 2) ? 'peak' : 'detailed';
    written += writeSync(
      descriptor,
      `#-----------\nsnapshot=${number}\n#-----------\ntime=${number * 5000}\nmem_heap_B=${tree.bytes}\nmem_heap_extra_B=${random(9999)}\nmem_stacks_B=0\nheap_tree=${kind}\n${lines.join('')}`,
    );
  }
  closeSync(descriptor);
  return written;
}

function print({ bytes, callers }, label, depth, labels, lines) {
  lines.push(`${' '.repeat(depth)}n${callers.size}: ${bytes} ${label}\n`);
  const sorted = [...callers].sort(([, a], [, b]) => b.bytes - a.bytes);
  for (const [caller, node] of sorted) print(node, labels[caller], depth + 1, labels, lines);
}
