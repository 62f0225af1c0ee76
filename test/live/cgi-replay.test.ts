// What becomes of a replay against a CGI program: its outcome, its end by Ctrl-C or worse, what is stored, and what is kept secret.
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { cgiExamplePath } from '../cgi-examples.ts';
import { canRun } from '../project.ts';
import { cgi, compileObedient, launchesIn, type Replayed, replayed } from './replayed.ts';
import { newestRun, processesWith, testFolder, until, vgrun } from './vgrun.ts';

const folder = testFolder();
const obedient = () => join(folder(), 'programs', 'obedient');
const url = (query: string) => `http://localhost/obedient?${query}`;

beforeAll(() => {
  mkdirSync(join(folder(), 'user', '.git'), { recursive: true });
  compileObedient(join(folder(), 'programs'));
});
const cwd = () => join(folder(), 'user');

describe.skipIf(!canRun('valgrind'))('a replay', () => {
  for (const [query, status, outcome, ...options] of [
    ['fine', 0, 'clean'],
    ['malformed', 1, 'failed'],
    ['fine', 1, 'failed', '--expect=status=404'],
    ['three', 3, 'failed'],
    ['crash', 139, 'failed'],
    ['hang', 101, 'inconclusive', '--timeout=1s'],
  ] as const) {
    test(`of a request for ${[query, ...options].join(' ')} is ${outcome} with status ${status}`, async () => {
      const { report, stdout, ...run } = await replayed(['--tool=none', ...options, obedient(), url(query)], {
        cwd: cwd(),
      });
      expect([report.outcome, run.status], report.reasons.join('\n')).toEqual([outcome, status]);
      expect(stdout).toBe('');
      const said = run.stderr.includes('said to stderr\n');
      expect(said).toBe(query === 'fine' || query === 'three');
      // Of a program that was stopped, an answer is missing and not wrong.
      const [only] = run.requests;
      expect([only?.faults.length, only?.unmet.length, only?.lost.length]).toEqual([
        query === 'malformed' || query === 'crash' ? 1 : 0,
        options[0]?.startsWith('--expect') === true ? 1 : 0,
        query === 'hang' ? 1 : 0,
      ]);
      expect(await processesWith(obedient())).toEqual([]);
    });
  }

  test('that is shown to somebody who has seen enough goes on to its report', async () => {
    const words = ['--tool=none', '--show-answers', cgiExamplePath('whole-page')];
    const { status, stderr } = await cgi([...words, 'http://localhost/whole-page?rows=90000'], {
      cwd: cwd(),
      onStart: ({ stdout }) => stdout?.once('data', () => stdout.destroy()),
    });
    expect([status, stderr]).toEqual([0, expect.stringContaining('clean: ')]);
  });

  test('shows answers whole, one after the other, though they come at once', async () => {
    const urls = ['700', '800', '900'].map((rows) => `http://localhost/whole-page?rows=${rows}`);
    const words = ['--tool=none', '--show-answers', '-j3', cgiExamplePath('whole-page'), ...urls];
    const { stdout, requests, directory } = await replayed(words, { cwd: cwd() });
    const answers = requests.map(({ number }) =>
      readFileSync(join(directory, `answer-${number}.http`), 'latin1'),
    );
    const shown = stdout.split(/(?=Content-Type: )/);
    // Not toEqual: what would be shown of a difference is long.
    expect(shown.sort().join('') === answers.sort().join('')).toBe(true);
  });

  test('that is interrupted ends soon, says what it found, and what it did not send', async () => {
    const urls = ['fine', 'hang', 'hang', 'fine', 'fine'].map(url);
    const { status, report, requests, directory } = await replayed(
      ['-j2', '--tool=none', obedient(), ...urls],
      {
        cwd: cwd(),
        onStart: async (child) => {
          await until('both to hang', async () => {
            const waiting = await processesWith(obedient());
            return waiting.filter((pid) => pid !== child.pid).length === 2 && launches() === 3;
          });
          child.kill('SIGINT');
        },
      },
    );
    expect([status, report.outcome]).toEqual([130, 'inconclusive']);
    expect(report.reasons).toEqual(
      expect.arrayContaining([
        'The program was interrupted.',
        'The replay ended before 2 of 5 requests were sent.',
      ]),
    );
    expect(requests.map(({ sent, lost }) => [sent, lost])).toEqual([
      [1, []],
      [1, ['the replay was interrupted']],
      [1, ['the replay was interrupted']],
      [0, []],
      [0, []],
    ]);
    expect(requests.flatMap(({ faults }) => faults)).toEqual([]);
    const { endedAt, stoppedBy, launches: started } = await manifestOf(directory);
    expect([endedAt !== undefined, stoppedBy, started?.length]).toEqual([true, 'interrupt', 3]);
    expect(await processesWith(obedient())).toEqual([]);
  });

  /** So many launches has the replay that goes on. */
  const launches = () => {
    const runs = join(cwd(), '.vgrun', 'runs');
    return launchesIn(join(runs, readdirSync(runs).sort().at(-1) ?? '')).length;
  };

  test('that was killed can be read as far as it came', async () => {
    const { status } = await cgi([cgiExamplePath('query-leak'), ...leakThen(obedientHang())], {
      cwd: cwd(),
      onStart: async (child) => {
        await until('the second start', () => launches() === 2);
        child.kill('SIGKILL');
      },
    });
    expect(status).toBe(137);
    const { path } = await newestRun(cwd());
    for (const pid of await processesWith(path)) process.kill(pid, 'SIGKILL');
    const { report, status: later } = await reported(path);
    expect([later, report.outcome]).toEqual([101, 'inconclusive']);
    expect(report.reasons.join()).toContain('vgrun was ended before the run was');
    expect(report.findings.filter(({ error }) => error)).toHaveLength(1);
  });

  /** query-leak waits for the end of its input, and gets one of many megabytes. */
  const obedientHang = () => {
    writeFileSync(join(cwd(), 'long.bin'), Buffer.alloc(4 * 1024 * 1024, 'x'));
    return ['curl', 'http://localhost/query-leak', '--data-binary', '@long.bin'];
  };
  const leakThen = (words: readonly string[]) => ['http://localhost/query-leak?name=leak', ...words];
});

