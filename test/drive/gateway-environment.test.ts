// The environment of a program: RFC 3875 to the letter, and what the presets add to it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gatewayVariables, searchWords } from '../../src/drive/gateway/environment.ts';
import { serverNamed, serverNames, withSettings, withVariables } from '../../src/drive/gateway/servers.ts';
import { UserError } from '../../src/errors.ts';
import type { CapturedRequest, Header } from '../../src/model/request.ts';
import { type RequestWords, requestOf } from './gateway-requests.ts';

const program = { path: '/srv/www/cgi-bin/app.cgi', mode: 'cgi' } as const;
const none = serverNamed('none');

function made(words: RequestWords, server = none) {
  return gatewayVariables(requestOf(words), program, server);
}

function variablesOf(words: RequestWords, server = none): Readonly<Record<string, string>> {
  return Object.fromEntries(made(words, server).variables);
}

describe('without a preset', () => {
  test('a program gets what RFC 3875 names, and nothing else', () => {
    expect(
      variablesOf({
        method: 'POST',
        target: '/cgi-bin/app.cgi/extra%20path?a=%20b&c',
        scheme: 'https',
        host: 'shop.example',
        port: 8443,
        headers: [
          ['Host', 'shop.example:8443'],
          ['Authorization', 'Basic YW5uOndvcmQ='],
          ['Content-Type', 'text/plain'],
          ['Content-Length', '3'],
          ['Connection', 'keep-alive'],
          ['Cookie', 'a=1'],
          ['Cookie', 'b=2'],
          ['accept', 'text/html'],
          ['Accept', '*/*'],
        ],
        body: 'abc',
      }),
    ).toEqual({
      AUTH_TYPE: 'Basic',
      CONTENT_LENGTH: '3',
      CONTENT_TYPE: 'text/plain',
      GATEWAY_INTERFACE: 'CGI/1.1',
      HTTP_ACCEPT: 'text/html, */*',
      HTTP_COOKIE: 'a=1; b=2',
      HTTP_HOST: 'shop.example:8443',
      PATH_INFO: '/extra path',
      PATH_TRANSLATED: '/srv/www/extra path',
      QUERY_STRING: 'a=%20b&c',
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_HOST: '127.0.0.1',
      REMOTE_USER: 'ann',
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '/cgi-bin/app.cgi',
      SERVER_NAME: 'shop.example',
      SERVER_PORT: '8443',
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_SOFTWARE: 'vgrun',
    });
  });

  test('a request without a body has no content, and one of no bytes has a length of 0', () => {
    expect(variablesOf({})).not.toHaveProperty('CONTENT_LENGTH');
    expect(variablesOf({ method: 'POST', body: '' })).toMatchObject({ CONTENT_LENGTH: '0' });
  });

  test('an address of IPv6 stands in brackets', () => {
    expect(variablesOf({ host: '::1' })).toMatchObject({ SERVER_NAME: '[::1]' });
    expect(variablesOf({ host: '[::1]' })).toMatchObject({ SERVER_NAME: '[::1]' });
  });

  test.each([
    ['/cgi-bin/app.cgi', '/cgi-bin/app.cgi', undefined],
    ['/cgi-bin/app.cgi/', '/cgi-bin/app.cgi', '/'],
    ['/cgi-bin/app.cgi//a/../b', '/cgi-bin/app.cgi', '//a/../b'],
    ['/app.cgi/app.cgi/x', '/app.cgi', '/app.cgi/x'],
    ['/elsewhere/a%20b', '/elsewhere/a b', undefined],
    ['/%', '/%', undefined],
    ['/', '/', undefined],
    ['*', '/app.cgi', undefined],
  ])('the path %s is split where the program is named', (target, scriptName, pathInfo) => {
    const variables = variablesOf({ target });
    expect(variables.SCRIPT_NAME).toBe(scriptName);
    expect(variables.PATH_INFO).toBe(pathInfo);
  });

  test.each([
    ['/shop', '/shop/a/b', '/shop', '/a/b'],
    ['shop/', '/shop', '/shop', undefined],
    ['/', '/a/b', '', '/a/b'],
    ['/shop', '/shopping', '/shop', '/shopping'],
  ])('with --script-name %s the path %s is split after it', (scriptName, target, name, info) => {
    const variables = variablesOf({ target }, withSettings(none, { scriptName }));
    expect(variables.SCRIPT_NAME).toBe(name);
    expect(variables.PATH_INFO).toBe(info);
  });
});

