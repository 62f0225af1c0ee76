// What vgrun costs around a replay: 200 requests to a FastCGI program against a client that does nothing but send them, and CGI
// requests against plain valgrind with the environment set by hand.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = join(root, 'dist/cli.js');
const source = (name) => join(root, 'scripts/bench', name);

/** What vgrun asks of valgrind: deeper stacks cost the program time, whoever asks for them. */
const asVgrun = [
  '--trace-children=yes',
  '--num-callers=25',
  '--keep-debuginfo=yes',
  '--show-leak-kinds=all',
  '--errors-for-leak-kinds=definite,possible',
];

export async function cgiBench({ quick }) {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    const compile = (name) => {
      execFileSync('cc', ['-g', '-O1', '-o', join(folder, name), source(`${name}.c`)]);
      return join(folder, name);
    };
    const [floor, served] = [compile('fastcgi-floor'), compile('fastcgi-work')];
    const url = (work) => `http://localhost/app?${work}`;
    const requests = quick ? 60 : 200;
    const rounds = quick ? 3 : 5;
    const fastcgi = (work, ...more) =>
      vgrun(folder, '--mode=fastcgi', `--repeat=${requests}`, ...more, served, url(work));
    const bare = (work) =>
      Number(
        execFileSync(floor, [
          String(requests),
          work,
          'valgrind',
          ...asVgrun,
          '--leak-check=full',
          '--xml=yes',
          `--xml-file=${folder}/plain.%p.xml`,
          `--log-file=${folder}/plain.%p.log`,
          served,
        ]),
      );
    const rows = [];
    for (const [what, work, options, goal] of [
      ['200 requests of 50 ms, without growth', '4500', ['--no-growth'], 1.03],
      ['200 requests of 50 ms', '4500', [], 1.03],
      ['200 requests of 2 ms', '20', ['--no-growth'], undefined],
    ]) {
      const times = { ours: [], theirs: [] };
      for (let i = 0; i < rounds; i++) {
        times.theirs.push(bare(work));
        times.ours.push(fastcgi(work, ...options));
      }
      rows.push(row(what.replace('200', requests), times, goal));
    }

    const cgi = join(folder, 'fastcgi-work');
    const times = { ours: [], theirs: [] };
    for (let i = 0; i < rounds; i++) {
      const variables = { REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app', QUERY_STRING: '400000', CGI: '1' };
      const from = performance.now();
      const options = [...asVgrun, '--leak-check=full', `--log-file=${folder}/cgi.log`];
      const { status } = spawnSync('valgrind', [...options, cgi], {
        env: { PATH: process.env.PATH, ...variables },
      });
      if (status !== 0) throw new Error(`valgrind ended with ${status}`);
      times.theirs.push((performance.now() - from) / 1000);
      times.ours.push(vgrun(folder, '--mode=cgi', '--env=CGI=1', cgi, url('400000')));
    }
    rows.push(row('one CGI request', times, 1.03));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns seconds. */
function vgrun(folder, ...words) {
  const from = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [cli, 'cgi', '--keep=2', ...words], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`vgrun ended with ${status}: ${stderr}`);
  return (performance.now() - from) / 1000;
}

function row(what, { ours, theirs }, goal) {
  const ratio = median(ours) / median(theirs);
  return {
    what,
    measured: ratio.toFixed(3),
    reference: `${median(theirs).toFixed(2)} s`,
    goal: goal === undefined ? '-' : `<= ${goal}`,
    ok: goal === undefined || ratio <= goal,
  };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
