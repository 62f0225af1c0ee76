// A mail server for tests: it keeps what it is sent, and is as hard to please as a test wants it.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A message as the server got it. */
export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly encrypted: boolean;
  readonly message: Buffer;
}

export interface MailServer {
  readonly port: number;
  readonly received: readonly Received[];
  /** Every password that a client tried, right or wrong. */
  readonly passwords: readonly string[];
  readonly close: () => Promise<void>;
}

/** An authority that nobody knows, and a certificate of `localhost` from it. */
export interface Certificate {
  /** Path, for NODE_EXTRA_CA_CERTS. */
  readonly authority: string;
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** Makes an authority and a certificate in a folder. Needs openssl. */
export function makeCertificate(folder: string): Certificate {
  const openssl = (...words: readonly string[]): void => {
    execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  writeFileSync(join(folder, 'san.cnf'), 'subjectAltName=DNS:localhost\n');
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=Test CA',
    '-days',
    '2',
  );
  openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  openssl(
    ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-out', 'server.pem', '-days', '2', '-extfile', 'san.cnf'],
  );
  return {
    authority: join(folder, 'ca.pem'),
    key: readFileSync(join(folder, 'server.key')),
    cert: readFileSync(join(folder, 'server.pem')),
  };
}

/**
 * Starts a server on a free port of this machine. The login is `ann` with `s3cret&word`; `nobody@…` is not known, and the sender
 * `evil@…` not wanted.
 */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const received: Received[] = [];
  const passwords: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    disableReverseLookup: true,
    ...options,
    onAuth: ({ username, password }, _session, done) => {
      passwords.push(password ?? '');
      if (username === 'ann' && password === 's3cret&word') return done(null, { user: username });
      // As hostile as a server can be.
      return done(new Error(`No such login: ${username} ${password} \x1b[31m`));
    },
    onMailFrom: ({ address }, _session, done) =>
      done(address.startsWith('evil@') ? refusal(553, 'Sender not wanted') : undefined),
    onRcptTo: ({ address }, _session, done) =>
      done(address.startsWith('nobody@') ? refusal(550, 'No such mailbox here') : undefined),
    onData: (stream, session, done) => {
      const pieces: Buffer[] = [];
      stream.on('data', (bytes: Buffer) => pieces.push(bytes));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user,
          encrypted: session.secure,
          message: Buffer.concat(pieces),
        });
        done();
      });
    },
  });
  // A client that does not trust the certificate hangs up.
  server.on('error', () => {});
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    passwords,
    close: () => new Promise((closed) => server.close(closed)),
  };
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
