// Owns how a program wants its requests: as CGI, FastCGI or SCGI, told from its name and what is in its file.
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { UserError } from '../../errors.ts';
import type { GatewayMode } from '../../model/request.ts';
import { quoted } from './harmless-quote.ts';

export interface DetectedMode {
  readonly mode: GatewayMode;
  /** One clause: `its name ends in .fcgi`. */
  readonly why: string;
}

const byName: readonly (readonly [ending: RegExp, mode: GatewayMode])[] = [
  [/\.(?:fcgi|fcg|fastcgi)$/i, 'fastcgi'],
  [/\.scgi$/i, 'scgi'],
];

/**
 * What only programs have that speak FastCGI themselves. libfcgi, PHP and others read FCGI_WEB_SERVER_ADDRS, as the
 * specification asks for; who links libfcgi dynamically has its name and the functions called.
 */
const wordsInPrograms: readonly string[] = [
  'FCGI_WEB_SERVER_ADDRS',
  'libfcgi.so',
  'FCGX_Accept',
  'FCGI_Accept',
  'libfastcgipp',
  'khttp_fcgi_init',
  'net/http/fcgi',
];

const wordsInScripts: readonly string[] = [
  'CGI::Fast',
  'FCGI::Request',
  'use FCGI',
  'flup.server.fcgi',
  'import fcgi',
  "require 'fcgi'",
  'require "fcgi"',
  'php-cgi -b',
];

/**
 * Looks at the file's name, then through the file.
 *
 * @throws UserError (125) when it cannot be read.
 */
export async function detectMode(programPath: string): Promise<DetectedMode> {
  const name = basename(programPath);
  for (const [ending, mode] of byName) {
    const found = ending.exec(name)?.[0];
    if (found !== undefined) return { mode, why: `its name ends in ${found}` };
  }
  const word = await firstWord(programPath);
  return word === undefined
    ? { mode: 'cgi', why: 'nothing in it speaks FastCGI' }
    : { mode: 'fastcgi', why: `it has ${word} in it` };
}

async function firstWord(path: string): Promise<string | undefined> {
  let tail = Buffer.alloc(0);
  let words: readonly string[] | undefined;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      const bytes = Buffer.concat([tail, chunk as Buffer]);
      words ??= bytes.toString('latin1', 0, 2) === '#!' ? wordsInScripts : wordsInPrograms;
      const found = words.find((word) => bytes.includes(word, 0, 'latin1'));
      if (found !== undefined) return found;
      const longest = Math.max(...words.map((word) => word.length));
      tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longest + 1)));
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new UserError(
      `${quoted(path)} cannot be read: ${code}`,
      'name the program, not its folder; --mode= tells how it is asked',
    );
  }
  return undefined;
}
