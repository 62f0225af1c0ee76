// `bench sanitizers`: what --tool=asan costs over the bare program, and how fast a sanitizer's log is read, against the
// fastest way in which Node can find the lines of a file.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Rows as every bench has. `quick` takes fewer rounds; the log is 100 MB in any case, or starting node would be all there is. */
export async function sanitizersBench({ quick = false } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    return [...wallRows(directory, quick), ...(await readingRows(directory, quick ? 1 : 5))];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Both run in turns, so that the noise of the machine meets both alike. */
function wallRows(directory, quick) {
  const source = join(root, 'examples-c', 'busy.c');
  return ['gcc', 'clang'].flatMap((compiler) => {
    const program = join(directory, `busy-${compiler}`);
    const words = ['-g', '-O1', '-fsanitize=address', '-fno-omit-frame-pointer', '-o', program, source];
    if (spawnSync(compiler, words).status !== 0) return [];
    const bare = (rounds) => seconds(program, [rounds], directory);
    const [few, many] = [bare('100'), bare('1100')];
    const rounds = String(Math.max(1, Math.round(((quick ? 3 : 8) * 1000) / (many - few))));
    const times = { bare: [], vgrun: [] };
    for (let round = 0; round < (quick ? 3 : 7); round++) {
      times.bare.push(bare(rounds));
      times.vgrun.push(
        seconds(process.execPath, [join(root, 'dist/cli.js'), '--tool=asan', program, rounds], directory),
      );
    }
    const [ours, theirs] = [median(times.vgrun), median(times.bare)];
    return [
      {
        what: `wall time over the bare program, ${compiler}`,
        measured: (ours / theirs).toFixed(3),
        reference: `${theirs.toFixed(2)} s`,
        goal: '<= 1.03',
        ok: ours / theirs <= 1.03,
      },
    ];
  });
}

async function readingRows(directory, rounds) {
  const module = await bundle(
    join(directory, 'reader.mjs'),
    "export { sanitizerReader } from './src/tools/_shared/sanitizer-log.ts';",
  );
  const file = join(directory, 'sanitizer.log');
  const large = join(directory, 'large.log');
  const reports = writeSanitizerLog(file, 1e8);
  writeSanitizerLog(large, 1e9);
  const measure = (what, path) =>
    JSON.parse(
      execFileSync(process.execPath, [here('sanitizers-worker.mjs'), what, path, module], {
        encoding: 'utf8',
      }),
    );
  const own = [];
  const lines = [];
  for (let round = 0; round < rounds; round++) {
    lines.push(measure('lines', file));
    own.push(measure('read', file));
  }
  if (own[0].findings !== reports)
    throw new Error(`${own[0].findings} findings were read of ${reports} reports`);
  const [ours, floor] = [median(own.map(({ ms }) => ms)), median(lines.map(({ ms }) => ms))];
  const rate = (ms) => `${(statSync(file).size / 1e3 / ms).toFixed(0)} MB/s`;
  const ten = measure('read', large).rssKiB / 1024;
  return [
    {
      what: `sanitizer log, 100 MB, ${reports} reports`,
      measured: `${rate(ours)}, ${(ours / floor).toFixed(1)} x`,
      reference: `${rate(floor)} to find the lines`,
      goal: 'at most 4 x',
      ok: ours <= 4 * floor,
    },
    {
      what: 'peak memory for 1.0 GB',
      measured: `${ten.toFixed(0)} MiB`,
      reference: `${(own[0].rssKiB / 1024).toFixed(0)} MiB for a tenth`,
      goal: 'under 150 MiB',
      ok: ten < 150,
    },
  ];
}

function seconds(program, argv, cwd) {
  const start = performance.now();
  const { status, stderr } = spawnSync(program, argv, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return (performance.now() - start) / 1000;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/**
 * A server's log of a build that goes on after errors: 400 places, reported again and again, each time for another address.
 *
 * @returns how many reports it has.
 */
export function writeSanitizerLog(file, size) {
  const descriptor = openSync(file, 'w');
  let reports = 0;
  for (let written = 0; written < size; ) {
    let block = '';
    while (block.length < 1e6) {
      block += reports % 4 === 3 ? overflowOf(reports) : overrunOf(reports);
      reports++;
    }
    written += writeSync(descriptor, block, null, 'latin1');
  }
  closeSync(descriptor);
  return reports;
}

const hex = (number) => `0x${number.toString(16).padStart(12, '0')}`;

function stackOf(place, depth) {
  let text = '';
  for (let at = 0; at < depth; at++) {
    const name = (place * 7 + at * 13) % 900;
    text += `    #${at} ${hex(0x55d0_0000_0000 + name * 4096 + place)} in demo::engine::Node<int, std::less<int> >::step_${name}(demo::Context&, unsigned long) const /home/user/demo/src/part_${name % 40}.cpp:${10 + ((name * 3 + place) % 900)}:${1 + (name % 60)}\n`;
  }
  return `${text}    #${depth} ${hex(0x7f00_0002_4249)} in __libc_start_call_main ../sysdeps/nptl/libc_start_call_main.h:58\n\n`;
}

function overrunOf(number) {
  const place = number % 300;
  const address = hex(0x6020_0000_0010 + number * 32);
  const shadow = Array.from(
    { length: 11 },
    (_, row) => `${row === 5 ? '=>' : '  '}${hex(0xc04_7fff_8000 + row * 16)}:${' fa'.repeat(16)}\n`,
  ).join('');
  return `=================================================================
==4242==ERROR: AddressSanitizer: heap-buffer-overflow on address ${address} at pc ${hex(0x55d0_0000_1000 + place)} bp 0x7ffe50de3930 sp 0x7ffe50de3928
READ of size 4 at ${address} thread T0
${stackOf(place, 9)}${address} is located 0 bytes to the right of 16-byte region [${hex(0x6020_0000_0000 + number * 32)},${address})
allocated by thread T0 here:
    #0 0x7f307d8b89cf in __interceptor_malloc ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:69
${stackOf(place + 1, 7)}SUMMARY: AddressSanitizer: heap-buffer-overflow /home/user/demo/src/part_1.cpp:12:3 in demo::engine::Node<int, std::less<int> >::step(demo::Context&, unsigned long) const
Shadow bytes around the buggy address:
${shadow}Shadow byte legend (one shadow byte represents 8 application bytes):
  Addressable:           00
  Partially addressable: 01 02 03 04 05 06 07
  Heap left redzone:       fa
`;
}

function overflowOf(number) {
  const place = number % 100;
  return `/home/user/demo/src/sum_${place % 20}.cpp:${20 + place}:9: runtime error: signed integer overflow: 2147483647 + ${1 + (number % 50)} cannot be represented in type 'int'
${stackOf(place, 5)}SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior /home/user/demo/src/sum_${place % 20}.cpp:${20 + place}:9 in
`;
}