describe('what is set by the user', () => {
  test('comes last, and null takes a variable away', () => {
    const server = withSettings(serverNamed('apache'), {
      environment: { LANG: 'C', SERVER_ADMIN: null, QUERY_STRING: 'mine' },
    });
    const variables = variablesOf({ target: '/cgi-bin/app.cgi?theirs' }, server);
    expect(variables).toMatchObject({ LANG: 'C', QUERY_STRING: 'mine' });
    expect(variables).not.toHaveProperty('SERVER_ADMIN');
  });

  test('is bytes, however it was typed', () => {
    const typed = withSettings(none, { scriptName: '/käse', environment: { A: 'ü' } });
    const server = withVariables(typed, [
      ['B', '\xff'],
      ['C', '1'],
      ['C', '2'],
    ]);
    expect(variablesOf({ target: '/k%C3%A4se/x' }, server)).toMatchObject({
      A: '\xc3\xbc',
      B: '\xff',
      C: '2',
      SCRIPT_NAME: '/k\xc3\xa4se',
      PATH_INFO: '/x',
    });
    const path = '/srv/käse.cgi';
    const { variables } = gatewayVariables(
      requestOf({ target: '/k%c3%a4se.cgi/x' }),
      { path, mode: 'cgi' },
      server,
    );
    expect(variables.get('SCRIPT_NAME')).toBe('/k\xc3\xa4se');
  });

  test('and has a name that no program could read, is refused', () => {
    expect(() => withSettings(none, { environment: { 'A-B': '1' } })).toThrow("environment cannot set 'A-B'");
  });

  test('makes a server of its own, from one that is known', () => {
    const users = {
      shop: { extends: 'apache', documentRoot: '/srv/shop/', environment: { SHOP: '1' } },
      test: { extends: 'shop', serverName: 'test.example' },
    };
    expect(variablesOf({}, serverNamed('test', users))).toMatchObject({
      SERVER_NAME: 'test.example',
      SHOP: '1',
      DOCUMENT_ROOT: '/srv/shop',
      SERVER_SOFTWARE: 'Apache/2.4 (Unix)',
    });
    expect(serverNamed('nginx', { nginx: { serverPort: 8080 } })).toMatchObject({
      ...serverNamed('nginx'),
      serverPort: 8080,
    });
  });

  test('a server that is not there is refused with the names of those that are', () => {
    expect(() => serverNamed('apach', { shop: {} })).toThrow("no server is called 'apach'");
    const error = caught(() => serverNamed('apach', { shop: {} }));
    expect(error.hint).toBe('did you mean apache? there are apache, nginx, lighttpd, boa, none, shop');
  });

  test('servers that extend each other are refused', () => {
    expect(() => serverNamed('a', { a: { extends: 'b' }, b: { extends: 'a' } })).toThrow('a -> b -> a');
  });
});

