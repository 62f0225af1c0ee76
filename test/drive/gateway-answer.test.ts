// Answers of programs: what can be read of them, and the sentence that says what is wrong.
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskAnswer, type ReadAnswer, readAnswer } from '../../src/drive/gateway/answer.ts';
import { readExpectations, unmetBy } from '../../src/drive/gateway/expect.ts';
import { UserError } from '../../src/errors.ts';
import type { CapturedAnswer } from '../../src/model/request.ts';
import { testFolder } from '../live/vgrun.ts';
import { requestOf } from './gateway-requests.ts';

const folder = testFolder();

interface Words {
  readonly method?: string;
  readonly program?: string;
}

async function stored(text: string | Uint8Array): Promise<string> {
  const path = join(folder(), `answer-${Math.random().toString(36).slice(2)}`);
  await writeFile(path, typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  return path;
}

async function read(text: string, { method = 'GET', program = 'app.cgi' }: Words = {}): Promise<ReadAnswer> {
  return readAnswer(await stored(text), { method, program });
}

describe('an answer is read', () => {
  test.each([
    ['Content-Type: text/html\n\n<p>', { status: 200, contentType: 'text/html', bodyBytes: 3 }],
    ['Content-Type: text/html\r\n\r\n<p>', { status: 200, contentType: 'text/html', bodyBytes: 3 }],
    ['Content-Type: text/html\r\n\n', { status: 200, contentType: 'text/html', bodyBytes: 0 }],
    [
      'Status: 404 Not Found\nContent-type:text/plain\n\nno',
      { status: 404, reason: 'Not Found', contentType: 'text/plain', bodyBytes: 2 },
    ],
    ['Status: 204\n\n', { status: 204, bodyBytes: 0 }],
    ['Location: /other\n\n', { status: 302, location: '/other', bodyBytes: 0 }],
    [
      'Location: https://a.example/?token=geheim\n\n',
      { status: 302, location: 'https://a.example/?token=***', bodyBytes: 0 },
    ],
    [
      'Status: 301 Moved\nLocation: https://a.example/\nContent-Type: text/html\n\n<a>',
      {
        status: 301,
        reason: 'Moved',
        location: 'https://a.example/',
        contentType: 'text/html',
        bodyBytes: 3,
      },
    ],
    [
      'Content-Type: text/plain\nContent-Length: 2\n\nab',
      { status: 200, contentType: 'text/plain', bodyBytes: 2 },
    ],
  ])('%j', async (text, answer) => {
    const { faults, ...rest } = await read(text);
    expect(faults).toEqual([]);
    expect(rest.answer).toEqual(answer);
    expect(text.slice(rest.bodyOffset)).toHaveLength(answer.bodyBytes);
  });

  test('as a whole response, of a program called nph-…', async () => {
    const text = 'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno';
    expect(await read(text, { program: 'nph-app.cgi' })).toMatchObject({
      answer: { status: 404, reason: 'Not Found', bodyBytes: 2 },
      faults: [],
    });
  });

  test('to HEAD, with the length of what another method would get', async () => {
    const text = 'Content-Type: text/plain\nContent-Length: 20\n\n';
    expect((await read(text, { method: 'HEAD' })).faults).toEqual([]);
    expect((await read(text)).faults).toEqual(['Content-Length says 20, and the body has 0 bytes']);
    expect((await read(`${text}abc`, { method: 'HEAD' })).faults).toEqual([
      'Content-Length says 20, and the body has 3 bytes',
    ]);
  });

  test('with a body that would not fit into memory', async () => {
    const path = await stored('Content-Type: text/plain\n\n');
    const file = await open(path, 'r+');
    await file.truncate(3_000_000_000);
    await file.close();
    const { answer, faults } = await readAnswer(path, { method: 'GET', program: 'app.cgi' });
    expect(answer?.bodyBytes).toBe(3_000_000_000 - 26);
    expect(faults).toEqual([]);
    await rm(path);
  });
});

describe('a fault is told', () => {
  test.each([
    ['', 'the program answered nothing: not a byte, where header lines, an empty line and a body are due'],
    [
      '<html>\n<body>',
      "the answer begins with '<html>' at byte 0, not with a header line such as Content-Type: text/html",
    ],
    ['Content-Type: text/html\n', 'no empty line ends the header: all 24 bytes are header lines'],
    [
      'Content-Type: text/html\n<html>\n</html>\n',
      "line 2 at byte 24 has no colon and is no empty line either: '<html>'; no empty line ends the header",
    ],
    [`X: ${'y'.repeat(70_000)}\n\n`, 'no empty line ends the header within its first 65536 bytes'],
    [
      `X: ${'y'.repeat(65_000)}\n${'z'.repeat(1000)}: 1\n\n`,
      'no empty line ends the header within its first 65536 bytes',
    ],
  ])('and there is no answer: %.40j', async (text, fault) => {
    const { answer, faults } = await read(text);
    expect(faults).toEqual([fault]);
    expect(answer).toBeUndefined();
  });

  test.each([
    [
      'Status: OK\nContent-Type: a/b\n\n',
      "Status at byte 0 is 'OK', not three digits and a reason such as 404 Not Found",
    ],
    [
      'Content-Type: a/b\nBad Name: x\n\n',
      "line 2 at byte 18 has no valid header name before its colon: 'Bad Name'",
    ],
    [
      'Content-Type: a/b\nX: a\n b\n\n',
      'line 3 at byte 23 continues the header line before it; programs may not fold lines',
    ],
    ['Content-Type: a/b\nX: a\0b\n\n', 'the value of X at byte 18 has a control character'],
    ['Content-Type: a/b\nContent-Type: c/d\n\n', 'Content-Type is there 2 times, again at byte 18'],
    ['X: y\n\nbody', 'there is a body of 4 bytes and no Content-Type'],
    ['X: y\n\n', 'the header has none of Content-Type, Location and Status, and one of them is due'],
    ['Content-Type: html\n\n', "Content-Type at byte 0 is 'html', not as text/html"],
    ['Location: page.html\n\n', "Location at byte 0 is 'page.html': neither a whole URL nor a path from /"],
    [
      'Location: /a\nSet-Cookie: a=1\n\n<p>',
      "Location '/a' makes the server answer with another page of its own: Set-Cookie, a body of 3 bytes would be lost",
    ],
    ['Status: 204 No\n\nx', 'an answer of status 204 has no body, and 1 bytes were written'],
    ['Content-Type: a/b\nContent-Length: 5\n\nab', 'Content-Length says 5, and the body has 2 bytes'],
    ['Content-Type: a/b\nContent-Length: x\n\nab', "Content-Length at byte 18 is 'x', not a number"],
    [
      'HTTP/1.0 200 OK\nContent-Type: a/b\n\nab',
      "the answer begins with a status line, 'HTTP/1.0 200 OK', which only programs called nph-… may write; a CGI program writes Status:",
    ],
    [
      'Content-Type: a/b\nTransfer-Encoding: chunked\n\n',
      "Transfer-Encoding at byte 18 is the server's to write, not the program's",
    ],
  ])('%j', async (text, fault) => {
    expect((await read(text)).faults).toContain(fault);
  });

  test('of a program called nph-… that leaves the status line to the server', async () => {
    const { answer, faults } = await read('Content-Type: a/b\n\n', { program: 'nph-app' });
    expect(answer).toBeUndefined();
    expect(faults).toEqual([
      'a program called nph-… writes the whole response, and this one begins with no HTTP/1.1 200 OK',
    ]);
  });

  test('without what would disturb a terminal, nor a secret', async () => {
    const { faults } = await read('\x1b[2Jhello\n');
    expect(faults.join()).not.toMatch(/[\x00-\x1f]/);
    expect((await read('Set Cookie: sid=geheim\n\n')).faults.join()).not.toContain('geheim');
  });
});

const someAnswers = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        'Content-Type: a/b',
        'Status: 500',
        'Status:',
        'Location: /a',
        ':',
        '\r\n',
        '\n',
        '\r',
        ' ',
        'a',
        '\0',
        'HTTP/1.1 200',
        'Set-Cookie: a=b; c',
        'Content-Length: 3',
      ),
      { maxLength: 12 },
    )
    .map((pieces) => Buffer.from(pieces.join('\n'), 'latin1')),
);

