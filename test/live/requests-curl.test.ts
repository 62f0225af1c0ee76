// What curl really sends, against what we read of the same command.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ReadRequest, readAll, readText } from '../drive/captures.ts';
import { runProgram, testFolder } from './vgrun.ts';

const folder = testFolder();
const hasCurl = ((): boolean => {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return process.env.CI === 'true';
  }
})();

/** What came over the wire, and where it was sent to. */
async function sentBy(
  words: (url: string) => readonly string[],
): Promise<{ readonly wire: string; readonly url: string }> {
  let wire = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      wire += piece.toString('latin1');
      const head = wire.indexOf('\r\n\r\n');
      const length = Number(/^content-length: (\d+)/im.exec(wire)?.[1] ?? 0);
      if (head >= 0 && wire.length >= head + 4 + length)
        socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    // -q: a .curlrc of whoever runs the tests changes nothing.
    await runProgram('curl', ['-q', '-s', '--max-time', '20', ...words(url)], { cwd: folder() });
  } finally {
    server.close();
  }
  return { wire, url };
}

function plain({ method, target, host, port, headers, body }: ReadRequest) {
  const boundary = /boundary=(\S+)/.exec(
    headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '',
  )?.[1];
  const same = (text: string): string =>
    boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY');
  return {
    method,
    target,
    host,
    port,
    body: body === undefined ? undefined : same(body),
    headers: headers
      .filter(([name]) => boundary === undefined || name !== 'Content-Length')
      .map(
        ([name, value]) =>
          `${name}: ${same(value)
            .replace(/^curl\/.*/, 'curl')
            .replace(/^deflate.*/, 'compressed')}`,
      )
      .sort(),
  };
}

const commands: readonly (readonly string[])[] = [
  ['/a?b=c'],
  ['/a/../b/./c'],
  ['--path-as-is', '/a/../b'],
  ['-d', 'a=1', '-d', 'b=%20ü', '/'],
  ['-d', '@data.txt', '/'],
  ['--data-binary', '@data.txt', '/'],
  ['--data-urlencode', 'a=b c&d', '--data-urlencode', '=x y', '--data-urlencode', 'f@data.txt', '/'],
  ['-G', '-d', 'x=1', '--data-urlencode', 'y= ', '/p?q'],
  ['--json', '{"a":', '--json', '1}', '/'],
  [
    '-F',
    'a=b',
    '-F',
    'f=@data.txt',
    '-F',
    'g=<data.txt',
    '-F',
    'h=@data.txt;type=text/x;filename=other.png',
    '/',
  ],
  ['--form-string', 'a=@b;type=c', '-F', 'n="q\\"x";type=application/json', '-F', 'i=@data.bin', '/'],
  ['-T', 'data.txt', '/dir/'],
  ['-T', 'data.txt', '/file'],
  ['-I', '/'],
  ['-u', 'user:pässword', '-A', 'me', '-e', 'http://x/', '-b', 'a=1; b=2', '/'],
  ['-b', 'a=1', '-b', 'b=2', '/'],
  ['-H', 'X-Empty;', '-H', 'Accept:', '-H', 'X-Twice: 1', '-H', 'X-Twice: 2', '-H', 'user-agent: other', '/'],
  ['-H', 'Content-Type: text/plain', '-d', 'x', '-X', 'PATCH', '/'],
  ['-r', '0-99', '--compressed', '/'],
  ['-r', '5', '/'],
  ['-0', '/'],
  ['-d', '', '/'],
  ['--oauth2-bearer', 'token', '/'],
];

test.runIf(hasCurl).each(commands)('curl sends what is read: %s %s %s %s %s', async (...words) => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(join(folder(), 'data.txt'), 'one\r\ntwo&\n');
  writeFileSync(join(folder(), 'data.bin'), Buffer.from([0, 1, 255]));
  const withUrl = (url: string): readonly string[] => [...words.slice(0, -1), `${url}${words.at(-1)}`];
  const { wire, url } = await sentBy(withUrl);
  const [sent] = await readText(wire);
  const [read] = await readAll(['curl', ...withUrl(url)], { workingDirectory: folder() });
  expect(read === undefined ? '' : plain(read)).toEqual(
    sent === undefined ? 'nothing was sent' : plain(sent),
  );
});
