import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  capturesFolder,
  headerOf,
  type ReadRequest,
  readAll,
  readText,
  refusalOf,
  temporaryFolder,
} from './captures.ts';

const fixtures = join(capturesFolder, 'curlconverter/fixtures');

/** Why a fixture's text is not what we read. */
const otherwise: Readonly<Record<string, RegExp>> = {
  // It takes the file name for the data.
  post_binary_file: /cannot read .\/sample.sparql: there is no such file/,
  upload_file: /cannot read file.txt: there is no such file/,
  // It takes @- for the data; a shell would connect standard input.
  read_stdin: /sends its standard input/,
  redirect_command_data: /reads what only a shell could give it/,
  redirect_variable_data: /reads what only a shell could give it/,
};

test.each(readdirSync(join(fixtures, 'http')).map((name) => name.replace('.txt', '')))(
  'curlconverter reads %s the same way',
  async (name) => {
    const command = readAll([join(fixtures, 'curl_commands', `${name}.sh`)]);
    const different = otherwise[name];
    if (different !== undefined) {
      expect(await refusalOf(command)).toMatch(different);
      return;
    }
    const text = readFileSync(join(fixtures, 'http', `${name}.txt`), 'latin1');
    const expected = await readText(text);
    expect((await command).map(plain)).toEqual(expected.map(plain));
  },
);

/** Its order of headers, and the version of curl, are its own. */
function plain({ method, target, host, port, headers, body }: ReadRequest) {
  const sorted = headers.map(
    ([name, value]) => `${name.toLowerCase()}: ${value.replace(/^curl\/[\d.]+$/, 'curl')}`,
  );
  return { method, target, host, port, body, headers: sorted.sort() };
}

const chromeBash = `curl 'https://example.org/app?a=1&b=%20' \\
  -X 'POST' \\
  -H 'accept: */*' \\
  -H 'content-type: application/x-www-form-urlencoded' \\
  -b 'sid=it'\\''s; b="2"' \\
  --data-raw $'q=it\\'s \\u00fc \\x41\\n\\041' \\
  --compressed ;
curl 'https://example.org/second' --insecure`;

test('"Copy as cURL (bash)" of one or all requests', async () => {
  const [first, second] = await readText(chromeBash);
  expect(first).toMatchObject({
    method: 'POST',
    target: '/app?a=1&b=%20',
    scheme: 'https',
    port: 443,
    body: "q=it's \xc3\xbc A\n!",
  });
  expect(first === undefined ? '' : headerOf(first, 'cookie')).toBe('sid=it\'s; b="2"');
  expect(second).toMatchObject({
    method: 'GET',
    target: '/second',
    source: { name: '-', entry: 2, offset: chromeBash.lastIndexOf('curl') },
  });
});

const chromeCmd = `curl ^"https://example.org/app?a=1^&b=^%^20^" ^
  -H ^"accept: */*^" ^
  -H ^"x-quote: a ^\\^"b^\\^" c^\\^\\d^" ^
  --data-raw ^"^{^\\^"a^\\^":1^}^

second^" ^&
curl ^"https://example.org/second^" &
curl "https://example.org/third" -H "x: \\"1\\" ^ \\\\ 2"`;

test('"Copy as cURL (cmd)" has carets, doubled backslashes and line ends of its own', async () => {
  for (const text of [
    chromeCmd.replace('^&\n', '&\n'),
    chromeCmd.replace('^&\n', '&\n').replaceAll('\n', '\r\n'),
  ]) {
    const [first, second, third] = await readText(text);
    expect(first).toMatchObject({ method: 'POST', target: '/app?a=1&b=%20', body: '{"a":1}\nsecond' });
    expect(first === undefined ? '' : headerOf(first, 'x-quote')).toBe('a "b" c\\d');
    expect(second?.target).toBe('/second');
    expect(third === undefined ? '' : headerOf(third, 'x')).toBe('"1" ^ \\\\ 2');
  }
});

const typed = (...words: string[]): Promise<readonly ReadRequest[]> => readAll(['curl', ...words]);

test('typed options make the request that curl would send', async () => {
  const headers = async (...words: string[]) => (await typed(...words, 'h'))[0]?.headers.slice(1);
  expect(await headers('-A', '', '-H', 'Accept:', '-H', 'X;', '-H', 'Y: 1', '-H', 'Y: 2')).toEqual([
    ['X', ''],
    ['Y', '1'],
    ['Y', '2'],
  ]);
  expect(
    await headers(
      '-uuser',
      '-r',
      '0-5',
      '-e',
      'http://x/;auto',
      '-Aa',
      '--compressed',
      '-b',
      'a=1',
      '-b',
      'b=2',
    ),
  ).toEqual([
    ['Authorization', 'Basic dXNlcjo='],
    ['Range', 'bytes=0-5'],
    ['User-Agent', 'a'],
    ['Accept', '*/*'],
    ['Accept-Encoding', 'deflate, gzip'],
    ['Referer', 'http://x/'],
    ['Cookie', 'a=1;b=2'],
  ]);
  expect(await headers('--oauth2-bearer', 't', '-H', 'User-Agent:', '-H', 'accept: x')).toEqual([
    ['Authorization', 'Bearer t'],
    ['accept', 'x'],
  ]);
  expect((await typed('-sSLkI', 'h'))[0]?.method).toBe('HEAD');
  expect((await typed('-0', 'h'))[0]?.protocol).toBe('HTTP/1.0');
  expect((await typed('-Gd', 'a=1', '--data-urlencode', 'b=ü &', '--url', 'h/x?y=1'))[0]?.target).toBe(
    '/x?y=1&a=1&b=%C3%BC+%26',
  );
  expect((await typed('h/a/./b/../c/..'))[0]?.target).toBe('/a/');
  expect((await typed('--path-as-is', 'h/a/../b'))[0]?.target).toBe('/a/../b');
  expect((await typed('-H', 'Host: other', 'https://h:81/'))[0]).toMatchObject({
    host: 'other',
    port: 81,
    headers: [
      ['User-Agent', 'curl/8.0.0'],
      ['Accept', '*/*'],
      ['Host', 'other'],
    ],
  });
  expect((await typed('--digest', '-u', 'a:b', 'h'))[0]?.notes.join()).toMatch(/no Authorization/);
});

