// Owns the addresses of programs that listen on a socket of their own: `unix:/run/app.sock`, `tcp:127.0.0.1:9000`.
import { UserError } from '../../errors.ts';

/** Where a program listens. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** What `sun_path` of unix(7) holds, its last zero byte not counted. */
export const longestSocketPath = 107;

const forms = 'write unix:/path/to/socket, tcp:host:port or host:port';

/**
 * Reads `unix:PATH`, `tcp:HOST:PORT` or `HOST:PORT`; an IPv6 host stands in brackets.
 *
 * @throws UserError when it is none of these.
 */
export function readAddress(text: string): Address {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (path === '' || path.includes('\0')) throw new UserError(`"${text}" names no socket`, forms);
    const length = Buffer.byteLength(path);
    if (length > longestSocketPath) {
      throw new UserError(
        `the path in "${text}" has ${length} bytes, and that of a socket may have ${longestSocketPath}`,
        'reach it by a shorter relative path or through a symbolic link',
      );
    }
    return { kind: 'unix', path };
  }
  // tcp:127.0.0.1:9000, localhost:9000, [::1]:9000
  const [, ipv6, host = ipv6, digits = ''] =
    /^(?:tcp:)?(?:\[([\da-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  // `tcp:9000` has a port and no host.
  if (host === undefined || (host === 'tcp' && !text.startsWith('tcp:tcp:')))
    throw new UserError(`"${text}" is no address of a program`, forms);
  if (port < 1 || port > 65535) {
    throw new UserError(`"${text}" names port ${digits}, and ports are 1 to 65535`, forms);
  }
  return { kind: 'tcp', host, port };
}

/** As `readAddress` reads it. */
export function addressText(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `tcp:${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}