test('any bytes are an answer or have a fault, and masking changes no length', async () => {
  await fc.assert(
    fc.asyncProperty(someAnswers, fc.constantFrom('app', 'nph-app'), async (bytes, program) => {
      const path = await stored(bytes);
      const { answer, faults, bodyOffset } = await readAnswer(path, { method: 'GET', program });
      expect(answer !== undefined || faults.length > 0).toBe(true);
      expect(bodyOffset).toBeLessThanOrEqual(bytes.length);
      for (const fault of faults) expect(fault).toMatch(/^[\x20-\x7e…]+$/);
      await maskAnswer(path);
      const masked = await readFile(path);
      expect(masked).toHaveLength(bytes.length);
      expect(masked.subarray(bodyOffset)).toEqual(Buffer.from(bytes.subarray(bodyOffset)));
      await rm(path);
    }),
    { numRuns: 300 },
  );
});

test('cookies are masked in place, and nothing else is', async () => {
  const path = await stored(
    'Content-Type: a/b\r\nSet-Cookie: sid=geheim; Path=/; HttpOnly\r\nset-cookie:x=\r\nSet-Cookie: bare\r\n\r\nSet-Cookie: sid=geheim',
  );
  await maskAnswer(path);
  expect(await readFile(path, 'latin1')).toBe(
    'Content-Type: a/b\r\nSet-Cookie: sid=******; Path=/; HttpOnly\r\nset-cookie:x=\r\nSet-Cookie: ****\r\n\r\nSet-Cookie: sid=geheim',
  );
});