test('several URLs and --next are several requests', async () => {
  const requests = await typed('-d', 'x', 'h/1', 'h/2', '--next', '-I', 'h/3');
  expect(requests.map(({ method, target, body, source }) => [method, target, body, source.entry])).toEqual([
    ['POST', '/1', 'x', 1],
    ['POST', '/2', 'x', 2],
    ['HEAD', '/3', undefined, 3],
  ]);
});

const folder = temporaryFolder();

test('a typed command sends files, and a form with them', async () => {
  folder.write('a.txt', 'one\r\ntwo\0');
  const inFolder = async (...words: string[]) =>
    (await readAll(['curl', ...words, 'h'], { workingDirectory: folder.path }))[0];
  expect((await inFolder('-d', '@a.txt', '-d', 'x'))?.body).toBe('onetwo&x');
  expect((await inFolder('--data-binary', '@a.txt'))?.body).toBe('one\r\ntwo\0');
  expect((await inFolder('--data-urlencode', 'n@a.txt'))?.body).toBe('n=one%0D%0Atwo%00');
  expect(await inFolder('-T', 'a.txt')).toMatchObject({
    method: 'PUT',
    target: '/a.txt',
    body: 'one\r\ntwo\0',
  });
  const form = await inFolder(
    '-F',
    'f=@a.txt;type=text/x;filename="b\\"c.txt"',
    '-F',
    'g=<a.txt',
    '--form-string',
    's=@x;type=y',
    '-F',
    'j={"a":1};type=application/json',
  );
  const boundary = /boundary=(.+)/.exec(
    form === undefined ? '' : (headerOf(form, 'content-type') ?? ''),
  )?.[1];
  expect(form?.body?.split(`--${boundary}`)).toEqual([
    '',
    '\r\nContent-Disposition: form-data; name="f"; filename="b%22c.txt"\r\nContent-Type: text/x\r\n\r\none\r\ntwo\0\r\n',
    '\r\nContent-Disposition: form-data; name="g"\r\n\r\none\r\ntwo\0\r\n',
    '\r\nContent-Disposition: form-data; name="s"\r\n\r\n@x;type=y\r\n',
    '\r\nContent-Disposition: form-data; name="j"\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n',
    '--\r\n',
  ]);
});

test('a command in a capture sends only files beside the capture', async () => {
  const outside = temporaryFolder();
  outside.write('secret', 'secret');
  folder.write('beside.txt', 'beside');
  const { symlinkSync } = await import('node:fs');
  symlinkSync(join(outside.path, 'secret'), join(folder.path, 'link'));
  const read = (file: string) =>
    readAll([folder.write('capture.sh', `curl --data-binary @${file} http://h/`)]);
  expect((await read('beside.txt'))[0]?.body).toBe('beside');
  for (const file of ['/etc/passwd', '../x/secret', 'link', join(outside.path, 'secret'), '.']) {
    expect(await refusalOf(read(file)), file).toMatch(/which is not in the folder of the capture/);
  }
  expect(await refusalOf(readText('curl -d @beside.txt http://h/'))).toMatch(
    /which a capture on its own cannot/,
  );
});

test.each([
  ['curl --frobnicate http://h/', /word 1 of the curl command, "--frobnicate", is no option/],
  ['curl -s http://h/ -sK x', /word 3 of the curl command, "-K", is no option/],
  ['curl -X', /-X of the curl command lacks its value/],
  ['curl -s', /names no URL/],
  ['curl http://h/ -d "$(rm -rf /)"', /"\$\(rm -rf \/\)\\"" asks a shell|asks a shell to run a command/],
  ['curl http://h/ -d `id`', /asks a shell to run a command/],
  ['curl http://h/ -d <(id)', /reads what only a shell could give it/],
  ["curl 'http://h/", /byte 5: a quote is not closed/],
  ['curl "http://h/', /a quote is not closed/],
  ["curl $'http://h/", /a quote is not closed/],
  ['curl http://h/\nrm -rf /', /entry 2, byte 15: "rm" is no curl command/],
  ['curl http://h/ (x)', /stands outside quotes/],
  ['curl gopher://h/', /is no URL/],
  ['curl -H @headers h', /names a file of headers/],
  ['curl -d a -F b=c h', /more than one body/],
  [`curl -H $'A: b\\nC: d' h`, /control byte 0x0a/],
  ['curl -F a=@x,y h', /names several files/],
])('refused, and nothing is run: %s', async (text, sentence) => {
  expect(await refusalOf(readText(text))).toMatch(sentence);
});

test('single quotes are literal, pipes and redirections of answers are left aside', async () => {
  const [request, ...more] = await readText(
    "# mine\n$ A=1 /usr/bin/curl -d '$(id) `id`' h 2>&1 >/dev/null | jq . && curl h/2 &> log",
  );
  expect(request?.body).toBe('$(id) `id`');
  expect(more.map(({ target }) => target)).toEqual(['/2']);
});
