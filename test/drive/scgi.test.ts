// Speaking to SCGI programs.
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openScgiGateway } from '../../src/drive/scgi.ts';
import { ask, patient, patternBody } from './served-programs.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** An SCGI program whose answer is told by a function of its headers and the length of the body. */
async function serve(answer: (headers: ReadonlyMap<string, string>, body: number) => string, limits = {}) {
  const server = createServer((socket) => {
    sockets.add(socket);
    let head = '';
    let headers: Map<string, string> | undefined;
    let body = 0;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      if (headers === undefined) {
        head += bytes.toString('latin1');
        const start = head.indexOf(':') + 1;
        const length = Number(head.slice(0, start - 1));
        if (start === 0 || head.length < start + length + 1) return;
        expect(head[start + length]).toBe(',');
        const words = head.slice(start, start + length).split('\0');
        headers = new Map();
        for (let at = 0; at + 1 < words.length; at += 2) headers.set(words[at] ?? '', words[at + 1] ?? '');
        body = head.length - start - length - 1;
      } else body += bytes.length;
      if (body === Number(headers.get('CONTENT_LENGTH'))) socket.end(answer(headers, body));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return openScgiGateway({ kind: 'tcp', host: '127.0.0.1', port }, { ...patient, ...limits });
}

test('a program gets its variables and its body, and what it answers until it closes is the answer', async () => {
  const gateway = await serve((headers, body) => `${JSON.stringify([...headers])} ${body}`);
  const { stdout, ...rest } = await ask(gateway, 'a=1', patternBody(3_000_000));
  expect(stdout).toBe(
    '[["CONTENT_LENGTH","3000000"],["SCGI","1"],["GATEWAY_INTERFACE","CGI/1.1"],["REQUEST_METHOD","POST"],["QUERY_STRING","a=1"]] 3000000',
  );
  expect(rest).toEqual({ faults: [], bytes: stdout.length, stderr: '' });
  expect((await ask(gateway, '')).stdout).toMatch(/^\[\["CONTENT_LENGTH","0"\].* 0$/);
});

test('a program that answers nothing, too much or too late is not waited for', async () => {
  expect((await ask(await serve(() => ''), '')).lost).toBe(
    'the program closed the connection without an answer',
  );
  const long = await ask(await serve(() => 'x'.repeat(200_000), { maxBytes: 1000 }), '');
  expect(long.lost).toBe('its answer is longer than 1000 bytes');
  const body = { length: 10, open: async function* () {} };
  expect((await ask(await serve(() => ''), '', body)).lost).toBe(
    'the body of the request could not be read: it has 0 bytes instead of 10',
  );
  const gateway = await serve(() => '', { firstByteMs: 200 });
  const waits = {
    length: 10,
    open: async function* () {
      yield Buffer.from('abc');
      await new Promise((resolve) => setTimeout(resolve, 1000));
    },
  };
  expect((await ask(gateway, '', waits)).lost).toBe('no byte of an answer came within 200 ms');
  gateway.close();
  expect((await ask(gateway, '')).lost).toBe('the connections were closed');
});
