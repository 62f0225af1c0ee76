// A mail server that is late: it is given up, whatever it does to seem alive.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { UserError } from '../../../src/errors.ts';
import { sendMessage } from '../../../src/run/mail/send.ts';
import { readSmtpServer } from '../../../src/run/mail/smtp-server.ts';

let server: Server | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server?.close();
});

/** A server that says what a test has it say. @returns its port. */
function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const made = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  server = made;
  return new Promise((done) => {
    made.listen(0, '127.0.0.1', () => done((made.address() as AddressInfo).port));
  });
}

const patience = { answer: 300, whole: 1000 };

async function failure(port: number, environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const url = { VGRUN_SMTP_URL: `smtp://localhost:${port}`, ...environment };
  return sendMessage(
    Buffer.from('Subject: a\r\n\r\nb\r\n'),
    { from: 'a@example.org', to: ['b@example.org'] },
    readSmtpServer(url),
    patience,
  ).then(
    () => 'sent',
    (error: UserError) => `${error.message} / ${error.hint}`,
  );
}

describe('a server', () => {
  test('that never says a word is not waited for', async () => {
    const port = await listen(() => {});
    expect(await failure(port)).toBe(
      `The mail was not sent: localhost:${port} did not answer within 0.3 s / is it the right server and port? VGRUN_SMTP_URL names them`,
    );
  });

  test('that falls silent in the middle is not waited for', async () => {
    const port = await listen((socket) => {
      socket.write('220 here\r\n');
      socket.once('data', () => socket.write('250 here\r\n'));
    });
    expect(await failure(port)).toContain('did not answer within 0.3 s');
  });

  test('that says a word now and then and never ends is given up all the same', async () => {
    const port = await listen((socket) => {
      socket.write('220 here\r\n');
      const timer = setInterval(() => socket.write('250-more\r\n'), 50);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await failure(port)).toContain(`localhost:${port} took longer than 1 s`);
    // Nothing of it keeps vgrun from ending.
    await expect.poll(() => [...sockets].every(({ destroyed }) => destroyed), { timeout: 3000 }).toBe(true);
  });

  test('that speaks something else is said to', async () => {
    const port = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await failure(port)).toMatch(/the conversation with localhost:\d+ failed.*is it a mail server/);
  });

  test('that goes away in the middle is said to', async () => {
    const port = await listen((socket) => {
      socket.write('220 here\r\n');
      socket.once('data', () => socket.destroy());
    });
    expect(await failure(port)).toMatch(/the conversation with localhost:\d+ failed/);
  });

  test('that speaks TLS although its URL says smtp:// is said to', async () => {
    const port = await listen((socket) => {
      // A TLS server waits for the client to speak first.
      socket.once('data', () => socket.destroy());
    });
    expect(await failure(port, { VGRUN_SMTP_URL: `smtps://localhost:${port}` })).toContain(
      'The mail was not sent: ',
    );
  });
});

describe('the server', () => {
  test.each([
    [{}, { host: 'localhost', port: 25, tls: false, mustEncrypt: false, plain: true }],
    [{ VGRUN_SMTP_URL: '' }, { host: 'localhost', port: 25, plain: true }],
    [{ VGRUN_SMTP_URL: 'smtp://m.example.org' }, { port: 25, mustEncrypt: false, plain: false }],
    [{ VGRUN_SMTP_URL: 'smtp://a:b%40c@m.example.org' }, { port: 587, mustEncrypt: true }],
    [
      { VGRUN_SMTP_URL: 'smtps://m.example.org/' },
      { port: 465, tls: true, mustEncrypt: false, plain: false },
    ],
    [{ VGRUN_SMTP_URL: 'smtp://[::1]:2525' }, { host: '::1', port: 2525, plain: true }],
    [
      { VGRUN_SMTP_URL: 'smtp://a:b%40c@localhost', VGRUN_SMTP_PASSWORD: 'x' },
      { login: { user: 'a', password: 'x' }, plain: false, mustEncrypt: true },
    ],
  ])('of %j', (environment, expected) => {
    expect(readSmtpServer(environment)).toMatchObject(expected);
  });
});