const manifestOf = async (directory: string): Promise<RunManifest> =>
  JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8'));

async function reported(...paths: readonly string[]): Promise<{ report: Report; status: number }> {
  const { stdout, stderr, status } = await vgrun(['report', '--report=json=-', ...paths], { cwd: cwd() });
  if (stdout === '') throw new Error(stderr);
  return { report: JSON.parse(stdout) as Report, status };
}

describe.skipIf(!canRun('valgrind'))('the directory of a replay', () => {
  let run: Replayed;
  beforeAll(async () => {
    const urls = ['leak', 'clean'].map((name) => `http://localhost/query-leak?name=${name}`);
    run = await replayed([cgiExamplePath('query-leak'), ...urls], { cwd: cwd() });
  });

  test('is reported again as it was, alone and beside another', async () => {
    const again = await reported(run.directory);
    expect([again.status, again.report.outcome]).toEqual([100, 'findings']);
    expect(again.report.findings).toEqual(run.report.findings);
    expect(again.report.replay).toEqual(run.report.replay);
    const copy = join(folder(), 'copy');
    cpSync(run.directory, copy, { recursive: true });
    const both = await reported(run.directory, copy);
    expect(both.report.findings.find(({ error }) => error)?.leak).toMatchObject({ bytes: 200, blocks: 2 });
  });

  test('gives a diff, suppressions and a baseline', async () => {
    const go = (...words: readonly string[]) => vgrun(words, { cwd: cwd() });
    expect(await go('diff', run.directory, run.directory)).toMatchObject({ status: 0 });
    const suppressions = await go('suppress', run.directory);
    expect(suppressions.stdout).toContain('fun:lose_query');
    expect(await go('baseline', 'update', '--baseline=known.txt', run.directory)).toMatchObject({
      status: 0,
    });
    expect(readFileSync(join(cwd(), 'known.txt'), 'utf8')).toContain('lose_query');
    expect((await go('report', '--baseline=known.txt', run.directory)).status).toBe(0);
  });

  for (const [what, damage, said] of [
    ['a launch is gone', (at: string) => rmSync(join(at, 'launch-1'), { recursive: true }), 'launch-1'],
    [
      'the record of a launch is damaged',
      (at: string) => writeFileSync(join(at, 'launch-2', 'run.json'), '{"version":1'),
      'is damaged',
    ],
    [
      'the log of a launch is cut off',
      (at: string) => {
        const log = readdirSync(join(at, 'launch-2')).find((name) => name.endsWith('.xml')) ?? '';
        truncateSync(join(at, 'launch-2', log), statSync(join(at, 'launch-2', log)).size / 2);
      },
      'has lost',
    ],
    [
      'all launches are gone',
      (at: string) => {
        for (const name of launchesIn(at)) rmSync(join(at, name), { recursive: true });
      },
      'launch-1',
    ],
  ] as const) {
    test(`is never clean when ${what}`, async () => {
      const copy = join(folder(), 'damaged');
      cpSync(run.directory, copy, { recursive: true });
      damage(copy);
      const { report, status } = await reported(copy);
      expect([status, report.outcome]).toEqual([101, 'inconclusive']);
      expect(report.reasons.join('\n')).toContain(said);
      rmSync(copy, { recursive: true });
    });
  }
});