describe('whatever the server', () => {
  test.each(serverNames)('%s never sets HTTP_PROXY, nor a name with other characters', (name) => {
    const { variables, notes } = made(
      {
        headers: [
          ['Proxy', 'http://elsewhere.example'],
          ['pRoXy', 'http://elsewhere.example'],
          ['x_a', '1'],
          ['a b', '1'],
          ['a\xe4', '1'],
        ],
      },
      serverNamed(name),
    );
    expect(Object.keys(Object.fromEntries(variables)).filter((one) => one.startsWith('HTTP_'))).toEqual([]);
    expect(notes).toContain(
      'the header field Proxy is left out: as HTTP_PROXY it would redirect what the program fetches',
    );
    expect(notes.join('\n')).toContain("'x_a' is left out");
  });

  test.each(serverNames)('%s says that a request came by https', (name) => {
    const server = serverNamed(name);
    const expected = server.extensions.includes('HTTPS') ? 'on' : undefined;
    expect(variablesOf({ scheme: 'https' }, server).HTTPS).toBe(expected);
    expect(variablesOf({ scheme: 'http' }, server)).not.toHaveProperty('HTTPS');
  });

  test('a folded line and blanks around a value are one value', () => {
    const headers = [
      ['X-A', ' \ta \r\n\t b\n\n'],
      ['X-B', `a${' '.repeat(60_000)}b`],
    ] as const;
    expect(variablesOf({ headers })).toMatchObject({ HTTP_X_A: 'a b', HTTP_X_B: headers[1][1] });
  });

  test('megabytes of blanks take no time to speak of', () => {
    const headers = [['X-A', `a${' '.repeat(5_000_000)}b`]] as const;
    const { variables } = gatewayVariables(requestOf({ headers }), { ...program, mode: 'fastcgi' }, none);
    expect(variables.get('HTTP_X_A')).toHaveLength(5_000_002);
  });

  test('who is logged in by Digest is told too', () => {
    const headers = [['Authorization', 'Digest realm="a", username="ann \\"x\\"", nonce="1"']] as const;
    expect(variablesOf({ headers })).toMatchObject({ AUTH_TYPE: 'Digest', REMOTE_USER: 'ann "x"' });
    expect(variablesOf({ headers: [['Authorization', 'Bearer x']] })).not.toHaveProperty('AUTH_TYPE');
    expect(variablesOf({ headers }, serverNamed('nginx'))).toMatchObject({ REMOTE_USER: '' });
  });

  test('a NUL byte in a path is refused', () => {
    expect(() => made({ target: '/cgi-bin/app.cgi/a%00b' })).toThrow(
      'request 1 of requests.http has a NUL byte in what becomes PATH_INFO',
    );
  });

  test('what the system cannot give a program is refused, and FastCGI can', () => {
    const words = { headers: [['Cookie', 'x'.repeat(131_072)]] as const };
    expect(() => made(words)).toThrow('HTTP_COOKIE 131085 bytes long');
    const { variables } = gatewayVariables(requestOf(words), { ...program, mode: 'fastcgi' }, none);
    expect(variables.get('HTTP_COOKIE')).toHaveLength(131_072);
    const fits = { headers: [['Cookie', 'x'.repeat(131_072 - 'HTTP_COOKIE='.length - 1)]] as const };
    expect(made(fits).variables.has('HTTP_COOKIE')).toBe(true);
  });
});

test('boa sets what its source says', () => {
  expect(
    variablesOf(
      { method: 'POST', target: '/cgi-bin/app.cgi', headers: [['Content-Type', 'a/b']], body: '' },
      serverNamed('boa'),
    ),
  ).toEqual({
    CONTENT_TYPE: 'a/b',
    DOCUMENT_ROOT: '/srv/www',
    GATEWAY_INTERFACE: 'CGI/1.1',
    PATH: '/bin:/usr/bin:/usr/local/bin',
    QUERY_STRING: '',
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '49152',
    REQUEST_METHOD: 'POST',
    SCRIPT_NAME: '/cgi-bin/app.cgi',
    SERVER_ADMIN: 'webmaster@localhost',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_SOFTWARE: 'Boa/0.94.13',
  });
  expect(made({ method: 'PUT' }, serverNamed('boa')).notes).toEqual([
    'boa answers PUT itself and starts no program for it',
  ]);
});

describe('a query without = becomes arguments', () => {
  test.each([
    ['none', 'GET', 'a+b%20c', ['a', 'b c']],
    ['none', 'GET', 'a=b', []],
    ['none', 'GET', 'a+%00', []],
    ['none', 'POST', 'a', []],
    ['apache', 'GET', 'a%26b', ['a\\&b']],
    ['nginx', 'GET', 'a', []],
  ] as const)('%s %s ?%s', (name, method, query, words) => {
    expect(searchWords(requestOf({ method, target: `/x?${query}` }), serverNamed(name))).toEqual(words);
  });
});

// ---- a second reading of RFC 3875, section 4.1, written from its text alone

const tokenLetters = [..."!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"];
const fieldName = fc.oneof(
  fc.constantFrom(
    'Accept',
    'Cookie',
    'Content-Type',
    'Content-Length',
    'Proxy',
    'proxy',
    'Connection',
    'Host',
    'TE',
  ),
  fc
    .array(fc.constantFrom(...tokenLetters), { minLength: 1, maxLength: 12 })
    .map((letters) => letters.join('')),
);
const latin1 = (least: number) =>
  fc.integer({ min: least, max: 255 }).map((code) => (code === 127 ? ' ' : String.fromCharCode(code)));
