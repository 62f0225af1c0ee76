// Properties of the readers of captures: any bytes, any request in any form, and what node:http makes of the same text.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, METHODS } from 'node:http';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { capturesFolder, inPieces, type ReadRequest, readAll, readText } from './captures.ts';

interface Wanted {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
}

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.!~'), minLength: 1, maxLength: 8 });
const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const printable = fc.string({
  unit: fc.constantFrom(...' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~aA0\t'),
  maxLength: 20,
});
const target = fc
  .string({ unit: fc.constantFrom(..."ab/?&=%20+;,:@!$'()*~_-"), maxLength: 20 })
  .map((rest) => `/${rest}`);
const requests: fc.Arbitrary<Wanted> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PROPFIND', 'DELETE'),
  target,
  headers: fc.array(
    fc.tuple(
      token.map((name) => `X-${name}`),
      printable.map((value) => value.trim()),
    ),
    { maxLength: 5 },
  ),
  body: fc.option(
    fc.string({
      unit: fc.oneof(byte, fc.constantFrom('\r\n', '\n', "'", '"', '\\', '0\r\n\r\n')),
      maxLength: 200,
    }),
    { nil: undefined },
  ),
});

const bash = (text: string): string =>
  /^[\x20-\x7e\xa0-\xff]*$/.test(text)
    ? `'${text.replaceAll("'", "'\\''")}'`
    : `$'${text.replace(/[^ -&(-[\]-~]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)}'`;

/** As Chrome writes it for cmd.exe. */
const cmd = (text: string): string =>
  `^"${text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replace(/[^a-zA-Z0-9\s_\-:=+~'/.',?;()*`]/g, '^$&')
    .replace(/\r?\n|\r/g, '^\n\n')}^"`;

const head = (
  { method, target: path, headers }: Wanted,
  extra: readonly (readonly [string, string])[],
  end: string,
): string =>
  [
    `${method} ${path} HTTP/1.1`,
    'Host: h',
    ...[...headers, ...extra].map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join(end);
const length = ({ body }: Wanted): readonly (readonly [string, string])[] =>
  body === undefined ? [] : [['Content-Length', String(body.length)]];

const curl = (
  { method, target: path, headers, body }: Wanted,
  quote: (text: string) => string,
  glue: string,
): string =>
  [
    'curl',
    quote(`http://h${path}`),
    '--path-as-is',
    '-X',
    method,
    ...['Host: h', 'User-Agent:', 'Accept:', 'Content-Type:']
      .concat(headers.map(([name, value]) => (value === '' ? `${name};` : `${name}: ${value}`)))
      .map((header) => `-H ${quote(header)}`),
    ...(body === undefined ? [] : ['--data-raw', quote(body)]),
  ].join(glue);

const forms: Readonly<Record<string, (request: Wanted) => string>> = {
  'raw text with CR LF': (request) => head(request, length(request), '\r\n') + (request.body ?? ''),
  'raw text with LF': (request) => head(request, length(request), '\n') + (request.body ?? ''),
  chunks: (request) => {
    if (request.body === undefined) return head(request, [], '\r\n');
    const chunks = request.body.match(/[\s\S]{1,7}/g) ?? [];
    return `${head(request, [['Transfer-Encoding', 'chunked']], '\r\n')}${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
  },
  HAR: ({ method, target: path, headers, body }) =>
    JSON.stringify({
      log: {
        entries: [
          {
            request: {
              method,
              url: `http://h${path}`,
              headers: headers.map(([name, value]) => ({ name, value })),
              ...(body === undefined
                ? {}
                : { postData: { text: Buffer.from(body, 'latin1').toString('base64'), encoding: 'base64' } }),
            },
          },
        ],
      },
    }),
  'curl for bash': (request) => curl(request, bash, ' \\\n  '),
};

/** What must be the same in every form; a length follows from the body. */
const essence = (request: ReadRequest): Wanted => ({
  method: request.method,
  target: request.target,
  headers: request.headers.filter(([name]) => !/^(host|content-length)$/i.test(name)),
  body: request.body,
});

