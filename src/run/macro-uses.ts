// Owns looking for uses of macros in the sources of a program, as they are on the disk now.
import { open } from 'node:fs/promises';
import { preprocessingTokens, usesOfNames } from '../analyze/preprocessing-tokens.ts';
import type { MacroAnswer, SourcePlace } from './gdb/macro.ts';

/** Where a macro is used, or asked for by `#if`. */
export interface MacroUse extends SourcePlace {
  readonly role: 'test' | 'use';
  readonly inMacro?: string;
  /** A parenthesis follows. */
  readonly called?: boolean;
  /** The one that holds there, where gdb knows it: in the units themselves, not in what they include. */
  readonly definition?: SourcePlace;
  /** The line, at most 200 characters of it. */
  readonly text: string;
}

export interface MacroUses {
  readonly uses: readonly MacroUse[];
  /** Its `#undef`s. */
  readonly undefinedAt: readonly SourcePlace[];
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
 * Reads sources for a name. Where gdb knows that the name is no macro, its letters are no use.
 *
 * @param builtAt when the program was written, ms.
 */
export async function findUses(
  name: string,
  { sources, standing }: Pick<MacroAnswer, 'sources' | 'standing'>,
  builtAt: number,
): Promise<MacroUses> {
  const known = new Map(standing.map(({ file, line, definition }) => [`${line} ${file}`, { definition }]));
  const uses: MacroUse[] = [];
  const undefinedAt: SourcePlace[] = [];
  const unread: string[] = [];
  const changed: string[] = [];
  for (const file of sources) {
    const source = await readSource(file);
    if (source === undefined) {
      unread.push(file);
      continue;
    }
    // Most sources do not have it, and looking is quicker than reading tokens.
    if (!source.text.includes(name)) continue;
    const lines = source.text.split('\n');
    const isChanged = source.changedAt > builtAt;
    let found = false;
    for (const { line, role, inMacro, called } of usesOfNames(source.text, new Set([name]))) {
      if (uses.length + undefinedAt.length >= most) {
        return { uses, undefinedAt, unread, changed, cut: true };
      }
      found = true;
      if (role === 'define') continue;
      if (role === 'undef') {
        undefinedAt.push({ file, line });
        continue;
      }
      // What another macro holds is replaced where that one is used.
      const holds =
        role === 'use' && inMacro === undefined && !isChanged ? known.get(`${line} ${file}`) : undefined;
      if (holds !== undefined && holds.definition === undefined) continue;
      uses.push({
        file,
        line,
        role,
        ...(inMacro === undefined ? {} : { inMacro }),
        ...(called === true ? { called } : {}),
        ...(holds?.definition === undefined
          ? {}
          : { definition: { file: holds.definition.file, line: holds.definition.line } }),
        text: (lines[line - 1] ?? '').trim().slice(0, longest),
      });
    }
    if (found && isChanged) changed.push(file);
  }
  return { uses, undefinedAt, unread, changed, cut: false };
}

/** How many lines a source has now; undefined when it cannot be read, or was changed after the program was built. */
export async function lengthOf(path: string, builtAt: number): Promise<number | undefined> {
  const source = await readSource(path);
  if (source === undefined || source.changedAt > builtAt) return undefined;
  return source.text.replace(/\n$/, '').split('\n').length;
}

async function readSource(
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