const fieldValue = fc.array(latin1(32), { maxLength: 20 }).map((letters) => letters.join(''));
const pathPiece = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '/.',
    '/..',
    'a',
    'app.cgi',
    '/app.cgi',
    '/app.cgi/',
    '%2F',
    '%20',
    '%C3%BC',
    '%',
    '%4',
    '+',
    ';',
  ),
  fc.array(fc.constantFrom(...'abc-._~:@!$&'), { maxLength: 5 }).map((letters) => letters.join('')),
);
const requests: fc.Arbitrary<CapturedRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'FOO'),
    path: fc.array(pathPiece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`),
    query: fc.option(
      fc.array(latin1(33), { maxLength: 10 }).map((letters) => letters.join('')),
      { nil: undefined },
    ),
    scheme: fc.constantFrom('http' as const, 'https' as const),
    host: fc.constantFrom('a.example', '::1', '10.0.0.1'),
    port: fc.integer({ min: 1, max: 65_535 }),
    headers: fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 8 }),
    body: fc.option(fieldValue, { nil: undefined }),
  })
  .map(({ path, query, body, ...words }) =>
    requestOf({
      ...words,
      target: query === undefined ? path : `${path}?${query}`,
      ...(body === undefined ? {} : { body }),
    }),
  );

function byTheRfc({
  target,
  headers,
  body,
  method,
  protocol,
  port,
  host,
}: CapturedRequest): Map<string, string> {
  const [rawPath = '', ...queries] = target.split('?');
  const path = unescape(rawPath);
  const at = `${path}/`.indexOf('/app.cgi/');
  const name = at === -1 ? path : path.slice(0, at + '/app.cgi'.length);
  const info = path.slice(name.length);
  const values = new Map<string, string>([
    ['GATEWAY_INTERFACE', 'CGI/1.1'],
    ['REQUEST_METHOD', method],
    ['QUERY_STRING', queries.join('?')],
    ['SCRIPT_NAME', name],
    ['SERVER_PROTOCOL', protocol],
    ['SERVER_PORT', `${port}`],
    ['SERVER_NAME', host === '::1' ? '[::1]' : `${host}`],
    ['SERVER_SOFTWARE', 'vgrun'],
    ['REMOTE_ADDR', '127.0.0.1'],
    ['REMOTE_HOST', '127.0.0.1'],
  ]);
  if (info !== '') {
    const root =
      '/srv/www/cgi-bin/app.cgi'.endsWith(name) && name.length > 1
        ? program.path.slice(0, -name.length)
        : '/srv/www/cgi-bin';
    values.set('PATH_INFO', info).set('PATH_TRANSLATED', root + info);
  }
  if (body !== undefined) values.set('CONTENT_LENGTH', `${body.length}`);
  const withheld = ['proxy', 'connection', 'te', 'content-length'];
  for (const [field, text] of headers as readonly Header[]) {
    const key = field.toLowerCase();
    if (/[^a-z0-9-]/.test(key) || withheld.includes(key)) continue;
    const value = text.replace(/^ +| +$/g, '');
    const variable = key === 'content-type' ? 'CONTENT_TYPE' : `HTTP_${key.replace(/-/g, '_').toUpperCase()}`;
    const before = values.get(variable);
    if (before === undefined) values.set(variable, value);
    else if (key !== 'host' && key !== 'content-type') {
      values.set(variable, before + (key === 'cookie' ? '; ' : ', ') + value);
    }
  }
  return values;
}

function byName(variables: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...variables].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('any request', () => {
  test('gets the environment that a second reading of RFC 3875 gives', () => {
    fc.assert(
      fc.property(requests, (request) => {
        expect(byName(gatewayVariables(request, program, none).variables)).toEqual(byName(byTheRfc(request)));
      }),
      { numRuns: 1000 },
    );
  });

  test.each(serverNames)('gives proper variables with %s', (name) => {
    fc.assert(
      fc.property(requests, (request) => {
        const { variables } = gatewayVariables(request, program, serverNamed(name));
        for (const [variable, value] of variables) {
          expect(variable).toMatch(/^[A-Z][A-Z0-9_]*$/);
          expect(variable).not.toBe('HTTP_PROXY');
          expect(value).not.toMatch(/[\0\r\n]/);
        }
      }),
    );
  });

  test('with any bytes at all gives variables or a sentence', () => {
    const anything = fc.array(latin1(0), { maxLength: 30 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(
        anything,
        fc.array(fc.tuple(anything, anything)),
        fc.constantFrom(...serverNames),
        (target, headers, name) => {
          try {
            const { variables } = gatewayVariables(
              requestOf({ target, headers }),
              program,
              serverNamed(name),
            );
            expect([...variables.values()].join('')).not.toContain('\0');
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
          }
        },
      ),
    );
  });
});

function caught(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error;
  }
  throw new Error('no UserError was thrown');
}
