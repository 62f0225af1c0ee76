// Holds `vgrun cgi` to plain valgrind with the environment set by hand, for real programs: cgit, git-http-backend and fcgiwrap.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Frame, Leak } from '../../src/model/finding.ts';
import type { Report } from '../../src/model/report.ts';
import { valgrindXml } from '../../src/tools/_shared/valgrind-xml.ts';
import { capturePath, cgiExamplePath } from '../cgi-examples.ts';
import { canRun } from '../project.ts';
import { readWith } from '../recordings.ts';
import { runProgram, testFolder, vgrunReport } from './vgrun.ts';

const folder = testFolder();

const cgit = firstOf('/usr/lib/cgit/cgit.cgi', '/var/www/cgi-bin/cgit');
const gitHttpBackend = firstOf(
  '/usr/lib/git-core/git-http-backend',
  '/usr/libexec/git-core/git-http-backend',
);
const fcgiwrap = firstOf('/usr/sbin/fcgiwrap', '/usr/bin/fcgiwrap');

/** The program where a distribution has it; in CI it must be there. */
function firstOf(...places: readonly string[]): string | undefined {
  return places.find((place) => existsSync(place)) ?? (process.env.CI === 'true' ? places[0] : undefined);
}

/** Both sides get these: vgrun alone would ask for longer stacks. */
const options: readonly string[] = ['--leak-check=full', '--num-callers=20'];

/** What a GET of `SCRIPT_NAME` + `path` needs of a server, as somebody would write it into a shell. */
interface ByHand {
  readonly path: string;
  readonly query: string;
}

beforeAll(async () => {
  await makeRepository(folder());
  await writeFile(
    join(folder(), 'cgitrc'),
    [
      'virtual-root=/cgit/',
      'cache-size=0',
      'enable-index-owner=0',
      'repo.url=project',
      `repo.path=${folder()}/repository/.git`,
      'repo.desc=A project',
      '',
    ].join('\n'),
  );
});

describe.skipIf(!canRun('valgrind') || !canRun('git') || cgit === undefined)('cgit', () => {
  const requests: readonly ByHand[] = [
    { path: '/project/', query: '' },
    { path: '/project/log/', query: 'ofs=0' },
    { path: '/project/diff/', query: 'id=HEAD' },
  ];

  test('three captured requests give the findings that plain valgrind gives by hand', async () => {
    const capture = await writeCapture('cgit.txt', '/cgit', requests);
    const { report } = await vgrunReport(
      ['--script-name=/cgit', `--env=CGIT_CONFIG=${folder()}/cgitrc`, ...options, cgit ?? '', capture],
      { cwd: folder(), command: 'cgi' },
    );
    expect(report.replay?.requests.map(({ answer, faults }) => [answer?.status, faults])).toEqual(
      Array(3).fill([200, []]),
    );
    const byHand = await Promise.all(
      requests.map((request) =>
        runByHand(cgit ?? '', '/cgit', request, { CGIT_CONFIG: `${folder()}/cgitrc` }),
      ),
    );
    expect(byHand.flat().length).toBeGreaterThan(3);
    expect(ofReport(report)).toEqual(summed(byHand.flat()));
    expect(summed(await ofLogs(report.run?.directory ?? ''))).toEqual(summed(byHand.flat()));
  });

  test('plain valgrind says the same of it each time, so that it can be compared with', async () => {
    const [request] = requests;
    const twice = [1, 2].map(() =>
      runByHand(cgit ?? '', '/cgit', request ?? { path: '/', query: '' }, {
        CGIT_CONFIG: `${folder()}/cgitrc`,
      }),
    );
    const [first, second] = await Promise.all(twice);
    expect(summed(first ?? [])).toEqual(summed(second ?? []));
    expect(first).not.toEqual([]);
  });
});

describe.skipIf(!canRun('valgrind') || !canRun('git') || gitHttpBackend === undefined)(
  'git-http-backend',
  () => {
    test('what it finds in itself and in the git that it starts is what plain valgrind finds', async () => {
      const requests: readonly ByHand[] = [
        { path: '/repository/.git/HEAD', query: '' },
        { path: '/repository/.git/info/refs', query: 'service=git-upload-pack' },
      ];
      const own = { GIT_PROJECT_ROOT: folder(), GIT_HTTP_EXPORT_ALL: '1', HOME: folder() };
      const capture = await writeCapture('git.txt', '/git', requests);
      const { report } = await vgrunReport(
        [
          '--script-name=/git',
          ...Object.entries(own).map(([name, value]) => `--env=${name}=${value}`),
          ...options,
          gitHttpBackend ?? '',
          capture,
        ],
        { cwd: folder(), command: 'cgi' },
      );
      const byHand = [];
      for (const request of requests)
        byHand.push(...(await runByHand(gitHttpBackend ?? '', '/git', request, own)));
      expect(ofReport(report)).toEqual(summed(byHand));
      // The second request is answered by a git of its own, which is a process of that request.
      expect(report.processes.filter((process) => process.request === 2).length).toBeGreaterThan(1);
    });
  },
);