for (const [form, write] of Object.entries(forms)) {
  test(`a request is read back as it is, from ${form}`, async () => {
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const read = await readText(write(request));
        expect(read.map(essence)).toEqual([request]);
        expect(read[0]).toMatchObject({ host: 'h', port: 80, scheme: 'http' });
      }),
      { numRuns: 300 },
    );
  });
}

test('a request is read back as it is, from curl for cmd', async () => {
  const plain = requests.map((request) => ({ ...request, body: request.body?.replace(/[^\n -~]/g, '.') }));
  await fc.assert(
    fc.asyncProperty(plain, async (request) => {
      expect((await readText(curl(request, cmd, ' ^\n  '))).map(essence)).toEqual([request]);
    }),
    { numRuns: 300 },
  );
});

test('requests one behind the other are read back in order', async () => {
  const written = fc.array(fc.tuple(requests, fc.constantFrom('raw text with CR LF', 'chunks')), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(written, async (list) => {
      // A line end more between them does no harm.
      const text = list.map(([request, form]) => forms[form]?.(request)).join('\r\n');
      expect((await readText(text)).map(essence)).toEqual(list.map(([request]) => request));
    }),
    { numRuns: 200 },
  );
});

/** What Node's own parser makes of a text; nothing when it refuses it or waits for more. */
function readByNode(text: string): Promise<Wanted | undefined> {
  return new Promise((resolve) => {
    const server = createServer({ requireHostHeader: false, maxHeaderSize: 4_000_000 });
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const give = (request: IncomingMessage): void => {
      let body = '';
      request.setEncoding('latin1').on('data', (piece: string) => {
        body += piece;
      });
      request.on('end', () => {
        const pairs = request.rawHeaders.flatMap((name, index, all) =>
          index % 2 === 0 ? [[name, all[index + 1] ?? ''] as const] : [],
        );
        resolve({ method: request.method ?? '', target: request.url ?? '', headers: pairs, body });
      });
      request.on('error', () => resolve(undefined));
    };
    server.on('request', give);
    server.on('checkContinue', give);
    server.on('checkExpectation', give);
    server.on('upgrade', give);
    server.on('clientError', () => resolve(undefined));
    server.emit('connection', socket);
    socket.push(Buffer.from(text, 'latin1'));
    socket.push(null);
    setTimeout(() => resolve(undefined), 200).unref();
  });
}

test('what is accepted, node:http accepts, and reads the same', async () => {
  const odd = fc.constantFrom(
    '\0',
    '\r',
    '\n',
    '\r\n',
    '\t',
    ' ',
    ':',
    ',',
    '\x7f',
    '\x0b',
    '\xff',
    ';',
    '#',
    'Content-Length: 3\r\n',
    'Content-Length: 03\r\n',
    'Transfer-Encoding: chunked\r\n',
    'transfer-encoding: x, chunked\r\n',
    'Connection: close\r\n',
    'Host: a\r\n',
    ' folded\r\n',
    '0\r\n\r\n',
    '+1',
    'HTTP/1.0',
  );
  const changes = fc.array(fc.tuple(fc.nat(), odd, fc.nat(3)), { maxLength: 3 });
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(
      requests,
      fc.constantFrom('raw text with CR LF', 'chunks'),
      changes,
      async (request, form, edits) => {
        let text = forms[form]?.(request) ?? '';
        for (const [at, piece, removed] of edits) {
          const index = at % text.length;
          text = text.slice(0, index) + piece + text.slice(index + removed);
        }
        const end = text.indexOf('\r\n\r\n');
        // An editor may have taken the blank line at the end; a server waits for it.
        if (end < 0) return;
        // Bare LF is accepted from files that an editor saved; a server need not.
        if (/(^|[^\r])\n/.test(text.slice(0, end))) return;
        // Old browsers send bytes of their own character set in a URL; Apache and nginx take them, node does not.
        if (/^[^\r]*[\x80-\xff]/.test(text)) return;
        // RFC 9112, section 6.3: a length that is said twice alike may be taken for one; node does not.
        if ((text.slice(0, end).match(/\ncontent-length:/gi) ?? []).length > 1) return;
        // RFC 9110, section 5.6.3: blanks behind a value are none of it, tabs too; behind a length node takes no tab.
        if (/\ncontent-length:[^\r]*\t\r/i.test(text.slice(0, end + 2))) return;
        // Trailers are left out, whatever stands in them.
        if (/(?:^|\r\n)0+\r\n[^\r]/.test(text.slice(end + 2))) return;
        const [read] = await readText(text).catch((error: unknown) => {
          if (error instanceof UserError) return [];
          throw error;
        });
        // Node knows a list of methods; to CGI any is one.
        if (read === undefined || !METHODS.includes(read.method)) return;
        accepted += 1;
        const judged = await readByNode(text);
        expect(judged?.method).toBe(read.method);
        expect(judged?.body).toBe(read.body ?? '');
        if (!read.notes.some((note) => note.includes('fragment'))) expect(judged?.target).toBe(read.target);
        const kept = (headers: Wanted['headers']) =>
          headers.filter(([name]) => !/^(content-length|transfer-encoding|connection|host)$/i.test(name));
        expect(kept(read.headers)).toEqual(kept(judged?.headers ?? []));
      },
    ),
    { numRuns: 600 },
  );
  expect(accepted).toBeGreaterThan(50);
});

