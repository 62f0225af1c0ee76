// Owns variables that users set for the program: `--env NAME=VALUE`, `--env NAME`, and files of such lines.
import { readFile } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { bytesOfText } from './byte-text.ts';
import { quoted } from './harmless-quote.ts';

/** Name and value; the value is bytes as latin1. */
export type Variable = readonly [name: string, value: string];

const validName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const largestFile = 1024 * 1024;

/**
 * Reads `NAME=VALUE`, or `NAME`, which passes a variable of vgrun's own environment on.
 *
 * @param own vgrun's environment.
 * @throws UserError (125) for a name that is none, or one that is not set.
 */
export function readEnvironmentWord(
  word: string,
  own: Readonly<Record<string, string | undefined>>,
): Variable {
  const equals = word.indexOf('=');
  const name = equals === -1 ? word : word.slice(0, equals);
  mustBeName(name, '--env');
  const value = equals === -1 ? own[name] : word.slice(equals + 1);
  if (value === undefined) {
    throw new UserError(`--env ${name} passes nothing on: ${name} is not set`, `write --env ${name}=VALUE`);
  }
  return [name, bytesOfText(value)];
}

/** @throws UserError (125) for what is no name of a variable. */
export function mustBeName(name: string, setter: string): void {
  if (validName.test(name)) return;
  throw new UserError(
    `${setter} cannot set ${quoted(bytesOfText(name))}: no name of a variable`,
    'a name is of letters, digits and _, and begins with no digit; --env NAME passes on a variable of your own',
  );
}

/**
 * Reads a file of `NAME=VALUE` lines: `#` begins a comment, `export ` may stand in front, a value may be in single
 * quotes, as it is, or in double quotes with `\n \r \t \" \\ \$`. Nothing is replaced in values, and none goes over
 * lines. (`parseEnv` of Node skips what it does not understand; a mistake here should not be a puzzle later.)
 *
 * @throws UserError (125) with the line's number.
 */
export async function readEnvironmentFile(path: string): Promise<readonly Variable[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UserError(
      `the environment file ${quoted(path)} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`,
      'name a file of NAME=VALUE lines',
    );
  }
  if (bytes.length > largestFile || bytes.includes(0)) {
    throw new UserError(
      `${quoted(path)} is no environment file: it ${bytes.includes(0) ? 'has NUL bytes' : 'is larger than 1 MiB'}`,
      'name a file of NAME=VALUE lines',
    );
  }
  const lines = bytes
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .split('\n');
  return lines.flatMap((raw, index) => {
    const line = raw.replace(/\r$/, '').trim();
    if (line === '' || line.startsWith('#')) return [];
    const [, name, text = ''] =
      /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)$/s.exec(line) ?? [];
    const value = name === undefined ? undefined : lineValue(text);
    if (name === undefined || value === undefined) {
      throw new UserError(
        `line ${index + 1} of ${quoted(path)} is no NAME=VALUE`,
        name === undefined
          ? 'a comment begins with #'
          : `the quotes of ${name} do not close, or something follows them`,
      );
    }
    return [[name, value] as const];
  });
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function lineValue(text: string): string | undefined {
  if (text.startsWith("'")) return /^'([^']*)'[ \t]*(?:#.*)?$/s.exec(text)?.[1];
  if (text.startsWith('"')) {
    const inner = /^"((?:[^"\\]|\\.)*)"[ \t]*(?:#.*)?$/s.exec(text)?.[1];
    return inner?.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
  }
  return text.replace(/[ \t]+#.*$/s, '');
}