describe.skipIf(!canRun('valgrind') || fcgiwrap === undefined)('fcgiwrap', () => {
  test('is a FastCGI program; the leak in the CGI program that it starts is found', async () => {
    const program = cgiExamplePath('query-leak');
    const { report } = await vgrunReport(
      [`--env=SCRIPT_FILENAME=${program}`, fcgiwrap ?? '', capturePath('query-leak.txt')],
      { cwd: folder(), command: 'cgi' },
    );
    expect(report.replay).toMatchObject({ mode: 'fastcgi' });
    expect(report.replay?.requests.map((request) => request.answer?.status)).toEqual([200, 200, 200, 200]);
    const lost = report.findings.filter((finding) => finding.kind === 'Leak_DefinitelyLost');
    expect(lost.map((finding) => finding.leak?.bytes).sort()).toEqual([100, 240]);
    // Each of these processes lived for one request.
    for (const { leak, requests } of lost) {
      expect(requests?.map(({ how }) => how)).toEqual(requests?.map(() => 'made'));
      expect(requests?.reduce((sum, { bytes = 0 }) => sum + bytes, 0)).toBe(leak?.bytes);
    }
    // itself, and one for each request
    expect(report.processes.filter((process) => process.program.endsWith('query-leak'))).toHaveLength(4);
  });
});

/** A repository with two commits that are the same in every test. */
async function makeRepository(work: string): Promise<void> {
  const repository = join(work, 'repository');
  await mkdir(repository);
  const git = async (...words: string[]) => {
    const when = '2024-05-02T09:30:00Z';
    const env = {
      HOME: work,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_DATE: when,
      GIT_COMMITTER_DATE: when,
    };
    const { status, stderr } = await runProgram(
      'git',
      ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', ...words],
      { cwd: repository, env },
    );
    if (status !== 0) throw new Error(`git ${words.join(' ')}: ${stderr}`);
  };
  await git('init', '-q', '-b', 'main');
  await writeFile(join(repository, 'main.c'), 'int main(void) { return 0; }\n');
  await git('add', '.');
  await git('commit', '-qm', 'First');
  await writeFile(join(repository, 'main.c'), 'int main(void) { return 1; }\n');
  await git('commit', '-qam', 'Second: another status');
}

/** The requests as raw text, one after the other; gives the path of the file. */
async function writeCapture(name: string, script: string, requests: readonly ByHand[]): Promise<string> {
  const texts = requests.map(
    ({ path, query }) =>
      `GET ${script}${path}${query === '' ? '' : `?${query}`} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n`,
  );
  const file = join(folder(), name);
  await writeFile(file, texts.join(''));
  return file;
}

let runsByHand = 0;

/** Runs a CGI program under valgrind with nothing but its own XML, and reads that. */
async function runByHand(
  program: string,
  script: string,
  { path, query }: ByHand,
  more: Readonly<Record<string, string>>,
): Promise<readonly Found[]> {
  const logs = join(folder(), `by-hand-${runsByHand++}`);
  await mkdir(logs);
  const env = {
    PATH: '/usr/bin:/bin',
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_SOFTWARE: 'hand',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    REMOTE_ADDR: '127.0.0.1',
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: script,
    PATH_INFO: path,
    QUERY_STRING: query,
    REQUEST_URI: `${script}${path}${query === '' ? '' : `?${query}`}`,
    HTTP_HOST: 'localhost',
    HTTP_ACCEPT: '*/*',
    ...more,
  };
  const words = [...options, '--trace-children=yes', '--xml=yes', `--xml-file=${logs}/%p.xml`];
  const answer = await answerOf('valgrind', [...words, program], env);
  expect(answer).toMatch(/^(Status: 200|(?!Status:)[\w-]+: )/);
  return ofLogs(logs);
}

/** What stands in the XML files in and under a directory, reachable blocks left out. */
async function ofLogs(directory: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.endsWith('.xml')) continue;
    for (const record of await readWith(valgrindXml, [await readFile(join(directory, name))])) {
      if (record.type !== 'finding' || /StillReachable|IndirectlyLost/.test(record.kind)) continue;
      found.push(inWords(record.kind, record.stacks[0]?.frames ?? [], record.leak));
    }
  }
  return found;
}

/** What a program answers to an empty body, in this environment alone. */
function answerOf(
  file: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(file, words, { cwd: folder(), env, stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('latin1').on('data', (more: string) => {
      text += more;
    });
    child.on('error', fail);
    child.on('close', () => done(text));
  });
}

/** A finding without what may differ between two runs of one program. */
interface Found {
  readonly place: string;
  readonly bytes: number;
  readonly blocks: number;
}

function inWords(kind: string, frames: readonly Frame[], leak: Leak | undefined): Found {
  const places = frames.map(({ function: name, file, line, object }) =>
    name === undefined ? `(${object})` : `${name} ${file ?? ''}:${line ?? ''}`,
  );
  // A program without names has stacks of itself alone, which a report tells apart only by where they begin and end.
  const place = places.filter((one, index) => one !== places[index - 1]);
  return { place: [kind, ...place].join(' < '), bytes: leak?.bytes ?? 0, blocks: leak?.blocks ?? 0 };
}

/** Bytes and blocks by kind and stack: a report tells once what several processes have in common. */
function summed(found: readonly Found[]): Readonly<Record<string, string>> {
  const sums = new Map<string, { bytes: number; blocks: number }>();
  for (const { place, bytes, blocks } of found) {
    const sum = sums.get(place) ?? { bytes: 0, blocks: 0 };
    sums.set(place, { bytes: sum.bytes + bytes, blocks: sum.blocks + blocks });
  }
  return Object.fromEntries(
    [...sums].map(([place, { bytes, blocks }]) => [place, `${bytes} bytes in ${blocks} blocks`]),
  );
}

/** What valgrind alone would list of it: vgrun has it look for reachable blocks as well. */
function ofReport(report: Report): Readonly<Record<string, string>> {
  return summed(
    report.findings
      .filter((finding) => !finding.hidden)
      .map((finding) => inWords(finding.kind, finding.stacks[0]?.frames ?? [], finding.leak)),
  );
}