describe.skipIf(!canRun('valgrind'))('a secret', () => {
  const formats = ['json', 'html', 'sarif', 'junit', 'markdown', 'pretty', 'github', 'gitlab'];
  const capture = [
    'POST /obedient?token=SECRET-query HTTP/1.1',
    'Host: localhost',
    'Cookie: session=SECRET-cookie; theme=SECRET-too',
    'Authorization: Bearer SECRET-bearer',
    'Proxy: http://SECRET-proxy/',
    'X-Api-Key: SECRET-key',
    'Content-Type: application/x-www-form-urlencoded',
    'Content-Length: 24',
    '',
    'password=SECRET-password',
  ].join('\r\n');
  const filesIn = (directory: string) =>
    readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const withSecrets = (directory: string) =>
    filesIn(directory)
      .filter(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1').includes('SECRET'))
      .map(({ name }) => name);

  beforeAll(() => {
    writeFileSync(join(folder(), 'capture.txt'), capture);
    const answered = capture.replace('token=SECRET-query', 'cookie');
    writeFileSync(join(folder(), 'answered.txt'), answered);
  });

  test('of a request is in no report, and in no file of the run', async () => {
    const reports = join(folder(), 'reports');
    mkdirSync(reports);
    const { stdout, stderr } = await cgi(
      [
        '--tool=none',
        ...formats.map((format) => `--report=${format}=${join(reports, `report.${format}`)}`),
        obedient(),
        join(folder(), 'capture.txt'),
      ],
      { cwd: cwd() },
    );
    expect(readdirSync(reports)).toHaveLength(formats.length);
    expect(withSecrets(reports)).toEqual([]);
    expect(withSecrets((await newestRun(cwd())).path)).toEqual([]);
    expect(stdout + stderr).not.toContain('SECRET');
  });

  test('is stored only on demand, for the user alone; and a proxy that is named is no HTTP_PROXY', async () => {
    const words = ['--tool=none', '--keep-requests', '--show-answers', obedient()];
    const { stdout, directory } = await replayed([...words, join(folder(), 'answered.txt')], { cwd: cwd() });
    expect(stdout).toContain('HTTP_PROXY is not there');
    // Shown as it came, stored without the value of the cookie.
    expect(stdout).toContain('Set-Cookie: sid=SECRET-answer');
    const answer = readFileSync(join(directory, 'answer-1.http'), 'latin1');
    expect(answer).toMatch(/^Set-Cookie: sid=\*+; Path=\/\r$/m);
    expect(answer).toHaveLength(stdout.length);
    expect(withSecrets(directory)).toEqual(['request-1.http']);
    const kept = join(directory, 'request-1.http');
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    const { requests } = await replayed([...words.slice(0, 1), obedient(), kept], { cwd: cwd() });
    expect(requests).toMatchObject([
      { method: 'POST', answered: 1, target: expect.stringContaining('cookie') },
    ]);
  });
});

describe('many requests at once', () => {
  test.skipIf(!canRun('cc'))('are all answered, and nothing warns of them', async () => {
    const program = compileObedient(join(folder(), 'built'), '-fsanitize=undefined');
    const urls = Array.from({ length: 50 }, (_, at) => `http://localhost/obedient?${at}`);
    const { status, stderr, requests, directory } = await replayed(
      ['--tool=ubsan', '-j16', '--repeat=4', program, ...urls],
      { cwd: cwd() },
    );
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('MaxListeners')]);
    expect(requests.map(({ sent, answered }) => [sent, answered])).toEqual(Array(50).fill([4, 4]));
    const { launches } = await manifestOf(directory);
    expect(launches).toEqual(Array.from({ length: 200 }, (_, at) => `launch-${at + 1}`));
  });
});
