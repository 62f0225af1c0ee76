// Owns which part of a request's path names the program, and which is for it: SCRIPT_NAME and PATH_INFO. Pure.
import type { Server } from './server-presets.ts';

/** Both decoded; together the path of the request. */
export interface ScriptPath {
  readonly name: string;
  /** Begins with `/`; empty when nothing follows. */
  readonly info: string;
}

/** The path as bytes (latin1), percent signs resolved, and tidied where the server does. */
export function decodedPath(path: string, server: Server, notes: string[]): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) {
    notes.push('a % in the path is not followed by two hex digits: it stays, Apache and nginx answer 400');
  }
  if (/%2f/i.test(path)) {
    notes.push(
      '%2F in the path becomes /, as in nginx and lighttpd; Apache answers 404 unless AllowEncodedSlashes is on',
    );
  }
  const bytes = path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return server.tidiesPath && bytes.startsWith('/') ? tidied(bytes) : bytes;
}

/** Without empty and dot segments (RFC 3986, section 5.2.4); a slash at the end stays. */
function tidied(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
  }
  const isFolder = ['', '.', '..'].includes(segments.at(-1) ?? '');
  return `/${kept.join('/')}${isFolder && kept.length > 0 ? '/' : ''}`;
}

/**
 * By the name the server is told, else at the segment that is called as the program, else the whole path is the name.
 *
 * @param program absolute path.
 */
export function splitScript(path: string, program: string, server: Server, notes: string[]): ScriptPath {
  const fileName = program.slice(program.lastIndexOf('/') + 1);
  const told = server.scriptName?.replace(/\/+$/, '');
  const name = told === undefined || told === '' || told.startsWith('/') ? told : `/${told}`;
  if (!path.startsWith('/')) {
    notes.push('OPTIONS * asks the server itself: no real one starts a program for it');
    return { name: name ?? `/${fileName}`, info: '' };
  }
  if (name !== undefined) {
    if (path === name || path.startsWith(`${name}/`)) return { name, info: path.slice(name.length) };
    notes.push(`a path does not begin with ${name}: all of it is PATH_INFO, as after a rewrite rule`);
    return { name, info: path };
  }
  const segments = path.split('/');
  const at = segments.indexOf(fileName);
  if (at !== -1) {
    const length = segments.slice(0, at + 1).join('/').length;
    return { name: path.slice(0, length), info: path.slice(length) };
  }
  if (path !== '/') {
    notes.push(
      `no part of a path is called ${fileName}: the whole path is SCRIPT_NAME; --script-name=/PATH tells which part is`,
    );
  }
  return { name: path, info: '' };
}
