// `vgrun macro PROGRAM [EXPRESSION]`: what a macro becomes, where it is defined, and who uses it.
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { expansionTokens, textOfTokens } from '../analyze/macro-expansion.ts';
import { macroSteps } from '../analyze/macro-steps.ts';
import { preprocessingTokens } from '../analyze/preprocessing-tokens.ts';
import { UserError } from '../errors.ts';
import { nearest } from '../model/spelling.ts';
import { harmless, plural } from '../report/terminal-text.ts';
import { findProjectRoot } from '../run/directory.ts';
import { askForMacros, endOfFile, type MacroAnswer, type SourcePlace } from '../run/gdb/macro.ts';
import { findUses, lengthOf, namesIn } from '../run/macro-uses.ts';
import {
  boundNames,
  definitionText,
  macroJson,
  macroText,
  placeText,
  signatureOf,
  type ToldMacro,
} from './macro-text.ts';
import { isAnswered, subCommand } from './sub-command.ts';

const usage = `[options] PROGRAM ['EXPRESSION']

Says what a macro becomes, where it is defined and who uses it:
  vgrun macro ./prog 'MACRO3(3)'
  vgrun macro ./prog -- '-MACRO3(3)'
Without an expression: lists the macros that the project's own sources define.
The program must be built with -g3.`;

/**
 * @returns 0; 100 when nothing in the expression is a macro at the place; 101 when gdb's expansion is not the preprocessor's.
 * @throws UserError (125) when it cannot be expanded, after what is known of it has been written.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await subCommand(
    'macro',
    usage,
    argv,
    "`--` goes before an expression that begins with a dash: vgrun macro ./prog -- '-MACRO(3)'; options: vgrun macro --help",
  )
    .wrap(80)
    .option('at', { type: 'string', describe: 'FILE:LINE: as it is there; default: at main' })
    .option('json', { type: 'boolean', default: false, describe: 'as JSON' })
    .option('project-root', {
      type: 'string',
      describe: 'whose sources are yours',
    })
    .parseAsync([...argv]);
  if (isAnswered(argv)) return 0;
  const [program, expression, ...more] = wishes._.map(String);
  if (program === undefined) throw new UserError('macro needs a program', "vgrun macro ./prog 'MACRO(3)'");
  if (more.length > 0) {
    throw new UserError(
      `macro takes one expression, and got also ${more.join(' ')}`,
      'put it into quotes, so that the shell leaves it whole',
    );
  }
  if (expression !== undefined) mustBeExpression(expression);
  const here = process.cwd();
  const path = await realpath(resolve(here, program)).catch(() => resolve(here, program));
  const root =
    wishes['project-root'] === undefined
      ? await findProjectRoot(here)
      : resolve(here, wishes['project-root']);
  const asked: Asked = {
    path,
    root,
    json: wishes.json,
    ...(wishes.at === undefined ? {} : { at: readPlace(wishes.at) }),
  };
  return inTemporaryFolder((folder) =>
    expression === undefined ? list(asked, folder) : tell(asked, expression, folder),
  );
}

interface Asked {
  /** Of the program, absolute. */
  readonly path: string;
  readonly root: string;
  readonly at?: SourcePlace;
  readonly json: boolean;
}

async function tell({ path, root, at, json }: Asked, expression: string, folder: string): Promise<number> {
  const names = namesIn(expression);
  const answer = await askForMacros(
    path,
    { expression, names, root, ...(at === undefined ? {} : { at }) },
    folder,
  );
  const { mtimeMs } = await stat(path);
  if (at !== undefined) await mustBePlace(at, answer, path, mtimeMs);
  mustHaveMacros(answer, path, at);
  const bound = boundNames(names, answer.definitions);
  const name = answer.subject;
  const definition = name === undefined ? undefined : answer.definitions[name];
  if (name === undefined || definition === undefined) {
    const unknown = names.find((each) => bound.unknown.includes(each));
    if (unknown !== undefined) throw noValue(unknown);
    return sayNoMacro(answer, expression, names, json);
  }
  const told: ToldMacro = {
    expression,
    name,
    answer: await withEnd(answer, mtimeMs),
    now: definition.now,
    all: definition.all.length === 0 && definition.now !== undefined ? [definition.now] : definition.all,
    ...expansionOf(answer, expression),
    uses: await findUses(name, answer, mtimeMs),
    bound,
    isPlaceGiven: at !== undefined,
  };
  write(json ? JSON.stringify(macroJson(told), null, 2) : macroText(told, shortener(root)));
  if (definition.now === undefined) return 100;
  if (answer.expansion === undefined) {
    throw new UserError(
      `${expression} cannot be expanded${answer.error === undefined ? '' : `: ${answer.error}`}`,
      `give each macro the arguments of its definition: ${signatureOf(definition.now)}`,
    );
  }
  return told.doubt === undefined ? 0 : 101;
}

/** The end of a file as a line of it, where the file is still as it was. */
async function withEnd(answer: MacroAnswer, builtAt: number): Promise<MacroAnswer> {
  if (answer.scope?.line !== endOfFile) return answer;
  const line = (await lengthOf(answer.scope.file, builtAt)) ?? endOfFile;
  return { ...answer, scope: { ...answer.scope, line } };
}

async function mustBePlace(
  at: SourcePlace,
  answer: MacroAnswer,
  path: string,
  builtAt: number,
): Promise<void> {
  if (answer.ambiguous.length > 0) {
    throw new UserError(
      `--at=${at.file}:${at.line} may be one of several sources: ${answer.ambiguous.join(', ')}`,
      'name it with more of its path',
    );
  }
  const file = answer.scope?.file;
  const length = file === undefined ? undefined : await lengthOf(file, builtAt);
  if (length !== undefined && at.line > length) {
    throw new UserError(
      `${file} ends at line ${length}, and --at names line ${at.line}`,
      'name a line of the file',
    );
  }
  const isSource = answer.sources.some((each) => each.endsWith(`/${at.file.replace(/^(?:\.?\/)+/, '')}`));
  if (file === undefined && !isSource && answer.sources.length > 0) {
    throw new UserError(
      `${at.file} is no source that the debug information of ${path} names`,
      'write a file of the program and a line: --at=file.c:12',
    );
  }
}

