import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { capturesFolder, headerOf, type ReadRequest, readAll, readText, refusalOf } from './captures.ts';

const har = (...entries: object[]): string =>
  Buffer.from(JSON.stringify({ log: { version: '1.2', entries } })).toString('latin1');
const entry = (request: object, response?: object): object => ({
  request: { method: 'POST', url: 'https://example.org/a?b=1', headers: [], ...request },
  response,
});
const one = async (request: object): Promise<ReadRequest> => {
  const [read] = await readText(har(entry(request)));
  if (read === undefined) throw new Error('no request');
  return read;
};

const snippets = join(capturesFolder, 'httpsnippet');

/** Why a text of httpsnippet is not what we read. */
const differences: Readonly<Record<string, string>> = {
  full: 'its URL has a query; httpsnippet adds the queryString to it, which in a HAR repeats it',
  query: 'the same',
  'multipart-file': 'httpsnippet shortens the name of a file; a HAR has it as it was sent',
};

test.each(readdirSync(join(snippets, 'expected')))(
  'httpsnippet makes the same request of %s',
  async (name) => {
    const json: { log?: object } = JSON.parse(
      readFileSync(join(snippets, 'requests', `${name}.json`), 'utf8'),
    );
    const [read] = await readText(json.log === undefined ? har({ request: json }) : JSON.stringify(json));
    const text = readFileSync(join(snippets, 'expected', name), 'latin1');
    // It writes bodies with LF, and lengths for CR LF: multipart ones are what the restored body is.
    const [expected] = await readText(text);
    const unified = (request: ReadRequest | undefined) => {
      const boundary = /boundary=(.*)/.exec(
        request?.headers.find(([, value]) => value.includes('boundary='))?.[1] ?? '',
      )?.[1];
      const plain = (part: string): string =>
        boundary === undefined ? part : part.replaceAll(boundary, 'BOUNDARY');
      return {
        method: request?.method,
        target: name in differences ? undefined : request?.target,
        host: request?.host,
        headers: request?.headers
          .filter(([field]) => !/^content-length$/i.test(field))
          .map(([field, value]) => `${field.toLowerCase()}: ${plain(value)}`)
          .sort(),
        body:
          request?.body === undefined ? undefined : plain(request.body).replace('test/fixtures/files/', ''),
      };
    };
    expect(unified(read)).toEqual(unified(expected));
    if (name === 'full') expect(read?.target).toBe('/har?key=value');
  },
);

const flows = ['corrupted_gzip_body', 'incomplete_log', 'successful_log'];

test.each(flows)('mitmproxy wrote the same requests to %s.mitm and .har', async (name) => {
  const plain = ({ source, ...rest }: ReadRequest) => ({
    ...rest,
    entry: source.entry,
    answer: rest.answer?.status,
  });
  const fromHar = await readAll([`mitmproxy/flows/${name}.har`]);
  const fromFlows = await readAll([`mitmproxy/flows/${name}.mitm`]);
  expect(fromHar.length).toBeGreaterThan(0);
  // A request without a body has content of 0 bytes in a flow, and none in a HAR.
  expect(fromFlows.map(plain)).toEqual(fromHar.map(plain));
});

test('websockets are skipped with a note, in HAR and in flows', async () => {
  for (const name of ['websocket.har', 'websocket.mitm']) {
    const notes: string[] = [];
    const read = readAll([`mitmproxy/flows/${name}`], { note: (sentence) => notes.push(sentence) });
    expect(await refusalOf(read)).toMatch(/hold no request that a program can be asked/);
    expect(notes[0]).toMatch(/websocket.*entry 1 is skipped/);
  }
  const notes: string[] = [];
  const text = har(
    entry({ url: 'blob:https://a/1' }),
    entry({ url: 'data:text/plain,x' }),
    entry({ url: 'wss://a/' }),
    entry({ method: 'GET' }),
  );
  const read = await readText(text, { note: (sentence) => notes.push(sentence) });
  expect(read.map(({ source }) => source.entry)).toEqual([4]);
  expect(notes).toHaveLength(3);
});

