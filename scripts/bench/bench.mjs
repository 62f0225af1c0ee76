// `npm run bench [-- NAME…] [--quick]`: measures what the project promises, each as a ratio taken in one run.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { overheadBench, startupBench, stdoutBench } from './overhead.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

const benches = {
  overhead: overheadBench,
  startup: startupBench,
  stdout: stdoutBench,
  parse: async (options) => (await import('./parse.mjs')).parseBench(options),
  'cost-files': async (options) => (await import('./cost-files.mjs')).costFilesBench(options),
  stacks: async (options) => (await import('./stacks.mjs')).stacksBench(options),
  pause: async (options) => (await import('./pause.mjs')).pauseBench(options),
  massif: async (options) => (await import('./massif.mjs')).massifBench(options),
  costs: async (options) => (await import('./costs.mjs')).costsBench(options),
  cgi: async (options) => (await import('./cgi.mjs')).cgiBench(options),
  sanitizers: async (options) => (await import('./sanitizers.mjs')).sanitizersBench(options),
  core: async (options) => (await import('./core.mjs')).coreBench(options),
  profiles: async (options) => (await import('./profiles.mjs')).profilesBench(options),
  reporters: async (options) => (await import('./reporters.mjs')).reportersBench(options),
};

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const chosen = words.filter((word) => !word.startsWith('-'));
const usage = `npm run bench [-- NAME…] [--quick]; names: ${Object.keys(benches).join(', ')}\n`;
if (words.includes('--help')) {
  process.stdout.write(usage);
  process.exit(0);
}
const unknown = words.find((word) => !(word in benches) && word !== '--quick');
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no "${unknown}": ${usage}`);
  process.exit(2);
}

if (!existsSync(`${root}dist/cli.js`)) execFileSync('npm', ['run', '--silent', 'build'], { cwd: root });
execFileSync('make', ['-s', '-C', `${root}examples-c`]);

let misses = 0;
for (const name of chosen.length > 0 ? chosen : Object.keys(benches)) {
  process.stdout.write(`\n${name}\n`);
  const rows = await benches[name]({ quick });
  // parse prints a table of its own: its rows have other columns.
  if (name !== 'parse') {
    for (const { what, measured, reference, goal, ok } of rows) {
      process.stdout.write(
        `  ${what.padEnd(34)} ${measured.padStart(12)}  against ${reference.padEnd(12)} goal ${goal.padEnd(20)} ${ok ? 'ok' : 'miss'}\n`,
      );
    }
  }
  misses += rows.filter(({ ok }) => ok === false).length;
}
process.exitCode = misses === 0 ? 0 : 1;