function noValue(name: string): UserError {
  return new UserError(
    `${name} is set by the compiler while it compiles, and no program keeps its value`,
    'let the preprocessor show what it makes of a source: cc -E FILE',
  );
}

async function list({ path, root, at, json }: Asked, folder: string): Promise<number> {
  if (at !== undefined) {
    throw new UserError(
      '--at is about the expression of a macro',
      "vgrun macro --at FILE:LINE ./prog 'MACRO(3)'",
    );
  }
  const answer = await askForMacros(path, { root }, folder);
  mustHaveMacros(answer, path, undefined);
  const own = Object.values(answer.definitions)
    .flatMap(({ all }) => all)
    .filter(({ file, line }) => line > 0 && isBelow(file, root))
    .sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
  const incomplete = answer.cut || answer.unread > 0;
  if (json) {
    write(JSON.stringify({ definitions: own, incomplete }, null, 2));
    return 0;
  }
  const short = shortener(root);
  for (const each of own) write(`${short(each)}  ${definitionText(each)}`);
  write(`${own.length} ${plural(own.length, 'macro')} of sources below ${root}`);
  if (incomplete) write('not all that gdb knows was read: there may be more');
  return 0;
}

function mustBeExpression(expression: string): void {
  const isText = ![...expression].some((letter) => letter < ' ' || letter === '\x7f');
  if (isText && expression.trim() !== '' && expression.length <= 10_000) return;
  throw new UserError(
    isText
      ? 'the expression is empty, or longer than 10,000 letters'
      : 'the expression has more than one line',
    "vgrun macro ./prog 'MACRO(3)'",
  );
}

/** `file.c:12`, `sub/file.c:12` */
function readPlace(text: string): SourcePlace {
  const [, file, line] = /^(.+):(\d{1,7})$/s.exec(text) ?? [];
  if (file === undefined || Number(line) < 1 || /["\\\p{Cc}]/u.test(file)) {
    throw new UserError(
      `--at=${text} is no place in a source`,
      'write a file of the program and a line: --at=file.c:12',
    );
  }
  return { file, line: Number(line) };
}

function mustHaveMacros(answer: MacroAnswer, path: string, at: SourcePlace | undefined): void {
  if (answer.hasMacros) return;
  if (at !== undefined && answer.sources.length > 0) {
    throw new UserError(
      `${path} has no macros at ${at.file}:${at.line}`,
      'the file must be a source of the program that was built with -g3 (gcc), or -g -fdebug-macro (clang)',
    );
  }
  throw new UserError(
    answer.sources.length === 0
      ? `${path} has no debug information, so also no macros`
      : `${path} was built without its macros: -g alone leaves them out`,
    'build with -g3 or -ggdb3 (gcc), or -g -fdebug-macro (clang), and without strip',
  );
}

function sayNoMacro(
  answer: MacroAnswer,
  expression: string,
  names: readonly string[],
  json: boolean,
): number {
  const suggestions = names.map((name) => nearest(name, answer.near)).filter((name) => name !== undefined);
  if (json) write(JSON.stringify({ expression, isMacro: false, suggestions }, null, 2));
  else {
    const what =
      names.length === 1 && names[0] === expression
        ? `${expression} is no macro`
        : `${expression} holds no macro`;
    write(`${what}${answer.scope === undefined ? '' : ` at ${placeText(answer.scope)}`}`);
    if (suggestions.length > 0) write(`did you mean ${suggestions.join(' or ')}?`);
  }
  return 100;
}

/** How gdb's expansion came about, and what is to be doubted in it. */
function expansionOf(answer: MacroAnswer, expression: string): Pick<ToldMacro, 'steps' | 'doubt'> {
  const { expansion, others, definitions } = answer;
  if (expansion === undefined) return { steps: undefined };
  const macros = new Map([
    ...others.map((each) => [each.name, each] as const),
    ...Object.entries(definitions).flatMap(([name, { now }]) =>
      now === undefined ? [] : [[name, now] as const],
    ),
  ]);
  const rule = expansionTokens(expression, macros);
  const said = tokensOf(expansion);
  const isSame = rule !== undefined && rule.join('\0') === said.join('\0');
  // White space in strings depends on each compiler where a macro became nothing: then neither is known to be right.
  const differs = rule !== undefined && withoutSpaces(rule) !== withoutSpaces(said);
  return {
    steps: isSame ? macroSteps(expression, macros, expansion) : undefined,
    ...(isSame ? {} : { doubt: differs ? { byTheRules: textOfTokens(rule) } : {} }),
  };
}

const withoutSpaces = (tokens: readonly string[]): string => tokens.join('\0').replace(/\s/g, '');

const tokensOf = (text: string): readonly string[] => [...preprocessingTokens(text)].map((each) => each.text);

function isBelow(file: string, root: string): boolean {
  const path = relative(root, file);
  return path !== '' && path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

function shortener(root: string): (place: SourcePlace) => string {
  return ({ file, line }) => placeText({ file: isBelow(file, root) ? relative(root, file) : file, line });
}

function write(text: string): void {
  process.stdout.write(`${text.replaceAll('\t', ' ').split('\n').map(harmless).join('\n')}\n`);
}

async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const folder = await mkdtemp(join(tmpdir(), 'vgrun-macro-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
