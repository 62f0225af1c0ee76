// Speaking to FastCGI programs: good ones give what they were asked, bad ones a sentence and never a wait without end.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { canRun } from '../project.ts';
import { ask, patternBody, servedPrograms } from './served-programs.ts';

const { compile, serve } = servedPrograms();

describe.runIf(canRun('cc'))('a program without a library', () => {
  const program = canRun('cc') ? compile('fastcgi-misbehaving') : '';
  const start = async (mode: string, options = {}) => (await serve([program, mode])).gateway(options);

  test('that closes its connections is asked over a new one each time', async () => {
    const gateway = await start('plain');
    for (let number = 1; number <= 5; number++) {
      expect(await ask(gateway, '')).toEqual({
        appStatus: 7,
        protocolStatus: 'complete',
        faults: [],
        bytes: 28 + `request ${number}\n`.length,
        stdout: `Content-Type: text/plain\r\n\r\nrequest ${number}\n`,
        stderr: '',
      });
    }
  });

  test('that keeps connections is asked over one', async () => {
    const gateway = await start('keeps');
    for (let number = 1; number <= 5; number++) {
      expect((await ask(gateway, '')).stdout).toContain(`request ${number}\n`);
      // It serves one connection at a time: a second one would wait for ever.
    }
  });

  test('that takes several requests over one connection gets them at once, and its answers are told apart', async () => {
    const gateway = await start('multiplexes', { parallel: 3 });
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => ask(gateway, '')));
    expect(answers.map(({ lost, faults }) => [lost, faults])).toEqual(answers.map(() => [undefined, []]));
  });

  test('that cannot is asked again over a connection of its own', async () => {
    const gateway = await start('cannot-multiplex', { parallel: 2 });
    const first = ask(gateway, '');
    const second = ask(gateway, '');
    expect((await first).stdout).toContain('request 1\n');
    const { lost, protocolStatus } = await second;
    expect([lost, protocolStatus]).toEqual([undefined, 'complete']);
  });

  test('that closes a connection others wait on is asked again over another', async () => {
    const gateway = await start('closes-shared', { parallel: 3 });
    const answers = await Promise.all([1, 2, 3].map(() => ask(gateway, '')));
    expect(answers.map(({ lost, faults }) => [lost, faults])).toEqual(answers.map(() => [undefined, []]));
  });

  test.each([
    ['wrong-version', 'it does not speak FastCGI: its first byte is 2, and not the version 1'],
    ['no-fastcgi', 'it does not speak FastCGI: its first byte is 72, and not the version 1'],
    ['short-end', 'its record that ends the request has 3 bytes instead of 8'],
    ['closes-early', 'the program closed the connection within a record'],
    ['closes', 'the program closed the connection before its answer was whole'],
    ['overloaded', 'it refused the request as overloaded (FCGI_OVERLOADED)'],
  ])('that is %s gives no whole answer', async (mode, lost) => {
    expect(await ask(await start(mode), '')).toMatchObject({ lost, faults: [] });
  });

  test.each([
    ['wrong-id', ['it sent a record for request 77, which was not asked over this connection']],
    [
      'odd-type',
      [
        'it sent a record of type 99, which FastCGI does not have',
        'it sent a record of type 5, which is not for programs to send in a request',
      ],
    ],
    ['after-close', ['it sent more on the output after it had closed it']],
  ])('that is %s gives a whole answer with a fault, and the next one, too', async (mode, faults) => {
    const gateway = await start(mode);
    for (const number of [1, 2]) {
      const answer = await ask(gateway, '');
      expect(answer).toMatchObject({ protocolStatus: 'complete', faults });
      expect(answer.lost).toBeUndefined();
      expect(answer.stdout).toContain(`request ${number}\n`);
    }
  });

  test('that sends more after the end of an answer does not spoil the next one', async () => {
    const gateway = await start('trailing');
    for (const number of [1, 2, 3]) {
      const answer = await ask(gateway, '');
      expect(answer.lost).toBeUndefined();
      expect(answer.stdout).toContain(`request ${number}\n`);
      await sleep(20);
    }
  });

  test('that answers and closes before it reads a long body is heard', async () => {
    const gateway = await start('early');
    for (const number of [1, 2, 3]) {
      const answer = await ask(gateway, '', patternBody(20_000_000));
      expect(answer.lost).toBeUndefined();
      expect(answer.stdout).toContain(`request ${number}\n`);
    }
  });

  test('whose answer is late or has no end is not waited for', async () => {
    const late = await ask(await start('late', { firstByteMs: 300 }), '');
    expect(late).toMatchObject({ lost: 'no byte of an answer came within 300 ms', bytes: 0 });
    const never = await ask(await start('late', { wholeMs: 1000 }), '');
    expect(never.lost).toBe('its answer was not whole after 1 s');
    const endless = await ask(await start('endless', { maxBytes: 100_000 }), '');
    expect(endless.lost).toBe('its answer is longer than 100000 bytes');
    expect(endless.bytes).toBeLessThanOrEqual(100_000);
  });

  test('that dies loses the request it dies of, and no later one is waited for', async () => {
    const { gateway, exit } = await serve([program, 'dies']);
    const opened = await gateway();
    expect((await ask(opened, '')).lost).toBeUndefined();
    expect((await ask(opened, '')).lost).toMatch(/closed the connection|broke/);
    expect(await exit).toEqual([null, 'SIGSEGV']);
    expect((await ask(opened, '')).lost).toMatch(
      /^no connection to unix:.*: ECONNREFUSED, and the program has ended$/,
    );
  });

  test('is given up on request, before and while it is asked', async () => {
    const gateway = await start('late');
    const later = new AbortController();
    const answer = ask(gateway, '', undefined, { signal: later.signal });
    setTimeout(() => later.abort(), 100);
    expect((await answer).lost).toBe('it was given up');
    expect((await ask(gateway, '', undefined, { signal: AbortSignal.abort() })).lost).toBe('it was given up');
  });

  test('a body that is not what it says is no end of vgrun', async () => {
    const gateway = await start('plain', { firstByteMs: 2000 });
    const short = {
      length: 10,
      open: async function* () {
        yield Buffer.from('abc');
      },
    };
    expect((await ask(gateway, '', short)).lost).toBe(
      'the body of the request could not be read: it has 3 bytes instead of 10',
    );
    expect((await ask(gateway, '')).lost).toBeUndefined();
  });

  test('leaves no socket open', async () => {
    const sockets = () => readdirSync('/proc/self/fd').length;
    const before = sockets();
    const gateway = await start('keeps', { firstByteMs: 500 });
    await ask(gateway, '');
    gateway.close();
    await ask(await start('late', { firstByteMs: 100 }), '');
    await expect.poll(sockets).toBeLessThanOrEqual(before);
  });
});

