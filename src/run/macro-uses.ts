// Owns looking for uses of macros in the sources of a program, as they are on the disk now.
import { open } from 'node:fs/promises';
import { preprocessingTokens, usesOfNames } from '../analyze/preprocessing-tokens.ts';

/** Where a macro stands in a source. */
export interface MacroUse {
  readonly file: string;
  readonly line: number;
  readonly role: 'define' | 'undef' | 'test' | 'use';
  readonly inMacro?: string;
  /** The line, at most 200 characters of it. */
  readonly text: string;
}

export interface MacroUses {
  readonly uses: readonly MacroUse[];
  /** Sources that are not there any more, or too large. */
  readonly unread: readonly string[];
  /** Sources that were changed after the program was built: lines may have moved. */
  readonly changed: readonly string[];
  /** There are more uses than are listed. */
  readonly cut: boolean;
}

const largest = 4 * 1024 * 1024;
const most = 2000;
const longest = 200;

/**
 * Reads sources for a name.
 *
 * @param builtAt when the program was written, ms.
 */
export async function findUses(
  name: string,
  sources: readonly string[],
  builtAt: number,
): Promise<MacroUses> {
  const uses: MacroUse[] = [];
  const unread: string[] = [];
  const changed: string[] = [];
  for (const file of sources) {
    const source = await read(file);
    if (source === undefined) {
      unread.push(file);
      continue;
    }
    // Most sources do not have it, and looking is quicker than reading tokens.
    if (!source.text.includes(name)) continue;
    const lines = source.text.split('\n');
    let found = false;
    for (const { line, role, inMacro } of usesOfNames(source.text, new Set([name]))) {
      if (uses.length >= most) return { uses, unread, changed, cut: true };
      found = true;
      const text = (lines[line - 1] ?? '').trim().slice(0, longest);
      uses.push({ file, line, role, ...(inMacro === undefined ? {} : { inMacro }), text });
    }
    if (found && source.changedAt > builtAt) changed.push(file);
  }
  return { uses, unread, changed, cut: false };
}

async function read(
  path: string,
): Promise<{ readonly text: string; readonly changedAt: number } | undefined> {
  try {
    const { constants } = await import('node:fs');
    // A FIFO in the place of a source would never answer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile() || status.size > largest) return undefined;
      return { text: await file.readFile('utf8'), changedAt: status.mtimeMs };
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** The names in an expression, each once, in order. */
export function namesIn(expression: string): readonly string[] {
  const names = [...preprocessingTokens(expression)]
    .filter(({ kind }) => kind === 'name')
    .map(({ text }) => text);
  return [...new Set(names)];
}
