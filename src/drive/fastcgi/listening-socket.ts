// Owns the listening socket that a FastCGI program finds on descriptor 0 (FCGI_LISTENSOCK_FILENO), made by Node alone.
import { link, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { type Address, longestSocketPath } from './address.ts';

/** A socket that listens and that nobody accepts from but the program it is handed to. */
export interface ListeningSocket {
  /**
   * For the `stdio` of `spawn`, in place 0. Node gives a child its descriptors 0 to 2 in blocking mode, as a program
   * that calls accept() expects; no other place does.
   */
  readonly descriptor: number;
  /** Where to connect, once it is released. */
  readonly address: Address;
  /** Right after `spawn`: this process lets go of its end, else Node would accept connections itself. */
  readonly release: () => void;
  /** Takes its file away; releases it too. */
  readonly remove: () => Promise<void>;
}

/**
 * Listens on a socket in a private temporary folder, or on a free port of 127.0.0.1. Connections are queued by the
 * kernel until the program accepts them; they are refused when it is gone.
 *
 * @throws UserError when it cannot be made.
 */
export async function openListeningSocket(kind: 'unix' | 'tcp'): Promise<ListeningSocket> {
  let folder: string | undefined;
  const server = createServer((connection) => connection.destroy());
  let released = false;
  const release = () => {
    if (!released) server.close();
    released = true;
  };
  const remove = async () => {
    release();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    if (kind === 'tcp') {
      await listen(server, { host: '127.0.0.1', port: 0 });
      const bound = server.address();
      if (bound === null || typeof bound === 'string') throw new Error('no port was bound');
      return {
        descriptor: descriptorOf(server),
        address: { kind, host: '127.0.0.1', port: bound.port },
        release,
        remove,
      };
    }
    folder = await makeShortFolder();
    const path = join(folder, 'listen');
    await listen(server, { path });
    // close() takes the file away that it bound; this other name of the same socket stays.
    const kept = join(folder, 's');
    await link(path, kept);
    return { descriptor: descriptorOf(server), address: { kind, path: kept }, release, remove };
  } catch (reason) {
    await remove();
    throw new UserError(
      `no socket can be made for the program to listen on: ${(reason as Error).message}`,
      'set TMPDIR to a folder with a short name that can be written',
    );
  }
}

/** TMPDIR may be longer than the path of a socket. */
async function makeShortFolder(): Promise<string> {
  // `vgrun-XXXXXX/listen`
  const own = tmpdir();
  const fits = Buffer.byteLength(own) + '/vgrun-XXXXXX/listen'.length <= longestSocketPath;
  return mkdtemp(join(fits ? own : '/tmp', 'vgrun-'));
}

function listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where, backlog: 511 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Node has no public way to the descriptor of a server; `_handle.fd` is there since its beginnings. */
function descriptorOf(server: Server): number {
  const descriptor = (server as { _handle?: { fd?: unknown } })._handle?.fd;
  if (typeof descriptor !== 'number' || descriptor < 0) {
    throw new Error('this Node does not tell the descriptor of a server');
  }
  return descriptor;
}
