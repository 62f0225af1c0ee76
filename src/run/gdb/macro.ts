// Owns asking gdb about the macros of a program, and what of its answer is believed.
import { open, stat } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { askGdb } from './batch.ts';

/** A place in a source. Line 0 is the compiler's own definition, or its command line. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
}

export interface MacroDefinition extends SourcePlace {
  readonly name: string;
  /** Missing for a macro without parentheses. */
  readonly parameters?: readonly string[];
  readonly body: string;
  /** The `#include`s that lead there, the innermost first. */
  readonly includedAt: readonly SourcePlace[];
}

/** What gdb says; see macro.py. */
export interface MacroAnswer {
  /** false: the program was built without -g3. */
  readonly hasMacros: boolean;
  /** Absolute paths of all sources of the program that are known. */
  readonly sources: readonly string[];
  /** Where the macros that were expanded hold. */
  readonly scope?: SourcePlace;
  readonly main?: SourcePlace;
  readonly expansion?: string;
  /** Sources that the file of the wanted place may be: then nothing else was asked. */
  readonly ambiguous: readonly string[];
  /** The macro that the expression is about: the first of its names that is one where it is expanded, else one anywhere. */
  readonly subject?: string;
  /** What the subject is where its letters stand in a unit; without a definition, it is no macro there. */
  readonly standing: readonly (SourcePlace & { readonly definition?: MacroDefinition })[];
  /** gdb's words, when it could not expand. */
  readonly error?: string;
  readonly definitions: Readonly<
    Record<string, { readonly now?: MacroDefinition; readonly all: readonly MacroDefinition[] }>
  >;
  /** All macros of the place, when a `##` may make names that stand nowhere; else none. */
  readonly others: readonly MacroDefinition[];
  /** Names of all macros, when the expression holds none. */
  readonly near: readonly string[];
  /** Lines of gdb that were not understood. */
  readonly unread: number;
  /** Not all was asked. */
  readonly cut: boolean;
}

/** Line of a place that is the end of its file, of which it is not known how long it is. */
export const endOfFile = 9_999_999;

/** A program with a hundred thousand macros takes about ten seconds. */
const patience = 120_000;

/**
 * Asks gdb about a macro, or about all of them.
 *
 * @param request `root`: the folder of the project's own sources.
 * @param folder absolute path of a folder for files that are removed again.
 * @throws UserError (125) when the program is none or cannot be read, when there is no gdb, or it gives no answer.
 */
export async function askForMacros(
  program: string,
  request: {
    readonly expression?: string;
    /** Those in the expression. */
    readonly names?: readonly string[];
    readonly at?: SourcePlace;
    readonly root: string;
  },
  folder: string,
): Promise<MacroAnswer> {
  await mustBeProgram(program);
  const asked = await askGdb({
    script: 'macro.py',
    words: [program],
    wishes: request,
    folder,
    timeout: patience,
  });
  if ('answer' in asked) return readAnswer(asked.answer);
  if (asked.failure === 'missing') {
    throw new UserError(
      'gdb is not installed, and it alone reads macros of programs',
      'install it: apt-get install gdb (Debian, Ubuntu), dnf install gdb (Fedora)',
    );
  }
  throw new UserError(
    asked.failure === 'timeout'
      ? `gdb did not read ${program} in ${patience / 1000} s`
      : `gdb could not read ${program}${asked.said === '' ? '' : `: ${asked.said.split('\n').at(-1)}`}`,
    'is it a program or a library, and complete?',
  );
}

async function mustBeProgram(path: string): Promise<void> {
  const hint = 'name the program, or a library of it';
  const failed = (error: Error) => {
    throw new UserError(`${path} cannot be read: ${error.message}`, hint);
  };
  if (!(await stat(path).catch(failed)).isFile()) throw new UserError(`${path} is no file`, hint);
  const file = await open(path).catch(failed);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const start = buffer.subarray(0, bytesRead).toString('latin1');
    if (start === '\x7fELF') return;
    throw start.startsWith('#!')
      ? new UserError(`${path} is a script, and no ELF program`, 'name the program that it starts')
      : new UserError(`${path} is no ELF program`, hint);
  } finally {
    await file.close();
  }
}

type Loose = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];

/** What does not have the form that macro.py promises is left out. */
function readAnswer(answer: unknown): MacroAnswer {
  const said = isObject(answer) ? answer : {};
  const definitions: Record<string, { now?: MacroDefinition; all: readonly MacroDefinition[] }> =
    Object.create(null);
  for (const [name, value] of Object.entries(isObject(said.definitions) ? said.definitions : {})) {
    if (!isObject(value)) continue;
    const now = definitionOf(value.now);
    const all = Array.isArray(value.all)
      ? value.all.map(definitionOf).filter((each) => each !== undefined)
      : [];
    definitions[name] = { ...(now === undefined ? {} : { now }), all };
  }
  const scope = placeOf(said.scope);
  const main = placeOf(said.main);
  return {
    hasMacros: said.hasMacros === true,
    sources: textsOf(said.sources),
    ...(scope === undefined ? {} : { scope }),
    ...(main === undefined ? {} : { main }),
    ...(typeof said.expansion === 'string' ? { expansion: said.expansion } : {}),
    ...(typeof said.error === 'string' ? { error: said.error } : {}),
    ambiguous: textsOf(said.ambiguous),
    ...(typeof said.subject === 'string' ? { subject: said.subject } : {}),
    standing: (Array.isArray(said.standing) ? said.standing : []).flatMap((each) => {
      const place = placeOf(each);
      const definition = isObject(each) ? definitionOf(each.definition) : undefined;
      return place === undefined ? [] : [{ ...place, ...(definition === undefined ? {} : { definition }) }];
    }),
    definitions,
    others: (Array.isArray(said.others) ? said.others : [])
      .map(definitionOf)
      .filter((each) => each !== undefined),
    near: textsOf(said.near),
    unread: typeof said.unread === 'number' ? said.unread : 0,
    cut: said.cut === true || said.sourcesCut === true,
  };
}

function placeOf(value: unknown): SourcePlace | undefined {
  if (!isObject(value) || typeof value.file !== 'string' || typeof value.line !== 'number') return undefined;
  return { file: value.file, line: value.line };
}

function definitionOf(value: unknown): MacroDefinition | undefined {
  const place = placeOf(value);
  if (place === undefined || !isObject(value) || typeof value.name !== 'string') return undefined;
  const includedAt = Array.isArray(value.includedAt) ? value.includedAt : [];
  return {
    name: value.name,
    ...place,
    ...(Array.isArray(value.parameters) ? { parameters: textsOf(value.parameters) } : {}),
    body: typeof value.body === 'string' ? value.body : '',
    includedAt: includedAt.map(placeOf).filter((each) => each !== undefined),
  };
}
