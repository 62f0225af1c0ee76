// Holds every example program for CGI and FastCGI to the comment at its top, through `vgrun cgi`.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Finding, Report, ReportFrame } from '../../src/model/report.ts';
import type { ReplayedRequest } from '../../src/model/request.ts';
import {
  type CgiExample,
  capturePath,
  cgiExamplePath,
  cgiExamplesDirectory,
  type ExpectedAnswer,
  type ExpectedReplay,
  isBuilt,
  readCgiExamples,
} from '../cgi-examples.ts';
import { canRun } from '../project.ts';
import { processesWith, testFolder, vgrunReport } from './vgrun.ts';

const folder = testFolder();

const examples = readCgiExamples();

describe.skipIf(!canRun('valgrind'))('every example program for CGI and FastCGI', () => {
  for (const example of examples) {
    for (const expected of example.replays) {
      const sent = expected.words.map((word) => word.replace(/^\/.*\//, '')).join(' ');
      test.skipIf(!isBuilt(example.name))(
        `${example.name}, sent ${sent}, under ${expected.tool}`,
        async () => {
          holdToComment(
            await replay(example.program, expected.words, `--tool=${expected.tool}`),
            example,
            expected,
          );
        },
      );
    }
  }
});

describe.skipIf(!canRun('valgrind'))('a program that serves many requests', () => {
  for (const name of ['growing-fcgi', 'no-library-fcgi']) {
    test.skipIf(!isBuilt(name))(`${name}: what each request adds is measured`, async () => {
      const { report } = await replay(
        cgiExamplePath(name),
        [capturePath('paths.txt'), '--repeat=10', '--warm-up=1'],
        asFastcgi,
      );
      expect(report.replay).toMatchObject({ mode: 'fastcgi', passes: 10 });
      expect(requestsOf(report).map(({ sent, answered, statuses }) => [sent, answered, statuses])).toEqual(
        Array(3).fill([10, 10, [[200, 10]]]),
      );
      const [clean, leak, keep] = requestsOf(report).map((request) => request.growth);
      expect(leak).toMatchObject({ steady: true });
      expect(keep).toMatchObject({ steady: true });
      expect(perPass(clean)).toEqual([0, 0]);
      expect(perPass(leak)).toEqual([240, 1]);
      expect(perPass(keep)).toEqual([100, 1]);
      const lost = report.findings.find((finding) => finding.kind === 'Leak_DefinitelyLost');
      expect(lost?.requests).toMatchObject([{ request: 2, how: 'made', steady: true }]);
    });
  }

  test('the requests of a HAR file are sent in its order, and one that leaks is found among them', async () => {
    const { report } = await replay(
      cgiExamplePath('no-library-fcgi'),
      [capturePath('all.har'), '--repeat=2'],
      asFastcgi,
    );
    expect(requestsOf(report).map(({ method, target }) => `${method} ${target}`)).toEqual([
      'GET /cgi-bin/app/clean',
      'GET /cgi-bin/app/leak?i=1',
      'POST /cgi-bin/app/keep',
      'POST /cgi-bin/app/json',
      'GET /cgi-bin/app/page?name=clean',
    ]);
    const [lost] = report.findings.filter((finding) => finding.failing);
    expect(lost?.requests?.map((share) => share.request)).toEqual([2]);
    expect(lost?.leak).toMatchObject({ bytes: 480, blocks: 2 });
  });

  test('the answers that a HAR file holds are compared with those of the program', async () => {
    const { report } = await replay(
      cgiExamplePath('no-library-fcgi'),
      [capturePath('all.har'), '--expect=har'],
      asFastcgi,
    );
    expect(requestsOf(report).map((request) => request.unmet)).toEqual(Array(5).fill([]));
    const other = await replay(cgiExamplePath('print-environment'), [capturePath('all.har'), '--expect=har']);
    for (const request of requestsOf(other.report)) expect(request.unmet).not.toEqual([]);
  });

  for (const [name, capture] of [
    ['crash-third-fcgi', 'paths.txt'],
    ['no-library-fcgi', 'faults.txt'],
  ] as const) {
    test.skipIf(!isBuilt(name))(`${name}: the request that it crashed in is named`, async () => {
      const { report } = await replay(cgiExamplePath(name), [capturePath(capture)], asFastcgi);
      const [first, second, third] = requestsOf(report);
      expect([first?.answered, second?.answered, third?.answered]).toEqual([1, 1, 0]);
      expect(third?.ended).toMatchObject({ how: 'signaled', signal: 'SIGSEGV' });
      expect(third?.lost).not.toEqual([]);
    });
  }
});

describe.skipIf(!canRun('valgrind'))('what a CGI program answers', () => {
  test('good answers are read as RFC 3875 says', async () => {
    const { report } = await replay(cgiExamplePath('status'), [capturePath('status.txt')]);
    expect(
      requestsOf(report).map(({ target, answer }) => [target.replace(/.*\?/, ''), answer?.status]),
    ).toEqual([
      ['200', 200],
      ['plain-newlines', 200],
      ['404', 404],
      ['204', 204],
      ['redirect', 302],
      ['local-redirect', expect.any(Number)],
      ['redirect-with-status', 303],
      ['binary', 200],
      ['big', 200],
    ]);
    expect(requestsOf(report).flatMap((request) => request.faults)).toEqual([]);
    const answers = requestsOf(report).map((request) => request.answer);
    expect(answers[4]?.location).toMatch(/^https:\/\/example\.com\/elsewhere/);
    expect(JSON.stringify(report)).not.toContain('token=secret');
    expect([answers[7]?.bodyBytes, answers[8]?.bodyBytes]).toEqual([256, 1 << 20]);
  });

  test('each answer that no server could pass on is told as what it is', async () => {
    const { report, status } = await replay(cgiExamplePath('status'), [capturePath('wrong-answers.txt')]);
    expect(status).not.toBe(0);
    const faulty = requestsOf(report)
      .filter((request) => request.faults.length > 0)
      .map((request) => request.target.replace(/.*\?/, ''));
    expect(faulty).toEqual(
      expect.arrayContaining([
        'no-header',
        'bad-header',
        'no-type',
        'bad-status',
        'two-types',
        'http-line',
        'header-only',
        'nothing',
        'short',
      ]),
    );
    // Answered as it should be, however bad the news.
    expect(faulty).not.toContain('500');
    expect(requestsOf(report).at(0)?.answer?.status).toBe(500);
    expect(requestsOf(report).at(-1)?.exit).toMatchObject({ how: 'exited', code: 3 });
  });

  test('a program that never answers is stopped, and leaves no process', async () => {
    const words = [capturePath('hang.txt'), '--timeout=4'];
    const { report } = await replay(cgiExamplePath('hang'), words);
    expect(report.outcome).toBe('inconclusive');
    expect(requestsOf(report)[0]?.lost).not.toEqual([]);
    expect(await processesWith(cgiExamplePath('hang'))).toEqual([]);
  });
});

/** Of a program that is not known to speak FastCGI by what is in it. */
const asFastcgi = '--mode=fastcgi';

function replay(
  program: string,
  words: readonly string[],
  ...options: readonly string[]
): Promise<{ readonly report: Report; readonly status: number }> {
  const own = [`--project-root=${cgiExamplesDirectory}`, ...options];
  return vgrunReport([...own, program, ...words], { cwd: folder(), command: 'cgi' });
}

function requestsOf(report: Report): readonly ReplayedRequest[] {
  return report.replay?.requests ?? [];
}

/** Bytes and blocks for one pass. */
function perPass(growth: ReplayedRequest['growth']): readonly (number | undefined)[] {
  return [growth?.bytes, growth?.blocks].map((sum) => sum && sum / (growth?.measured ?? 0));
}

function holdToComment(
  { report, status }: { readonly report: Report; readonly status: number },
  { source }: CgiExample,
  expected: ExpectedReplay,
): void {
  expect(report.outcome, report.reasons.join('\n')).toBe(expected.outcome);
  if (expected.status !== undefined) {
    expect([report.status, status]).toEqual([expected.status, expected.status]);
  }
  const told = report.findings.map(describeFinding);
  const wanted = expected.findings.map(inWords);
  expect(told).toEqual(expect.arrayContaining(wanted));
  // What the comment does not name may be there (a stdio buffer, still reachable), but is no error.
  const failing = report.findings.filter((finding) => finding.failing).map(describeFinding);
  expect(wanted).toEqual(expect.arrayContaining(failing));

  const lines = readFileSync(source, 'utf8').split('\n');
  for (const finding of report.findings.filter((finding) => wanted.includes(describeFinding(finding)))) {
    const [, kinds] = /\/\/ <- (.+)$/.exec(lines[(blamedFrame(finding)?.line ?? 0) - 1] ?? '') ?? [];
    expect(kinds?.split(', '), `the blamed line of ${describeFinding(finding)}`).toContain(finding.kind);
  }
}

function blamedFrame({ blamed, stacks }: Finding): ReportFrame | undefined {
  return blamed === undefined ? undefined : stacks[blamed.stack]?.frames[blamed.frame];
}

function inWords({ kind, function: name, bytes, blocks, requests }: ExpectedAnswer): string {
  const leak = bytes === undefined ? '' : `, ${bytes} bytes in ${blocks} blocks`;
  return `${kind} at ${name}${leak}, requests ${requests.join(' ')}`;
}

function describeFinding(finding: Finding): string {
  const { kind, leak, requests } = finding;
  return inWords({
    kind,
    function: blamedFrame(finding)?.function ?? '???',
    ...(leak && { bytes: leak.bytes, blocks: leak.blocks }),
    requests: (requests ?? []).map((share) => share.request).sort((a, b) => a - b),
  });
}
