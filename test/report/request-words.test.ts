// What reports say of requests: lines that fit keep their amounts, and changes of memory are told in one wording.
import { describe, expect, test } from 'vitest';
import type { Finding, Report, RequestShare } from '../../src/model/report.ts';
import type { MeasuredGrowth } from '../../src/model/request.ts';
import { answeredWords, requestRows } from '../../src/report/html-page/request-rows.ts';
import {
  growthWords,
  requestNumbers,
  shareNames,
  shortShares,
} from '../../src/report/html-page/request-words.ts';
import { makeInk } from '../../src/report/pretty-ink.ts';
import { requestLines } from '../../src/report/pretty-requests.ts';
import { replay, request } from '../analyze/replays.ts';

const made = (number: number, bytes: number, more: Partial<RequestShare> = {}): RequestShare => ({
  request: number,
  how: 'made',
  passes: 3,
  count: 3,
  bytes,
  blocks: 3,
  steady: true,
  ...more,
});
const target = `/cgi-bin/a.cgi?list=3&token=***&${'field=value&'.repeat(12)}page=7`;
const long = replay(
  [request(1, { sent: 3, method: 'POST', target }), request(2, { sent: 3 }), request(3, { sent: 3 })],
  {
    mode: 'fastcgi',
    passes: 3,
  },
);
const of = (...requests: readonly RequestShare[]): Pick<Finding, 'requests' | 'leak'> => ({ requests });

describe('a long URL', () => {
  test.each([80, 100])('loses its middle, and the amount stays in a line of %i columns', (width) => {
    const [line = ''] = shortShares(of(made(1, 720)), long, 1, width);
    expect(line.length).toBeLessThanOrEqual(width);
    expect(line).toMatch(
      /^in request 1 POST \/cgi-bin.*….*page=7: 240 bytes in 1 block each time \(3 passes\)$/,
    );
  });

  test('of two halves of characters is cut between them', () => {
    const faces = replay([request(1, { target: '😀'.repeat(80) })]);
    const [line = ''] = shortShares(of(made(1, 8, { passes: 1 })), faces);
    expect(Buffer.from(line).toString()).toBe(line);
  });
});

describe('an error that was told while several requests were served', () => {
  const oneOf = (number: number): RequestShare => ({ request: number, how: 'one of', passes: 1 });

  test('is one line that names them all', () => {
    const finding = of(oneOf(3), oneOf(1), oneOf(2));
    expect(shortShares(finding, long, 3)).toEqual([
      'first seen in one of requests 1, 2 and 3, served at once',
    ]);
    expect(shareNames(finding, long)).toBe('first seen in one of requests 1, 2 and 3, served at once');
  });

  test('stands behind those that are known to have made it, or is counted with the rest', () => {
    const finding = of(made(2, 24), oneOf(1), oneOf(3));
    expect(shortShares(finding, long, 2).at(-1)).toBe(
      'first seen in one of requests 1 and 3, served at once',
    );
    expect(shortShares(finding, long, 1).at(-1)).toBe('and in 2 more requests');
  });
});

describe('what was seen while warming up only', () => {
  const warm = replay([request(1)], { mode: 'fastcgi', warmUp: 2 });

  test('is said of an error, and of what a process for the request showed', () => {
    expect(shortShares(of({ request: 1, how: 'first', passes: 0 }), warm)).toEqual([
      'first seen in request 1 GET /app?x=1, while warming up; others may make it too',
    ]);
    expect(shortShares(of({ request: 1, how: 'made', passes: 0 }), warm)).toEqual([
      'in request 1 GET /app?x=1, only while warming up',
    ]);
  });

  test('is not told from the start of the program where memory is measured after it', () => {
    const leak = { check: 1, bytes: 8, directBytes: 8, indirectBytes: 0, blocks: 1 };
    expect(shortShares({ requests: [], leak }, warm)).toEqual([
      'before what was measured: at the start of the program or while warming up',
    ]);
    expect(shortShares({ requests: [] }, warm)).toEqual([
      'outside of requests: at the start or the end of the program',
    ]);
    expect(shortShares({ requests: [], leak }, { ...warm, warmUp: 0 })).toEqual([
      'outside of requests: at the start or the end of the program',
    ]);
  });
});

test.each([
  [[2], 'request 2'],
  [[2, 5], 'requests 2 and 5'],
  [[2, 5, 7], 'requests 2, 5 and 7'],
  [[2, 5, 7, 8, 9], 'requests 2, 5 and 3 more'],
])('requests %j are called %s where there is little room', (numbers, text) => {
  expect(requestNumbers(numbers)).toBe(text);
});

