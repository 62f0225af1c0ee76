import { expect, test } from 'vitest';
import { headerOf, readAll, readOne, readText, refusalOf, temporaryFolder } from './captures.ts';

const get = 'GET /app?a=1 HTTP/1.1\r\nHost: example.org\r\n\r\n';

test('a request as text is read as it was sent', async () => {
  expect(
    await readOne(
      'POST /cgi-bin/app?q=%20x HTTP/1.1\r\nHost: Example.org:8080\r\nX-A: 1\r\nX-A:  2 \r\nContent-Length: 3\r\n\r\na=b',
    ),
  ).toEqual({
    source: { name: '-', entry: 1, offset: 0 },
    method: 'POST',
    target: '/cgi-bin/app?q=%20x',
    scheme: 'http',
    host: 'example.org',
    port: 8080,
    protocol: 'HTTP/1.1',
    headers: [
      ['Host', 'Example.org:8080'],
      ['X-A', '1'],
      ['X-A', '2'],
      ['Content-Length', '3'],
    ],
    body: 'a=b',
    notes: [],
  });
});

test('a file may hold many requests, with blank lines before and between them, and each knows its place', async () => {
  const requests = await readText(`\r\n\n${get}\r\nPOST /b HTTP/1.0\nContent-Length: 2\n\nhi\n\n${get}`);
  expect(
    requests.map(({ method, source, protocol, body }) => [
      method,
      source.entry,
      source.offset,
      protocol,
      body,
    ]),
  ).toEqual([
    ['GET', 1, 3, 'HTTP/1.1', undefined],
    ['POST', 2, 3 + get.length + 2, 'HTTP/1.0', 'hi'],
    ['GET', 3, 3 + get.length + 2 + 40, 'HTTP/1.1', undefined],
  ]);
});

test('answers between requests are skipped, also when their bodies are not as long as they say', async () => {
  const answers = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\ncut\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n<p>put together</p>\r\n',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end\r\n',
  ];
  for (const answer of answers) {
    expect(
      (await readText(`${get}${answer}${get}`)).map(({ target }) => target),
      answer,
    ).toEqual(['/app?a=1', '/app?a=1']);
  }
  // A request in the body of an answer is none.
  const quoting = `HTTP/1.1 200 OK\r\nContent-Length: ${get.length}\r\n\r\n${get}`;
  expect(await readText(`${get}${quoting}`)).toHaveLength(1);
});

test('what a proxy was asked names scheme, host and port in its target', async () => {
  const request = await readOne(
    'GET HTTPS://user:pw@example.org:8443/a?b#c HTTP/1.1\r\nHost: other\r\nProxy-Connection: close\r\n\r\n',
  );
  expect(request).toMatchObject({ target: '/a?b', scheme: 'https', host: 'example.org', port: 8443 });
  expect(request.headers).toEqual([['Host', 'example.org:8443']]);
  expect(request.notes.join(' ')).toMatch(/fragment.*"other".*RFC 9112/);
  const notes: string[] = [];
  const requests = await readText(`CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n${get}`, {
    note: (sentence) => notes.push(sentence),
  });
  expect(requests.map(({ source }) => source.entry)).toEqual([2]);
  expect(notes).toEqual(['standard input, entry 1 is skipped: CONNECT asks a proxy, not a program.']);
});

test('text of HTTP/2 is HTTP/1.1 to a program, over TLS', async () => {
  const pseudo = ':method: POST\n:authority: example.org\n:scheme: https\n:path: /a\ncookie: a=1\n\nbody';
  for (const text of [pseudo, 'POST /a HTTP/2\r\nHost: example.org\r\ncookie: a=1\r\n\r\nbody']) {
    expect(await readOne(text)).toMatchObject({
      method: 'POST',
      target: '/a',
      scheme: 'https',
      host: 'example.org',
      port: 443,
      protocol: 'HTTP/1.1',
      headers: [
        ['Host', 'example.org'],
        ['cookie', 'a=1'],
      ],
      body: 'body',
      notes: ['Its body names no length: it is all that follows its head.'],
    });
  }
});