const hasLibrary =
  process.env.CI === 'true' ||
  spawnSync('cc', ['-E', '-include', 'fcgi_stdio.h', '-x', 'c', '/dev/null']).status === 0;

describe.runIf(hasLibrary)('a program with libfcgi', () => {
  const program = hasLibrary ? compile('fastcgi-echo', '-lfcgi') : '';

  test.each(['unix', 'tcp'] as const)(
    'serves over a %s socket, many requests in one process',
    async (kind) => {
      const { gateway } = await serve([program], kind);
      const opened = await gateway();
      for (let number = 1; number <= 20; number++) {
        const answer = await ask(opened, 'log');
        expect(answer.stdout).toBe(`Content-Type: text/plain\r\nX-Request: ${number}\r\n\r\n`);
        expect(answer.stderr).toBe(`request ${number} was logged\n`);
        expect(answer).toMatchObject({ appStatus: 0, protocolStatus: 'complete', faults: [] });
      }
    },
  );

  test('gets its variables as they are, and no others', async () => {
    const opened = await (await serve([program])).gateway();
    const variables = { HTTP_X: 'a=b\xe4 c', EMPTY: '', HTTP_COOKIE: 'c'.repeat(150_000) };
    const { stdout } = await ask(opened, '', undefined, { variables });
    expect(stdout.split('\r\n\r\n')[1]?.trimEnd().split('\n').sort()).toEqual(
      [
        'GATEWAY_INTERFACE=CGI/1.1',
        'REQUEST_METHOD=GET',
        'QUERY_STRING=',
        'FCGI_ROLE=RESPONDER',
        ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      ].sort(),
    );
  });

  test('gets a body of any size', async () => {
    const opened = await (await serve([program])).gateway();
    for (const length of [0, 1, 65528, 65536, 1_000_003]) {
      const { stdout } = await ask(opened, 'sum', patternBody(length));
      const sum = [...Buffer.alloc(length, 'abcdefgh')].reduce((all, byte) => all + byte, 0);
      expect(stdout.split('\r\n\r\n')[1]).toBe(`${length} ${sum}\n`);
    }
  });

  test('that gives a long body back while it reads it does not block', async () => {
    const opened = await (await serve([program])).gateway();
    const { stdout, lost } = await ask(opened, 'echo', patternBody(10_000_000));
    expect(lost).toBeUndefined();
    expect(stdout.length).toBe('Content-Type: text/plain\r\nX-Request: 1\r\n\r\n'.length + 10_000_000);
  });

  test('waits while its answer is not taken', async () => {
    const opened = await (await serve([program])).gateway();
    let bytes = 0;
    let held = 0;
    let most = 0;
    const result = await opened.send({
      variables: new Map([
        ['QUERY_STRING', 'echo'],
        ['REQUEST_METHOD', 'POST'],
        ['CONTENT_LENGTH', '8000000'],
      ]),
      body: {
        length: 8_000_000,
        open: async function* () {
          for (let sent = 0; sent < 8_000_000; sent += 40_000) {
            held += 40_000;
            most = Math.max(most, held);
            yield Buffer.alloc(40_000, 'x');
          }
        },
      },
      onStdout: async (content) => {
        if (bytes === 0) await sleep(300);
        bytes += content.length;
        held -= content.length;
        if (bytes % 7 === 0) await sleep(2);
      },
      onStderr: () => undefined,
    });
    expect(result).toMatchObject({ protocolStatus: 'complete', bytes });
    expect(bytes).toBeGreaterThan(8_000_000);
    // What the kernel and this process hold between them, and not the whole body.
    expect(most).toBeLessThan(4_000_000);
  });

  test('that answers before it reads the body is heard, and so is its next answer', async () => {
    const opened = await (await serve([program])).gateway();
    for (const number of [1, 2, 3]) {
      const { stdout, lost } = await ask(opened, 'early', patternBody(5_000_000));
      expect(lost).toBeUndefined();
      expect(stdout).toContain(`X-Request: ${number}\r\n`);
    }
  });

  test.runIf(canRun('cgi-fcgi'))('gives the same bytes as to cgi-fcgi', async () => {
    const { gateway, address } = await serve([program]);
    const opened = await gateway();
    const ours = await ask(opened, 'echo', patternBody(100_000));
    opened.close();
    const path = address.kind === 'unix' ? address.path : '';
    const theirs = execFileSync('cgi-fcgi', ['-bind', '-connect', path], {
      input: Buffer.alloc(100_000, 'abcdefgh'),
      env: { REQUEST_METHOD: 'POST', QUERY_STRING: 'echo', CONTENT_LENGTH: '100000' },
      timeout: 20_000,
    });
    expect(ours.stdout.replace('X-Request: 1', 'X-Request: 2')).toBe(theirs.toString('latin1'));
  });
});
