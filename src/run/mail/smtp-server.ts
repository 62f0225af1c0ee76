// Owns which mail server is used, and how it is spoken to: the variables VGRUN_SMTP_*.
import { UserError } from '../../errors.ts';

/** A mail server. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly tls: boolean;
  /** The connection must become an encrypted one before anything is said. */
  readonly mustEncrypt: boolean;
  /** STARTTLS is not used even where it is offered. */
  readonly plain: boolean;
  readonly login?: { readonly user: string; readonly password: string };
}

/** The variables. What is started by vgrun does not get them. */
export const smtpVariables = ['VGRUN_SMTP_URL', 'VGRUN_SMTP_USER', 'VGRUN_SMTP_PASSWORD'] as const;

const forms =
  'write VGRUN_SMTP_URL=smtp://HOST:PORT, or smtps://HOST:PORT where TLS is spoken from the first byte';

/**
 * Reads the variables. Without them it is the server of this machine: localhost, port 25.
 *
 * @throws UserError (125) for a URL that is none, and for half a login. Neither holds what the variables do.
 */
export function readSmtpServer(environment: Readonly<Record<string, string | undefined>>): SmtpServer {
  // An empty variable is one that a script did not fill.
  const [text, user, password] = smtpVariables.map((name) => environment[name] || undefined);
  const url = text === undefined ? new URL('smtp://localhost') : readUrl(text);
  const login = loginOf(url, user, password);
  const tls = url.protocol === 'smtps:';
  // `[::1]` is how a URL writes it.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: url.port === '' ? (tls ? 465 : login === undefined ? 25 : 587) : Number(url.port),
    tls,
    mustEncrypt: !tls && login !== undefined,
    // Mail servers come with a certificate that nobody signed, and nothing leaves the machine.
    plain: !tls && login === undefined && /^(?:localhost|127\.[\d.]+|::1)$/.test(host),
    ...(login === undefined ? {} : { login }),
  };
}

function readUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text may hold a password.
    throw new UserError('VGRUN_SMTP_URL is no URL', forms);
  }
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') {
    throw new UserError('VGRUN_SMTP_URL begins neither with smtp:// nor with smtps://', forms);
  }
  if (url.hostname === '') throw new UserError('VGRUN_SMTP_URL names no server', forms);
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    throw new UserError('VGRUN_SMTP_URL has more than a server and a port', forms);
  }
  return url;
}

function loginOf(
  url: URL,
  user: string | undefined,
  password: string | undefined,
): SmtpServer['login'] | undefined {
  const [name, secret] = [user ?? decoded(url.username), password ?? decoded(url.password)];
  if (name === '' && secret === '') return undefined;
  if (name === '' || secret === '') {
    const missing = name === '' ? 'VGRUN_SMTP_USER' : 'VGRUN_SMTP_PASSWORD';
    const given = name === '' ? 'a password' : 'a user';
    throw new UserError(`There is ${given} for the mail server, and ${missing} is not set`, `set ${missing}`);
  }
  return { user: name, password: secret };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UserError(
      'The login in VGRUN_SMTP_URL has a % that begins no code',
      'write % as %25, or set VGRUN_SMTP_USER and VGRUN_SMTP_PASSWORD',
    );
  }
}

/** `mail.example.org:587`, for messages: never with the login. */
export function nameOf({ host, port }: SmtpServer): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