test('what speaks of the connection alone does not reach the program', async () => {
  const request = await readOne(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nExpect: 100-continue\r\nTE: trailers\r\nKeep-Alive: 5\r\nX: 1\r\n\r\n',
  );
  expect(request.headers).toEqual([
    ['Host', 'a'],
    ['Connection', 'keep-alive'],
    ['X', '1'],
  ]);
});

test('chunks are put together, and what follows them is the next request', async () => {
  const chunked =
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n4;x=y\r\nWiki\r\nA\r\npedia\r\nin \r\n0\r\nT: 1\r\n\r\n';
  const [first, second] = await readText(chunked + get);
  expect(first).toMatchObject({ body: 'Wikipedia\r\nin ', headers: [['Host', 'a']] });
  expect(first?.notes.join()).toMatch(/after its last chunk/);
  expect(second?.target).toBe('/app?a=1');
  for (const broken of [
    '4\r\nWik',
    '4\r\nWikip\r\n0\r\n\r\n',
    'x\r\n',
    '-1\r\n',
    '0\r\n',
    `${'f'.repeat(14)}\r\n`,
    ' 4\r\nWiki\r\n0\r\n\r\n',
  ]) {
    const text = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${broken}`;
    expect(await refusalOf(readText(text)), broken).toMatch(/^standard input, entry 1, byte \d+: .*chunk/);
  }
});

test('a body whose line ends an editor changed is restored only where that gives its exact length', async () => {
  const body = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n';
  const head = `POST / HTTP/1.1\nHost: a\nContent-Length: ${body.length}\n\n`;
  const saved = body.replaceAll('\r\n', '\n');
  for (const text of [head + saved, `${head}${saved}\n`]) {
    const request = await readOne(text);
    expect(request.body).toBe(body);
    expect(request.notes.join()).toMatch(/CR LF again/);
  }
  const cut = head + saved.slice(0, -4);
  expect(await refusalOf(readText(cut))).toMatch(
    /has 59 bytes by its Content-Length, but the capture ends after 50/,
  );
  expect(await refusalOf(readText(head.replaceAll('\n', '\r\n') + saved))).toMatch(/the capture ends after/);
});

test('one line end that an editor added after a body is left out, with a note', async () => {
  const request = await readOne('POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\nhi\n');
  expect(request).toMatchObject({ body: 'hi', notes: [expect.stringContaining('an editor added')] });
});

test.each([
  ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', /byte 16: "Host " cannot be the name of a header/],
  ['GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n', /byte 25: a header is folded/],
  ['GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n', /the value of X holds the control byte 0x00/],
  ['GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n', /byte 29: a carriage return stands alone/],
  ['GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n', /control byte 0x01/],
  ['GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n', /"no colon" is no header/],
  ['GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n', /cannot be the name/],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', /several Host headers/],
  ['GET / HTTP/1.1\r\nHost: a b\r\n\r\n', /"a b" is no host/],
  ['GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n', /is no host/],
  ['GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', /the target in "GET \/a b HTTP\/1.1" holds a space/],
  ['GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n', /holds a control byte/],
  ['GET a HTTP/1.1\r\nHost: a\r\n\r\n', /neither a path nor a URL/],
  ['GET / HTTP/9.9\r\nHost: a\r\n\r\n', /HTTP\/9.9 is no version/],
  ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc', /different lengths/],
  ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 3\r\n\r\nabc', /different lengths/],
  ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab', /"\+2" is no number of bytes/],
  ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nab', /is no number of bytes/],
  ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740993\r\n\r\n', /more than any body/],
  [
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc',
    /9 bytes by its Content-Length, but the capture ends after 3/,
  ],
  [
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /both Content-Length and Transfer-Encoding/,
  ],
  [
    'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    /"gzip, chunked" is not known/,
  ],
  [
    'GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /HTTP\/1.0 has no Transfer-Encoding/,
  ],
  [`GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /the request line is longer/],
  [`GET / HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(1001)}\r\n`, /more than 1000 fields/],
  [
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(10_000_000)}\r\n\r\n`,
    /the head is longer than 1048576 bytes/,
  ],
  [
    `${get}POST / HTTP/1.1\r\nHost: a\r\n\r\na=1`,
    /"a=1" is no request, and no part of the one before it, which has no Content-Length/,
  ],
])('a strict server would refuse it, and so does vgrun: %#', async (text, sentence) => {
  const message = await refusalOf(readText(text));
  expect(message).toMatch(/^standard input, entry \d, byte \d+: /);
  expect(message).toMatch(sentence);
});

test('equal lengths are one, and a request without Host has a note', async () => {
  const request = await readOne('POST / HTTP/1.1\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nab');
  expect(request.headers).toEqual([['Content-Length', '2']]);
  expect(request.notes).toEqual(['It has no Host header: its host is unknown.']);
  expect(request).not.toHaveProperty('host');
  expect(await readOne('OPTIONS * HTTP/1.1\r\nHost: [::1]:81\r\n\r\n')).toMatchObject({
    target: '*',
    host: '[::1]',
    port: 81,
  });
});

test('gzip is kept as it was sent, and Latin-1 as it was written', async () => {
  const request = await readOne(
    'POST /\xe9%zz HTTP/1.1\r\nHost: a\r\nX: \xfc\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\xff',
  );
  expect(request).toMatchObject({ target: '/\xe9%zz', body: '\x1f\x8b\x00\xff' });
  expect([headerOf(request, 'x'), headerOf(request, 'content-encoding')]).toEqual(['\xfc', 'gzip']);
});

const folder = temporaryFolder();

test('a body is read from the file each time, and a file that became shorter is an error', async () => {
  const { readCaptures } = await import('../../src/drive/requests/index.ts');
  const name = folder.write(
    'long.txt',
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`,
  );
  const options = { workingDirectory: folder.path, stdin: () => (async function* () {})() };
  const { value } = await readCaptures(['long.txt'], options).next();
  const length = async (): Promise<number> => {
    let sum = 0;
    for await (const piece of value?.body?.open() ?? []) sum += piece.length;
    return sum;
  };
  expect([await length(), await length()]).toEqual([300_000, 300_000]);
  folder.write('long.txt', 'POST / HTTP/1.1');
  expect(await refusalOf(length())).toMatch(/^long.txt has become shorter/);
  expect(name).toContain('long.txt');
});