test('a packed HAR is unpacked', async () => {
  const [first, second] = await readAll(['mitmproxy/flows/compressed.zhar']);
  expect([first?.target, second?.target, second?.body?.length]).toEqual(['/', '/post', 23]);
  for (const pack of [gzipSync, deflateSync]) {
    expect(
      await readText(pack(Buffer.from(har(entry({ method: 'GET' })), 'latin1')).toString('latin1')),
    ).toHaveLength(1);
  }
});

test('HAR of a browser: pseudo headers, body and answer', async () => {
  const [request] = await readAll(['mitmproxy/har_files/postdata.har']);
  expect(request).toMatchObject({
    method: 'POST',
    target: '/metrics',
    scheme: 'https',
    host: 'signal-metrics-collector-beta.s-onetag.com',
    port: 443,
    protocol: 'HTTP/1.1',
    answer: { status: expect.any(Number) },
  });
  expect(request?.headers[0]?.[0]).toBe('Host');
  expect(request?.body).toHaveLength(Number(request === undefined ? 0 : headerOf(request, 'content-length')));
});

test('bodies are text, base64 or fields of a form, and their length is that of the body', async () => {
  const sized = [
    { name: 'Content-Length', value: '99' },
    { name: 'Transfer-Encoding', value: 'chunked' },
  ];
  const text = await one({ headers: sized, postData: { mimeType: 'text/plain', text: 'ü' } });
  expect(text).toMatchObject({
    body: '\xc3\xbc',
    headers: [
      ['Host', 'example.org'],
      ['Content-Length', '2'],
      ['Content-Type', 'text/plain'],
    ],
  });
  expect(text.notes.join()).toMatch(/was 99; the body in the capture has 2 bytes/);
  const latin = await one({ headers: [{ name: 'content-length', value: '1' }], postData: { text: 'ü' } });
  expect(latin.body).toBe('\xfc');
  expect((await one({ postData: { text: 'AP9h', encoding: 'base64' } })).body).toBe('\0\xffa');
  expect(await refusalOf(one({ postData: { text: '%%', encoding: 'base64' } }))).toMatch(
    /entry|entry 1, byte \d+: its body is said to be base64/,
  );
  const params = [{ name: 'a b', value: 'ü&' }, { name: 'c' }];
  expect((await one({ postData: { mimeType: 'application/x-www-form-urlencoded', params } })).body).toBe(
    'a+b=%C3%BC%26&c=',
  );
  const boundary = { name: 'Content-Type', value: 'multipart/form-data; boundary="x y"' };
  const multipart = await one({
    headers: [boundary],
    postData: {
      mimeType: 'multipart/form-data',
      params: [{ name: 'f', fileName: 'a.txt', contentType: 'text/x' }],
    },
  });
  expect(multipart.body).toBe(
    '--x y\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/x\r\n\r\n\r\n--x y--\r\n',
  );
  expect(multipart.notes.join()).toMatch(/does not hold the file/);
  const lost = await one({ headers: [{ name: 'Content-Length', value: '7' }] });
  expect(lost).toMatchObject({
    body: '',
    headers: [
      ['Host', 'example.org'],
      ['Content-Length', '0'],
    ],
  });
  expect(lost.notes.join()).toMatch(/does not hold its body of 7 bytes/);
  const gzip = { headers: [{ name: 'Content-Encoding', value: 'gzip' }] };
  expect(
    headerOf(await one({ ...gzip, postData: { text: 'unpacked' } }), 'content-encoding'),
  ).toBeUndefined();
  expect(
    headerOf(await one({ ...gzip, postData: { text: 'H4sI', encoding: 'base64' } }), 'content-encoding'),
  ).toBe('gzip');
});

test('long bodies are read again from their entry, wherever it is in the file', async () => {
  const long = 'ü"\\\n'.repeat(50_000);
  const before = entry({ postData: { text: 'ü€😀 {"request":[{' } });
  const text = `\xef\xbb\xbf{"pages":[[[{}]]],"log" : {"x":{"y":[{"z":[]}]}, "entries":[ ${har(before).slice(35, -3)} , ${har(entry({ postData: { text: long } }), entry({ method: 'PUT' })).slice(35)}`;
  const requests = await readText(text);
  expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'PUT']);
  expect(requests[1]?.body === Buffer.from(long).toString('latin1')).toBe(true);
});

