// Owns the environment a program gets for a request: RFC 3875, section 4.1, and what servers add. Pure.
import { UserError } from '../../errors.ts';
import type { CapturedRequest, GatewayMode } from '../../model/request.ts';
import { bytesOfText } from './byte-text.ts';
import { authenticated, headerVariables } from './header-variables.ts';
import { decodedPath, type ScriptPath, splitScript } from './script-path.ts';
import { maskedQuery } from './secrets.ts';
import type { Extension, Server } from './server-presets.ts';

/** The program that is to answer. */
export interface Program {
  /** Absolute. */
  readonly path: string;
  readonly mode: GatewayMode;
}

export interface GatewayVariables {
  /** Names and values in the order they are set; values are bytes as latin1. */
  readonly variables: ReadonlyMap<string, string>;
  /** What a server would not have done with this request as it is, one sentence each. */
  readonly notes: readonly string[];
}

/** Linux takes no longer `NAME=value` with its closing NUL: MAX_ARG_STRLEN, 32 pages, execve(2). */
const longestVariable = 131_072;

/**
 * What the server sets for the request.
 *
 * @throws UserError (125) for a request that no program can be given: a NUL byte in its path or header, a variable
 *   longer than the system takes.
 */
export function gatewayVariables(
  request: CapturedRequest,
  { path, mode }: Program,
  server: Server,
): GatewayVariables {
  const program = { path: bytesOfText(path), mode };
  const [rawPath, query] = splitTarget(request.target);
  const notes: string[] = [];
  const script = splitScript(decodedPath(rawPath, server, notes), program.path, server, notes);
  const documentRoot = withoutSlash(server.documentRoot ?? rootOf(program.path, script.name));
  const header = headerVariables(request, server, notes);
  const user = authenticated(request.headers, server);
  const { authorization, remoteHost } = server;
  if (server.methods !== undefined && !server.methods.includes(request.method)) {
    notes.push(`${server.name} answers ${request.method} itself and starts no program for it`);
  }

  if (server.searchWords !== 'no' && query !== '' && !query.includes('=') && maskedQuery(query) !== query) {
    notes.push(
      `its query looks like a secret, and is not made an argument of the program, as ${server.name} would`,
    );
  }

  const variables = new Map<string, string>();
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined) variables.set(name, value);
  };
  const isAbout = script.info !== '';
  set('GATEWAY_INTERFACE', 'CGI/1.1');
  set('SERVER_SOFTWARE', server.software);
  set('SERVER_NAME', serverName(request, server));
  set('SERVER_PORT', String(server.serverPort ?? request.port));
  set('SERVER_PROTOCOL', request.protocol);
  set('REQUEST_METHOD', request.method);
  set('SCRIPT_NAME', script.name);
  set('PATH_INFO', isAbout ? script.info : undefined);
  set('PATH_TRANSLATED', isAbout && server.pathTranslated ? documentRoot + script.info : undefined);
  set('QUERY_STRING', query);
  set('REMOTE_ADDR', server.remoteAddress);
  set('REMOTE_HOST', remoteHost ? server.remoteAddress : undefined);
  set('AUTH_TYPE', authorization === 'checks' ? user?.type : undefined);
  set('REMOTE_USER', user?.name ?? (authorization === 'name' ? '' : undefined));
  set('CONTENT_TYPE', header.contentType ?? (server.noContent === 'empty' ? '' : undefined));
  set('CONTENT_LENGTH', contentLength(request, server));
  const extensions = extensionValues({ request, program, server, script, documentRoot });
  for (const name of server.extensions) set(name, extensions[name]);
  for (const [name, value] of header.variables) set(name, value);
  const always =
    program.mode === 'cgi' ? { ...server.cgiEnvironment, ...server.environment } : server.environment;
  for (const [name, value] of Object.entries(always)) {
    if (value === null) variables.delete(name);
    else variables.set(name, value);
  }
  for (const [name, value] of variables) mustFit(name, value, request, program);
  return { variables, notes };
}

