// Owns the conversation with a mail server: bounded in time, encrypted where a password is said, and its failure told in a sentence.
import { UserError } from '../../errors.ts';
import { cut } from '../../report/terminal-text.ts';
import { nameOf, type SmtpServer } from './smtp-server.ts';

/** Who a message is from and for, as the server is told. */
export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
}

/** How long the server may take, in milliseconds. */
export interface Patience {
  /** For each answer. */
  readonly answer: number;
  /** For all of it: a server that says a word now and then is late too. */
  readonly whole: number;
}

const usualPatience: Patience = { answer: 30_000, whole: 120_000 };

/**
 * Hands a message to a mail server.
 *
 * @param message as `composeMessage` gives it.
 * @throws UserError (125) when the server is not there, late, not to be trusted, or refuses the login, an address or the message. The
 *   message quotes the server and never holds the password.
 */
export async function sendMessage(
  message: Buffer,
  envelope: Envelope,
  server: SmtpServer,
  patience: Patience = usualPatience,
): Promise<void> {
  const { createTransport } = await import('nodemailer');
  const { login } = server;
  const options = {
    host: server.host,
    port: server.port,
    secure: server.tls,
    requireTLS: server.mustEncrypt,
    ignoreTLS: server.plain,
    // A server that does not offer a login is asked for it all the same, so that it says no.
    ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password }, forceAuth: true }),
    connectionTimeout: patience.answer,
    greetingTimeout: patience.answer,
    socketTimeout: patience.answer,
    dnsTimeout: patience.answer,
    disableFileAccess: true,
    disableUrlAccess: true,
    // Then vgrun ends, though the server may not. nodemailer knows it, its types do not.
    socketCloseTimeout: 1000,
  };
  const wish = {
    // With its size a server can refuse it before it is sent. nodemailer knows it and `signal`, its types do not.
    envelope: { from: envelope.from, to: [...envelope.to], size: message.length },
    raw: message,
    signal: AbortSignal.timeout(patience.whole),
  };
  let refused: readonly unknown[];
  try {
    refused = (await createTransport(options).sendMail(wish)).rejectedErrors ?? [];
  } catch (error) {
    throw failure(error as SmtpError, envelope, server, patience);
  }
  if (refused.length === 0) return;
  const [first] = refused as readonly SmtpError[];
  const names = (refused as readonly SmtpError[]).map(({ recipient = '?' }) => recipient).join(', ');
  throw new UserError(
    `The mail was sent, but ${nameOf(server)} refused it for ${names}${quote(first as SmtpError, server)}`,
    'check the address in --mail',
  );
}

/** What nodemailer adds to its errors. */
interface SmtpError extends Error {
  readonly code?: string;
  /** What the server said. */
  readonly response?: string;
  readonly command?: string;
  readonly recipient?: string;
}

function failure(
  error: SmtpError,
  { from, to }: Envelope,
  server: SmtpServer,
  patience: Patience,
): UserError {
  const { code = '', command = '' } = error;
  const name = nameOf(server);
  const said = quote(error, server);
  const message = withoutPassword(error.message, server);
  const not = (what: string, hint: string): UserError =>
    new UserError(`The mail was not sent: ${what}`, hint);
  if (error.name === 'AbortError') {
    return not(`${name} took longer than ${patience.whole / 1000} s`, 'ask whoever keeps the mail server');
  }
  if (code === 'ETIMEDOUT') {
    return not(
      `${name} did not answer within ${patience.answer / 1000} s`,
      'is it the right server and port? VGRUN_SMTP_URL names them',
    );
  }
  if (code === 'EAUTH') {
    return not(
      `${name} refused the login of ${server.login?.user}${said}`,
      'check VGRUN_SMTP_USER and VGRUN_SMTP_PASSWORD',
    );
  }
  // `self-signed certificate in certificate chain`, `Hostname/IP does not match certificate's altnames: …`, `certificate has expired`
  if (/certificate|altnames/i.test(message)) {
    return not(
      `the certificate of ${name} is not trusted: ${cut(message, longestQuote)}`,
      'name the host as its certificate does; for a certification authority of your own set NODE_EXTRA_CA_CERTS=FILE.pem',
    );
  }
  if (command === 'STARTTLS' || (server.mustEncrypt && command === 'EHLO')) {
    return not(
      `${name} does not encrypt${said}, and a password is never sent in the clear`,
      'name a server with STARTTLS, or one that speaks TLS from the first byte: VGRUN_SMTP_URL=smtps://HOST',
    );
  }
  if (code === 'EENVELOPE' && command === 'MAIL FROM') {
    return not(
      `${name} does not take mail from ${from}${said}`,
      'name a sender that it takes: --mail-from=ADDRESS',
    );
  }
  if (code === 'EENVELOPE') {
    return not(`${name} does not take mail for ${to.join(', ')}${said}`, 'check the address in --mail');
  }
  if (code === 'EMESSAGE') {
    return not(
      `${name} refused the message${said === '' ? `: ${cut(message, longestQuote)}` : said}`,
      'if it is too large, write fewer reports, or write it into a file with --mail=FILE.eml',
    );
  }
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/.test(message) || code === 'EDNS') {
    return not(
      `there is no mail server at ${name} (${cut(message, longestQuote)})`,
      'name one: VGRUN_SMTP_URL=smtp://HOST:PORT',
    );
  }
  return not(
    `the conversation with ${name} failed${said === '' ? `: ${cut(message, longestQuote)}` : said}`,
    'is it a mail server, and smtp:// or smtps:// as it speaks? VGRUN_SMTP_URL names it',
  );
}

const longestQuote = 300;

/** `: "535 5.7.8 Authentication failed"`; empty when the server said nothing. */
function quote({ response }: SmtpError, server: SmtpServer): string {
  if (typeof response !== 'string' || response === '') return '';
  return `: "${cut(withoutPassword(response, server).replace(/\s+/g, ' '), longestQuote)}"`;
}

/** A server may repeat what it was told. */
function withoutPassword(text: string, { login }: SmtpServer): string {
  if (login === undefined) return text;
  const { user, password } = login;
  // As AUTH PLAIN and AUTH LOGIN write it.
  const forms = [`\0${user}\0${password}`, password].map((form) => Buffer.from(form).toString('base64'));
  return [password, ...forms].reduce((kept, form) => kept.replaceAll(form, '…'), text);
}