test('the answer comes with the request', async () => {
  const response = {
    status: 200,
    headers: [{ name: 'Content-Type', value: 'image/png' }],
    content: { text: 'iVBO', encoding: 'base64' },
  };
  const [packed, plain, none] = await readText(
    har(entry({}, response), entry({}, { ...response, content: { text: 'ü' } }), entry({}, { status: 0 })),
  );
  expect(packed?.answer).toEqual({
    status: 200,
    headers: [['Content-Type', 'image/png']],
    body: Buffer.from('iVBO', 'base64'),
  });
  expect(plain?.answer?.body).toEqual(Buffer.from('ü'));
  expect(none).not.toHaveProperty('answer');
});

test('entries are picked by number, URL, method and status', async () => {
  const text = har(
    entry({ method: 'GET', url: 'http://a/x.css' }, { status: 200 }),
    entry({ method: 'POST', url: 'http://a/app?q=1' }, { status: 503 }),
    entry({ method: 'GET', url: 'http://a:8080/app?q=2' }, { status: 404 }),
    entry({ method: 'b a d', url: 'http://a/app' }),
  );
  const picked = async (select: object) =>
    (await readText(text, { select })).map(({ source }) => source.entry);
  expect(await picked({ entries: '1,3' })).toEqual([1, 3]);
  expect(await picked({ entries: '2-3' })).toEqual([2, 3]);
  expect(await picked({ url: '/app?q' })).toEqual([2, 3]);
  expect(await picked({ url: 'http://a*.css' })).toEqual([1]);
  expect(await picked({ url: '/\\d{4}\\/app/' })).toEqual([3]);
  expect(await picked({ methods: ['get'], status: '4xx,200' })).toEqual([1, 3]);
  expect(await refusalOf(picked({ status: '999' }))).toMatch(/names no status/);
  expect(await refusalOf(picked({ entries: '0-1' }))).toMatch(/names no requests by number/);
  expect(await refusalOf(picked({ url: '/(/' }))).toMatch(/no regular expression/);
  expect(await refusalOf(picked({ entries: '77' }))).toMatch(/no request of the captures is selected/);
  expect(await refusalOf(readText(text))).toMatch(/entry 4, byte \d+: "b a d" is no method/);
});

test.each([
  ['{"log":{"entries":[{"request":', /is none that can be read/],
  ['{"log":{"entries":[{"request":}]}}', /is none that can be read/],
  ['{"a":1}', /is JSON but no HAR/],
  ['{"log":{"entries":[]}}', /holds no HTTP request/],
  [har({}), /is no URL/],
  [
    har({ request: { method: 'GET', url: 'http://a/', headers: [{ name: 'a b', value: '' }] } }),
    /cannot be the name/,
  ],
  [
    har({ request: { method: 'GET', url: 'http://a/', headers: [{ name: 'a', value: 'x\ny' }] } }),
    /control byte 0x0a/,
  ],
])('a HAR that cannot be read is said: %#', async (text, sentence) => {
  expect(await refusalOf(readText(text))).toMatch(sentence);
});

test.each(['charles', 'head-content-length', 'insomnia', 'postdata'])(
  'mitmproxy reads %s.har the same way',
  async (name) => {
    interface Flow {
      readonly request: Readonly<Record<'method' | 'scheme' | 'host' | 'path', string>> & {
        readonly port: number;
        readonly headers: readonly (readonly [string, string])[];
      };
    }
    const flows: readonly Flow[] = JSON.parse(
      readFileSync(join(capturesFolder, `mitmproxy/har_files/${name}.json`), 'utf8'),
    );
    // Lengths follow from bodies, and Host from the URL or :authority.
    const plain = (headers: readonly (readonly [string, string])[]) =>
      headers
        .filter(([field]) => !/^(:.*|host|content-length)$/i.test(field))
        .map(([field, value]) => [field.toLowerCase(), value]);
    expect(
      (await readAll([`mitmproxy/har_files/${name}.har`])).map(
        ({ method, scheme, host, port, target, headers }) => ({
          method,
          scheme,
          host,
          port,
          path: target,
          headers: plain(headers),
        }),
      ),
    ).toEqual(
      flows.map(({ request: { method, scheme, host, port, path, headers } }) => ({
        method,
        scheme,
        host,
        port,
        path,
        headers: plain(headers),
      })),
    );
  },
);
