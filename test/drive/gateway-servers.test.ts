// The presets beside the real servers: a program gets from vgrun what it gets from them.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gatewayVariables, searchWords } from '../../src/drive/gateway/environment.ts';
import type { Server } from '../../src/drive/gateway/server-presets.ts';
import { serverNamed, withSettings } from '../../src/drive/gateway/servers.ts';
import { testFolder } from '../live/vgrun.ts';
import { type RequestWords, requestOf } from './gateway-requests.ts';
import { type Given, isThere, startWebServer, type WebServer } from './web-servers.ts';

const fields = [
  ['Accept', 'text/html'],
  ['Accept-Language', ' de, en;q=0.5 '],
  ['Cookie', 'a=1; b="x y"'],
  ['X-Own', 'bytes \xe4\xff\ttab'],
  ['x_under', 'odd'],
  ['Proxy', 'http://elsewhere.example/'],
  ['Proxy-Authorization', 'Basic YW5uOndvcmQ='],
  ['If-Modified-Since', 'Sat, 29 Oct 1994 19:43:31 GMT'],
  ['Empty', ''],
] as const;

/** Asked of all servers. */
const cases: Readonly<Record<string, RequestWords>> = {
  'a path after the program, a query and a header': {
    target: '/cgi-bin/app.cgi/ex%20tra/a%3db?x=1%20&y',
    headers: fields,
  },
  'a form': {
    method: 'POST',
    headers: [['Content-Type', 'application/x-www-form-urlencoded']],
    body: 'a=1',
  },
  'a body of no bytes': { method: 'POST', headers: [['Content-Type', 'text/plain']], body: '' },
  'no body, but its type': { headers: [['Content-Type', 'text/plain']] },
  'another method': { method: 'DELETE' },
  'a slash at the end': { target: '/cgi-bin/app.cgi/' },
  'slashes too many': { target: '//cgi-bin//app.cgi/a//b' },
  'dots in the path': { target: '/cgi-bin/app.cgi/a/../b/./c' },
  'an escaped program': { target: '/cgi-bin/app%2Ecgi/x' },
  'an empty query': { target: '/cgi-bin/app.cgi?' },
  'a query with marks': { target: '/cgi-bin/app.cgi?a?b/%2F&c=%C3%BC' },
  'a path with + and ;': { target: '/cgi-bin/app.cgi/a+b;c' },
  'words to search for': { target: '/cgi-bin/app.cgi?one+two%26+%22three%22' },
};

describe.each(['apache', 'nginx', 'lighttpd'] as const)('%s', (name) => {
  const folder = testFolder();
  let server: WebServer | undefined;
  const isInstalled = isThere(name);
  beforeAll(async () => {
    if (isInstalled) server = await startWebServer(name, folder());
  });
  afterAll(() => server?.stop());

  /** Asks the server, and has vgrun make the same. What only the server can know is taken from its answer. */
  async function both(
    words: RequestWords,
    program?: string,
  ): Promise<{
    readonly real: Given;
    readonly made: ReturnType<typeof gatewayVariables>;
    readonly preset: Server;
  }> {
    if (server === undefined) throw new Error(`${name} does not run`);
    const { port, documentRoot } = server;
    const host = 'Example.com';
    const own = [
      ['Host', `${host}:${port}`],
      ['Connection', 'close'],
      ...(words.headers ?? []),
      ...(words.body === undefined ? [] : [['Content-Length', String(words.body.length)] as const]),
    ] as const;
    const request = requestOf({ ...words, host, port, headers: own });
    const head = own.map(([field, value]) => `${field}: ${value}\r\n`).join('');
    const real = await server.ask(
      `${request.method} ${request.target} HTTP/1.1\r\n${head}\r\n${words.body ?? ''}`,
    );
    const preset = withSettings(serverNamed(name), {
      documentRoot,
      serverSoftware: real.variables.get('SERVER_SOFTWARE') ?? '',
      remotePort: Number(real.variables.get('REMOTE_PORT')),
      ...(name === 'nginx' ? { serverName: 'example.com' } : {}),
    });
    return {
      real,
      preset,
      made: gatewayVariables(request, { path: program ?? server.program, mode: 'cgi' }, preset),
    };
  }

  test.skipIf(!isInstalled).each(Object.entries(cases))(
    'gives a program the same for %s',
    async (_, words) => {
      const { real, made, preset } = await both(words);
      expect(real.status).toBe(200);
      expect(sorted(made.variables)).toEqual(sorted(withoutKnownDifferences(real.variables)));
      expect(searchWords(requestOf(words), preset)).toEqual(real.arguments);
    },
  );

  test.skipIf(!isInstalled || name === 'nginx')('joins fields of the same name', async () => {
    const headers = [
      ['X-A', '1'],
      ['x-a', '2'],
      ['Accept', 'a'],
      ['Accept', 'b'],
    ] as const;
    const { real, made } = await both({ headers });
    expect(sorted(made.variables)).toEqual(sorted(withoutKnownDifferences(real.variables)));
  });

  test.skipIf(!isInstalled || name === 'nginx')('says who is logged in', async () => {
    if (server === undefined) throw new Error(`${name} does not run`);
    const { real, made } = await both(
      { target: '/private/app.cgi', headers: [['Authorization', 'Basic YW5uOndvcmQ=']] },
      join(server.documentRoot, 'private', 'app.cgi'),
    );
    expect(real.variables.get('REMOTE_USER')).toBe('ann');
    expect(sorted(made.variables)).toEqual(sorted(withoutKnownDifferences(real.variables)));
  });

  test.skipIf(!isInstalled || name !== 'nginx')(
    'gives the name of credentials that nobody checked',
    async () => {
      const { real, made } = await both({ headers: [['Authorization', 'Basic YW5uOndvcmQ=']] });
      expect(sorted(made.variables)).toEqual(sorted(withoutKnownDifferences(real.variables)));
      expect(made.variables.get('REMOTE_USER')).toBe('ann');
    },
  );

  test.skipIf(!isInstalled || name !== 'apache')('tells an alias from the document root', async () => {
    const { real, made } = await both(
      { target: '/scripts/app.cgi/x' },
      join(folder(), 'elsewhere', 'app.cgi'),
    );
    expect(sorted(made.variables)).toEqual(sorted(withoutKnownDifferences(real.variables)));
  });
});

/**
 * Left out on purpose: HTTP_PROXY, which nginx passes (httpoxy.org); names with an underscore, which lighttpd passes;
 * REDIRECT_URI, with which lighttpd shows how it spelled the target for itself. (It spells queries anew as well: %77 is w.)
 */
function withoutKnownDifferences(variables: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const left = ['HTTP_PROXY', 'HTTP_X_UNDER', 'REDIRECT_URI'];
  return new Map([...variables].filter(([name]) => !left.includes(name)));
}

function sorted(variables: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...variables].sort(([a], [b]) => (a < b ? -1 : 1));
}
