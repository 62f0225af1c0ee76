// Owns the standard input of a CGI program: the body of the request, and then the end.
//
// A file and no pipe: what is read beyond the body is the end and never waits, `/dev/stdin` can be opened (Node's pipes are
// sockets, where it cannot), and a body of any size needs no memory. lighttpd gives CGI programs a file as well.
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Body } from '../../model/request.ts';

/** @returns a descriptor to read from, to be closed by whoever asked for it. */
export async function openStandardInput(body: Body | undefined, directory: string): Promise<number> {
  if (body === undefined || body.length === 0) return openSync('/dev/null', 'r');
  const path = join(directory, 'stdin');
  try {
    await pipeline(body.open(), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  const descriptor = openSync(path, 'r');
  // It may hold a password: nobody else is to find it, however this process ends.
  await rm(path).catch((error) => {
    closeSync(descriptor);
    throw error;
  });
  return descriptor;
}
