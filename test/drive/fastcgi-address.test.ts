// Where programs listen: addresses as users write them, and the socket a program finds on descriptor 0.
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { addressText, readAddress } from '../../src/drive/fastcgi/address.ts';
import { openListeningSocket } from '../../src/drive/fastcgi/listening-socket.ts';
import { UserError } from '../../src/errors.ts';

describe('an address', () => {
  test.each([
    ['unix:/run/app.sock', { kind: 'unix', path: '/run/app.sock' }, 'unix:/run/app.sock'],
    ['unix:app:1.sock', { kind: 'unix', path: 'app:1.sock' }, 'unix:app:1.sock'],
    ['tcp:127.0.0.1:9000', { kind: 'tcp', host: '127.0.0.1', port: 9000 }, 'tcp:127.0.0.1:9000'],
    ['localhost:9000', { kind: 'tcp', host: 'localhost', port: 9000 }, 'tcp:localhost:9000'],
    ['[::1]:9000', { kind: 'tcp', host: '::1', port: 9000 }, 'tcp:[::1]:9000'],
  ])('%s is read, and written again', (text, address, again) => {
    expect(readAddress(text)).toEqual(address);
    expect(addressText(readAddress(text))).toBe(again);
  });

  test.each([
    '',
    'unix:',
    '/run/app.sock',
    '9000',
    'tcp:9000',
    'localhost:0',
    'localhost:65536',
    'localhost:http',
    'http://localhost:80',
    '::1:9000',
    `unix:/${'x'.repeat(107)}`,
    'unix:a\0b',
  ])('%j is refused in a sentence', (text) => {
    expect(() => readAddress(text)).toThrow(UserError);
  });
});

describe('a listening socket', () => {
  const { TMPDIR } = process.env;
  afterEach(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });

  test('is in a folder that only its user can enter, and goes with it', async () => {
    const socket = await openListeningSocket('unix');
    const path = socket.address.kind === 'unix' ? socket.address.path : '';
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    socket.release();
    expect(existsSync(path)).toBe(true);
    await socket.remove();
    expect(existsSync(dirname(path))).toBe(false);
  });

  test('has a path that fits, however long TMPDIR is', async () => {
    process.env.TMPDIR = `/tmp/${'long'.repeat(30)}`;
    const socket = await openListeningSocket('unix');
    expect(addressText(socket.address).length).toBeLessThan(60);
    await socket.remove();
  });

  test('refuses connections once nobody holds it', async () => {
    const socket = await openListeningSocket('tcp');
    const port = socket.address.kind === 'tcp' ? socket.address.port : 0;
    await socket.remove();
    const code = await new Promise((resolve) => {
      connect({ host: '127.0.0.1', port }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
    expect(code).toBe('ECONNREFUSED');
  });
});