describe('memory', () => {
  const grown = (more: Partial<MeasuredGrowth>): MeasuredGrowth => ({
    measured: 8,
    grew: 0,
    bytes: 0,
    blocks: 0,
    ...more,
  });

  test.each<[string, Partial<MeasuredGrowth>]>([
    ['', { steady: true }],
    [
      'memory grows by 70 bytes in 1 block each time (8 passes)',
      { grew: 8, bytes: 560, blocks: 8, steady: true },
    ],
    [
      'gives back 70 bytes in 1 block each time (8 passes)',
      { shrank: 8, bytes: -560, blocks: -8, steady: true },
    ],
    ['gives back 70 bytes in 1 block once in 8 passes', { shrank: 1, bytes: -70, blocks: -1, steady: false }],
    ['memory grows by 4 bytes each time (8 passes)', { grew: 8, bytes: 32, blocks: 0, steady: true }],
    [
      'memory grows by 0 bytes in 1 block each time (8 passes)',
      { grew: 8, bytes: 0, blocks: 8, steady: true },
    ],
    ['memory grows by 4 bytes, with 1 block less', { measured: 1, grew: 1, bytes: 4, blocks: -1 }],
    [
      'gives back 4 bytes, with 1 block more, each time (8 passes)',
      { shrank: 8, bytes: -32, blocks: 8, steady: true },
    ],
    [
      'memory grows by 50 bytes in 1 block over 8 passes (more after 1, less after 1)',
      { grew: 1, shrank: 1, bytes: 50, blocks: 1, steady: false },
    ],
    ['gives back all that it takes', { grew: 4, shrank: 4, steady: false }],
  ])('%s', (text, growth) => {
    expect(growthWords(grown(growth))).toBe(text);
  });
});

describe('the row of a request', () => {
  const linesOf = (of: Parameters<typeof request>[1], columns: number): readonly string[] => {
    const asked = replay([request(1, { method: 'POST', target, ...of })], { mode: 'fastcgi' });
    const report = { replay: asked, findings: [], processes: [] } as unknown as Report;
    return requestLines(report, 10, makeInk(report, { color: false, hyperlinks: false, columns })).slice(1);
  };
  const growth = { measured: 3, grew: 3, bytes: 720, blocks: 3, steady: true };

  test.each([80, 100])('has its status and its amount, whatever its URL, in %i columns', (columns) => {
    const rows = linesOf({ growth }, columns);
    expect(rows.length).toBe(columns === 80 ? 2 : 1);
    expect(Math.max(...rows.map(({ length }) => length))).toBeLessThanOrEqual(columns);
    expect(rows.join(' ').replace(/ +/g, ' ')).toMatch(
      /: 200, memory grows by 240 bytes in 1 block each time \(3 passes\)$/,
    );
  });

  test('takes a second line before an amount is cut off, and cuts what was wrong', () => {
    const statuses = [
      [200, 1_234_567],
      [500, 1_234_567],
    ] as const;
    const rows = linesOf({ growth, statuses }, 80);
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.join(' ').replace(/ +/g, ' ')).toContain(
      'memory grows by 240 bytes in 1 block each time (3 passes)',
    );
    const [wrong = '', second] = linesOf({ growth, faults: ['It has no header. '.repeat(20)] }, 100);
    expect(second).toBeUndefined();
    expect(wrong).toMatch(/^ {2}1 POST .*: 200, memory grows by 240 bytes/);
    expect(wrong.length).toBeLessThanOrEqual(100);
  });
});

describe('requests without a row of their own', () => {
  const wordsOf = (...requests: readonly Parameters<typeof request>[1][]): string =>
    answeredWords(requestRows(replay(requests.map((of, index) => request(index + 1, of))), new Map()));
  const unsent = { sent: 0, answered: 0 };
  const silent = { answered: 0, statuses: [], lost: ['It was late.'] };

  test.each<[string, readonly Parameters<typeof request>[1][]]>([
    ['answered 200', [{}]],
    ['all answered 200', [{}, {}]],
    ['answered 200 and 404', [{}, { statuses: [[404, 1]] }]],
    ['never sent', [unsent, unsent]],
    ['not answered', [silent]],
    ['2 answered 200, 1 not answered, 3 never sent', [{}, unsent, silent, unsent, {}, unsent]],
    ['1 answered 200, 1 not answered each time', [{}, { sent: 3, answered: 2, statuses: [[200, 2]] }]],
  ])('are %s', (text, requests) => {
    expect(wordsOf(...requests)).toBe(text);
  });

  test('of an interrupted replay come to all that were captured', () => {
    const asked = replay([
      ...Array.from({ length: 180 }, (_, index) => request(index + 1, { statuses: [[500, 1]] })),
      ...Array.from({ length: 120 }, (_, index) => request(181 + index, { sent: 0, answered: 0 })),
    ]);
    const report = { replay: asked, findings: [], processes: [] } as unknown as Report;
    const ink = makeInk(report, { color: false, hyperlinks: false, columns: 100 });
    expect(requestLines(report, 2, ink).at(-1)).toBe(
      '  … and 297 more, 180 answered 500, 117 never sent; 180 of them with something to say; --all lists them.',
    );
  });
});