test('cookies are masked far into a header that no server would take', async () => {
  const long = `X: a${' '.repeat(500_000)}b\n`;
  const path = await stored(`${long}Set-Cookie: sid=geheim\n\n`);
  await maskAnswer(path);
  expect((await readFile(path, 'latin1')).slice(long.length)).toBe('Set-Cookie: sid=******\n\n');
});

describe('--expect', () => {
  const text =
    'Status: 500 Oops\nContent-Type: text/html; charset=utf-8\nX-A: 1\nSet-Cookie: sid=geheim\n\n<p>gr\xc3\xbc\xc3\x9fe</p>';

  async function unmet(word: string, captured?: CapturedAnswer) {
    const path = await stored(text);
    const request = { ...requestOf(), ...(captured === undefined ? {} : { answer: captured }) };
    const answer = await readAnswer(path, { method: 'GET', program: 'app.cgi' });
    return unmetBy(await readExpectations(word), request, answer, path);
  }

  test.each([
    'status=500',
    'status=5xx',
    'type=text/html',
    'type=text/HTML;charset="UTF-8"',
    'body~=gr(ü|u)ße</p>$',
    'body~=a{0,2}|b,c',
    'header=X-A: 1',
    'header=x-a',
    'status=500,type=text/html,body~=<p>,header=x-a: 1',
  ])('%s is met', async (word) => {
    expect(await unmet(word)).toEqual({ unmet: [], unknown: [] });
  });

  test.each([
    ['status=200', 'status 500 instead of 200'],
    ['status=2xx', 'status 500 instead of 2xx'],
    ['type=text/plain', "content type 'text/html; charset=utf-8' instead of 'text/plain'"],
    [
      'type=text/html;charset=latin1',
      "content type 'text/html; charset=utf-8' instead of 'text/html;charset=latin1'",
    ],
    ['body~=^nothing$', 'the body does not match ^nothing$'],
    ['header=X-B: 1', "the header 'X-B' is missing"],
    ['header=X-A: 2', "the header 'X-A' is '1' instead of '2'"],
    ['header=Set-Cookie: sid=other', "the header 'Set-Cookie' is 'sid=***' instead of 'sid=***'"],
  ])('%s is told when it is not met', async (word, sentence) => {
    expect((await unmet(word)).unmet).toEqual([sentence]);
  });

  test('body=FILE finds the first byte that differs, or the length', async () => {
    const same = await stored('<p>gr\xc3\xbc\xc3\x9fe</p>');
    expect((await unmet(`body=${same}`)).unmet).toEqual([]);
    const other = await stored('<p>gr\xc3\xbd\xc3\x9fe</p>');
    expect((await unmet(`body=${other}`)).unmet).toEqual([
      'the body differs at byte 6: 0xbc instead of 0xbd',
    ]);
    const longer = await stored('<p>gr\xc3\xbc\xc3\x9fe</p>\n');
    expect((await unmet(`body=${longer}`)).unmet).toEqual([
      'the body ends after 14 bytes, where more is expected',
    ]);
    const shorter = await stored('<p>');
    expect((await unmet(`body=${shorter}`)).unmet).toEqual([
      'the body goes on after 3 bytes, where it should end',
    ]);
  });

  test('body=FILE compares what would not fit into memory', async () => {
    const size = 300_000_000;
    const path = await stored('Content-Type: a/b\n\n');
    const wanted = await stored('');
    for (const [name, length] of [
      [path, size + 19],
      [wanted, size],
    ] as const) {
      const file = await open(name, 'r+');
      await file.truncate(length);
      await file.close();
    }
    const file = await open(wanted, 'r+');
    await file.write(Buffer.from('x'), 0, 1, size - 1);
    await file.close();
    const answer = await readAnswer(path, { method: 'GET', program: 'app.cgi' });
    const before = process.memoryUsage().rss;
    const { unmet } = await unmetBy(await readExpectations(`body=${wanted}`), requestOf(), answer, path);
    expect(unmet).toEqual([`the body differs at byte ${size - 1}: 0x00 instead of 0x78`]);
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
  });

  test('har compares with the answer of the capture', async () => {
    const body = Buffer.from('<p>gr\xc3\xbc\xc3\x9fe</p>', 'latin1');
    const headers = [['Content-Type', 'text/html']] as const;
    expect(await unmet('har', { status: 500, headers, body })).toEqual({ unmet: [], unknown: [] });
    expect(
      await unmet('har', { status: 200, headers: [['content-type', 'text/css']], body: Buffer.from('<b>') }),
    ).toEqual({
      unmet: [
        'status 500 instead of 200',
        "content type 'text/html; charset=utf-8' instead of 'text/css'",
        'the body differs at byte 1: 0x70 instead of 0x62',
      ],
      unknown: [],
    });
    expect(await unmet('har', { status: 500, headers })).toEqual({
      unmet: [],
      unknown: ['the capture has no body to compare with'],
    });
    expect(await unmet('har')).toEqual({ unmet: [], unknown: ['the capture has no answer to compare with'] });
  });

  test('an answer that cannot be read meets nothing', async () => {
    const path = await stored('');
    const answer = await readAnswer(path, { method: 'GET', program: 'app.cgi' });
    const { unmet } = await unmetBy(await readExpectations('status=200'), requestOf(), answer, path);
    expect(unmet).toEqual(['no answer that could be compared']);
  });

  test.each([
    ['', 'no such expectation'],
    ['colour=red', 'no such expectation'],
    ['status=', 'nothing follows the ='],
    ['status=20', 'a status is three digits, or a digit and xx'],
    ['status=0xx', 'a status is three digits, or a digit and xx'],
    ['type=html', 'a type is as text/html'],
    ['body~=(', 'unterminated group'],
    ['header=: x', 'a header is as Name: value'],
    ['body=/nowhere/at/all', 'there is no such file'],
    ['har,status=20', 'a status is three digits, or a digit and xx'],
  ])('%j is refused', async (word, why) => {
    const error = await readExpectations(word).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(why);
  });
});