const seeds = [
  ...Object.values(forms).map((write) =>
    write({ method: 'POST', target: '/a?b=1', headers: [['X-A', 'b']], body: 'a=1&b=2' }),
  ),
  curl({ method: 'POST', target: '/a', headers: [['X-A', 'b']], body: '{"a":1}' }, cmd, ' ^\n  '),
  'curl -F a=b -F c=d -u x:y http://h/ ; curl h -G -d x\n',
  'http://h/\nhttp://h/2\n',
  ...[
    'curl/trace.txt',
    'curl/trace-ascii.txt',
    'curl/verbose.txt',
    'mitmproxy/flows/corrupted_gzip_body.mitm',
    'mitmproxy/flows/compressed.zhar',
  ].map((name) => readFileSync(join(capturesFolder, name), 'latin1')),
];

async function answers(text: string): Promise<void> {
  try {
    // Pieces of odd sizes: a boundary may be anywhere.
    await readAll(['-'], { stdin: () => inPieces(Buffer.from(text, 'latin1'), 13) });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).not.toMatch(/[\x00-\x1f\x7f]/);
    expect(error.hint).toBeDefined();
  }
}

test('any bytes give requests or a clear error', async () => {
  const start = fc.constantFrom(
    '',
    '{',
    'curl ',
    'GET / HTTP/1.1\r\n',
    '> GET / HTTP/1.1\n',
    '=> Send header, 9 bytes\n',
    '\x78\x9c',
    '\x1f\x8b',
    '12:4:type;',
    ':method: GET\n',
    'http://',
  );
  await fc.assert(
    fc.asyncProperty(start, fc.string({ unit: byte, maxLength: 300 }), (before, rest) =>
      answers(before + rest),
    ),
    { numRuns: 1000 },
  );
});

test('any damage to a capture gives requests or a clear error', async () => {
  const damage = fc.tuple(
    fc.nat(),
    fc.nat(12),
    fc.string({
      unit: fc.oneof(byte, fc.constantFrom('\r\n', '"', "'", '^', '\\', '{', '99999999999999', ':')),
      maxLength: 4,
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...seeds),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      async (seed, edits) => {
        let text = seed;
        for (const [at, removed, piece] of edits) {
          const index = at % (text.length + 1);
          text = text.slice(0, index) + piece + text.slice(index + removed);
        }
        await answers(text);
      },
    ),
    { numRuns: 1500 },
  );
});

test('seeds of these tests are captures', async () => {
  for (const seed of seeds) expect((await readText(seed)).length, seed.slice(0, 40)).toBeGreaterThan(0);
});
