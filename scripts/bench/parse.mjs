// `bench parse`: how fast valgrind's XML becomes findings, against the XML parsers of npm and Python's expat, and how much
// memory a gigabyte of it takes.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const samples = ['invalid-rw', 'invalid-free', 'syscall-param', 'leaks', 'mismatched', 'uninit-value'];
const DISTINCT = 200;

/**
 * Rows: { what, measured, reference, goal, ok } as every bench has, and `mbPerSecond`, `rssMiB` where they apply.
 * `quick` takes a fifth of the input and one round.
 */
export async function parseBench({ quick = false } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    const module = await bundle(
      join(directory, 'reader.mjs'),
      "export { valgrindXml } from './src/tools/_shared/valgrind-xml.ts';" +
        "export { interpretMemcheck } from './src/tools/memcheck/parse.ts';",
    );
    const megabytes = quick ? 20 : 100;
    const file = join(directory, 'findings.xml');
    const bytes = writeInput(file, megabytes * 1e6);
    const readers = ['vgrun', 'saxes', 'saxen', 'htmlparser2'];
    if (spawnSync('python3', ['-c', 'import xml.parsers.expat']).status === 0) readers.push('expat (Python)');

    // Interleaved, so that a slow moment of the machine hits all of them.
    const measured = new Map(readers.map((name) => [name, []]));
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      for (const name of readers) measured.get(name).push(measure(name, file, module));
    }
    const results = readers.map((name) => summarise(name, measured.get(name), bytes));
    checkSameJob(results);
    const [vgrun, ...others] = results;
    const fastest = others
      .filter(({ name }) => !name.startsWith('expat'))
      .reduce((best, next) => (next.mbPerSecond > best.mbPerSecond ? next : best));

    const large = join(directory, 'large.xml');
    const largeBytes = writeInput(large, quick ? 2e8 : 1e9);
    const memory = measure('vgrun', large, module);
    const rssMiB = memory.rssKiB / 1024;

    printTable(results);
    const size = `${(largeBytes / 1e9).toFixed(1)} GB, ${memory.findings} findings, ${DISTINCT} distinct`;
    process.stdout.write(`  memory: ${rssMiB.toFixed(0)} MiB at most for ${size}\n`);
    return [
      ...results.map((result) => ({
        what: `parse with ${result.name}`,
        measured: `${result.mbPerSecond.toFixed(0)} MB/s`,
        reference: `${vgrun.mbPerSecond.toFixed(0)} MB/s`,
        goal: result === vgrun ? `faster than ${fastest.name}` : '-',
        ok: result !== vgrun || vgrun.mbPerSecond > fastest.mbPerSecond,
        mbPerSecond: result.mbPerSecond,
        rssMiB: result.rssMiB,
      })),
      {
        what: 'peak memory of parsing',
        measured: `${rssMiB.toFixed(0)} MiB`,
        reference: size,
        goal: 'under 300 MB',
        ok: memory.rssKiB * 1024 < 300e6,
        rssMiB,
      },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One document of recorded errors in DISTINCT variants, again and again with fresh ids. Returns its size. */
function writeInput(file, size) {
  const documents = samples.map((name) =>
    readFileSync(`${root}test/corpus/memcheck/${name}-xml-3.19/input.xml`, 'latin1'),
  );
  const errors = documents.flatMap((text) => text.match(/<error>[\s\S]*?<\/error>\n/g) ?? []);
  const head = documents[0].slice(0, documents[0].indexOf('<error>'));
  const variants = Array.from({ length: DISTINCT }, (_, index) =>
    errors[index % errors.length]
      .replace(/ *<suppression>[\s\S]*?<\/suppression>\n/, '')
      // Another place in the program: the frames of libraries stay the same, as they do.
      .replace(
        /<ip>0x(10\w{4})<\/ip>/g,
        (_, ip) => `<ip>0x${(parseInt(ip, 16) + index * 64).toString(16)}</ip>`,
      )
      .replace(/<fn>main<\/fn>/g, `<fn>step_${index}</fn>`)
      .split(/(?<=<unique>0x)[\da-f]+/),
  );
  const descriptor = openSync(file, 'w');
  let written = writeSync(descriptor, head);
  for (let unique = 0; written < size; ) {
    let block = '';
    for (const [before, after] of variants) block += `${before}${(unique++).toString(16)}${after}\n`;
    written += writeSync(descriptor, block, null, 'latin1');
  }
  written += writeSync(
    descriptor,
    '<status>\n  <state>FINISHED</state>\n  <time>00:00:10:00.000 </time>\n</status>\n\n</valgrindoutput>\n',
  );
  closeSync(descriptor);
  return written;
}

function measure(name, file, module) {
  const command = name.startsWith('expat')
    ? ['python3', [here('parse-expat.py'), file]]
    : [process.execPath, [here('parse-worker.mjs'), name, file, module]];
  return JSON.parse(execFileSync(...command, { encoding: 'utf8', cwd: root }));
}

function summarise(name, runs, bytes) {
  const times = runs.map(({ ms }) => ms).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  return {
    name,
    mbPerSecond: bytes / 1e3 / median,
    rssMiB: Math.max(...runs.map(({ rssKiB }) => rssKiB)) / 1024,
    job: runs.map(
      ({ findings, stacks, frames }) => `${findings} findings, ${stacks} stacks, ${frames} frames`,
    )[0],
  };
}

function checkSameJob(results) {
  for (const { name, job } of results) {
    if (job !== results[0].job) throw new Error(`${name} found ${job}, vgrun ${results[0].job}`);
  }
}

function printTable(results) {
  const [vgrun] = results;
  process.stdout.write(
    `  ${vgrun.job}\n  ${'reader'.padEnd(16)}${'MB/s'.padStart(8)}${'vgrun is'.padStart(12)}${'peak MiB'.padStart(12)}\n`,
  );
  for (const { name, mbPerSecond, rssMiB } of results) {
    const ratio = `${(vgrun.mbPerSecond / mbPerSecond).toFixed(1)} x`;
    process.stdout.write(
      `  ${name.padEnd(16)}${mbPerSecond.toFixed(0).padStart(8)}${ratio.padStart(12)}${rssMiB.toFixed(0).padStart(12)}\n`,
    );
  }
}