/**
 * Arguments a server gives the program: the words of a query without `=` (RFC 3875, section 4.4), bytes as latin1.
 * Apache and Boa do, nginx and lighttpd do not.
 */
export function searchWords(request: CapturedRequest, server: Server): readonly string[] {
  const [, query] = splitTarget(request.target);
  if (server.searchWords === 'no' || query === '' || query.includes('=')) return [];
  if (request.method !== 'GET' && request.method !== 'HEAD') return [];
  // Arguments stand in logs, which nobody can mask.
  if (maskedQuery(query) !== query) return [];
  const words = query.split('+').map((word) => {
    const bytes = word.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    // Apache guards programs that pass their arguments on to a shell; ap_escape_shell_cmd.
    return server.searchWords === 'escaped'
      ? bytes.replace(/[&;`'"|*?~<>^()[\]{}$\\\n\xff]/g, '\\$&')
      : bytes;
  });
  return words.some((word) => word.includes('\0')) ? [] : words;
}

function splitTarget(target: string): readonly [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** `/srv/www` of the program `/srv/www/cgi-bin/app` at `/cgi-bin/app`; else the folder of the program. */
function rootOf(path: string, scriptName: string): string {
  if (scriptName.length > 1 && path.endsWith(scriptName)) return path.slice(0, -scriptName.length);
  return path.slice(0, path.lastIndexOf('/'));
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}

function serverName({ host }: CapturedRequest, server: Server): string {
  const name = server.serverName ?? host ?? 'localhost';
  const isBareAddress = name.includes(':') && !name.startsWith('[');
  const literal = isBareAddress ? `[${name}]` : name;
  return server.lowerCase === 'no' ? literal : literal.toLowerCase();
}

/** RFC 3875, section 4.1.2: only with a body. Some servers set it always. */
function contentLength({ body }: CapturedRequest, { noContent, zeroLength }: Server): string | undefined {
  if (body !== undefined && (zeroLength || body.length > 0)) return String(body.length);
  return { unset: undefined, empty: '', zero: '0' }[noContent];
}

function extensionValues({
  request,
  program,
  server,
  script,
  documentRoot,
}: {
  readonly request: CapturedRequest;
  readonly program: Program;
  readonly server: Server;
  readonly script: ScriptPath;
  readonly documentRoot: string;
}): Readonly<Record<Extension, string | undefined>> {
  // ScriptAlias: a URL path that stands for a folder outside of the document root.
  const isAlias = documentRoot + script.name !== program.path;
  const folder = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);
  return {
    CONTEXT_PREFIX: isAlias ? folder(script.name) : '',
    CONTEXT_DOCUMENT_ROOT: isAlias ? folder(program.path) : documentRoot,
    DOCUMENT_ROOT: documentRoot,
    DOCUMENT_URI: script.name + script.info,
    HTTPS: request.scheme === 'https' ? 'on' : undefined,
    REDIRECT_STATUS: '200',
    REMOTE_PORT: String(server.remotePort),
    REQUEST_SCHEME: request.scheme,
    REQUEST_URI: request.target,
    SCRIPT_FILENAME: program.path,
    SERVER_ADDR: server.address,
    SERVER_ADMIN: server.admin,
    SERVER_SIGNATURE: '',
  };
}

function mustFit(name: string, value: string, { source }: CapturedRequest, program: Program): void {
  const where = `request ${source.entry} of ${source.name}`;
  if (value.includes('\0')) {
    throw new UserError(
      `${where} has a NUL byte in what becomes ${name}: every server refuses it`,
      'take the request out of the capture',
    );
  }
  const bytes = name.length + value.length + 2;
  if (program.mode === 'cgi' && bytes > longestVariable) {
    throw new UserError(
      `${where} makes ${name} ${bytes} bytes long, and the system starts no program with more than ${longestVariable} in one variable`,
      'real servers refuse such a request as well; a FastCGI program can be given it',
    );
  }
}