test('standard input may be longer than what is held in memory', async () => {
  const body = '0123456789'.repeat(300_000);
  const [request] = await readText(
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  expect(request?.body === body).toBe(true);
});

test.each([
  ['', /^standard input is empty/],
  ['\x7fELF\x02\x01', /^standard input is no capture/],
  ['HTTP/1.1 200 OK\r\n\r\n', /^standard input holds no HTTP request/],
  ['\xff\xfeG\0E\0T\0', /UTF-16/],
  ['\x1f\x8b\x08\x00garbage', /gzip data that is cut or damaged/],
])('what is no capture is said: %#', async (text, sentence) => {
  expect(await refusalOf(readText(text))).toMatch(sentence);
});

test('a file that is not there, or is a directory, is said', async () => {
  expect(await refusalOf(readAll(['missing.txt']))).toMatch(
    /^cannot read missing.txt: there is no such file/,
  );
  expect(await refusalOf(readAll(['.']))).toMatch(/it is a directory/);
});

test('a URL is a plain GET, alone or one per line', async () => {
  const request = { method: 'GET', scheme: 'https', host: 'example.org', port: 444, target: '/?a=%20b' };
  expect(await readAll(['https://example.org:444?a= b#c'])).toEqual([
    {
      ...request,
      protocol: 'HTTP/1.1',
      headers: [['Host', 'example.org:444']],
      body: undefined,
      notes: [],
      source: { name: 'url', entry: 1 },
    },
  ]);
  const [first, second] = await readText('# mine\n\nhttp://a/\xc3\xbc\nhttp://u:p@b\n');
  expect(first).toMatchObject({ host: 'a', target: '/%C3%BC', source: { entry: 1, offset: 8 } });
  expect(second).toMatchObject({
    target: '/',
    headers: [
      ['Host', 'b'],
      ['Authorization', 'Basic dTpw'],
    ],
  });
  expect(await refusalOf(readText('http://a/\nftp://b\n'))).toMatch(
    /entry 2, byte 10: "ftp:\/\/b" is no URL/,
  );
});
