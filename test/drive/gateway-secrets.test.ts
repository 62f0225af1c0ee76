// What of requests and answers is never shown.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSecretHeader, maskedHeaders, maskedTarget } from '../../src/drive/gateway/secrets.ts';

const webToken = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';

describe('a target', () => {
  test.each([
    ['/a?user=ann&password=geheim', '/a?user=ann&password=***'],
    ['/a?access_token=x&b=2', '/a?access_token=***&b=2'],
    ['/a?apiKey=x;sig=y', '/a?apiKey=***;sig=***'],
    ['/a?API%5FKEY=x', '/a?API%5FKEY=***'],
    ['/a?code=4%2F0AX&state=ok', '/a?code=***&state=ok'],
    [`/a?x=${webToken}`, '/a?x=***'],
    [`/a?${webToken}`, '/a?***'],
    ['/a?q=Zm9vYmFyMTIzNDU2Nzg5MEFCQ0RFRg', '/a?q=***'],
    ['/a;jsessionid=1A2B?b=1', '/a;jsessionid=***?b=1'],
    ['https://ann:geheim@a.example/x', 'https://ann:***@a.example/x'],
    ['https://a.example/#access_token=x&a=1', 'https://a.example/#access_token=***&a=1'],
    ['/login?next=%2Fa%3Ftoken%3Dx', '/login?next=***'],
  ])('%s is shown as %s', (target, shown) => {
    expect(maskedTarget(target)).toBe(shown);
  });

  test.each([
    '/cgit/repo/commit/?id=33c1eba9d0b1f2e3a4b5c6d7e8f90a1b2c3d4e5f',
    '/a?page=2&sort=name&q=some+words+to+look+for+in+the+text',
    '/a?q=aB3dE5fG7hI9',
    '/a?password=',
    '/a?next=%2Fhome%3Fpage%3D2',
    '/keys/list?monkey=1&author=ann&decode=1&assignment=2',
    '*',
    '',
  ])('%s stays', (target) => {
    expect(maskedTarget(target)).toBe(target);
  });

  test('that is masked is masked no further, and none throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const target = Buffer.from(bytes).toString('latin1');
        expect(maskedTarget(maskedTarget(target))).toBe(maskedTarget(target));
      }),
    );
  });

  test('may hold any number of others', () => {
    expect(maskedTarget(`/a${'?next=%3F'.repeat(100_000)}`)).toBe('/a?next=***');
    expect(maskedTarget('/a?next=/b?next=/c?x=1')).toBe('/a?next=/b?next=/c?x=1');
  });

  test('never shows the value of a parameter whose name says what it is', () => {
    const names = fc.constantFrom('token', 'key', 'password', 'PHPSESSID', 'x-sig', 'authToken', 'session');
    fc.assert(
      fc.property(names, fc.stringMatching(/^[A-Za-z0-9%=+/]{1,30}$/), (name, value) => {
        expect(maskedTarget(`/a?b=1&${name}=${value}&c=2`)).toBe(`/a?b=1&${name}=***&c=2`);
      }),
    );
  });
});

test('names of header fields that are secrets', () => {
  const secret = [
    'Cookie',
    'Set-Cookie',
    'Authorization',
    'Proxy-Authorization',
    'X-Api-Key',
    'X-CSRF-Token',
    'x-auth',
  ];
  const open = [
    'Host',
    'Accept',
    'Accept-Encoding',
    'Content-Type',
    'User-Agent',
    'Referer',
    'X-Forwarded-For',
    'ETag',
  ];
  expect(secret.filter((name) => !isSecretHeader(name))).toEqual([]);
  expect(open.filter(isSecretHeader)).toEqual([]);
});

test('the header shows which cookies there were, and how somebody was logged in', () => {
  expect(
    maskedHeaders([
      ['Cookie', 'sid=geheim; theme=dark;bare'],
      ['Set-Cookie', 'sid=geheim; Path=/; HttpOnly'],
      ['Authorization', 'Bearer geheim'],
      ['Authorization', 'geheim'],
      ['X-Api-Key', 'geheim'],
      ['X-Trace', webToken],
      ['Referer', 'https://a.example/?token=geheim'],
      ['Accept', 'text/html'],
    ]),
  ).toEqual([
    ['Cookie', 'sid=***; theme=***;***'],
    ['Set-Cookie', 'sid=***; Path=/; HttpOnly'],
    ['Authorization', 'Bearer ***'],
    ['Authorization', '***'],
    ['X-Api-Key', '***'],
    ['X-Trace', '***'],
    ['Referer', 'https://a.example/?token=***'],
    ['Accept', 'text/html'],
  ]);
});
