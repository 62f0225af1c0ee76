// `vgrun macro PROGRAM [EXPRESSION]`: what a macro becomes, where it is defined, and who uses it.
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { type MacroStep, macroSteps } from '../analyze/macro-steps.ts';
import { UserError } from '../errors.ts';
import { nearest } from '../model/spelling.ts';
import { harmless, plural } from '../report/terminal-text.ts';
import { findProjectRoot } from '../run/directory.ts';
import { askForMacros, type MacroAnswer, type MacroDefinition, type SourcePlace } from '../run/gdb/macro.ts';
import { findUses, type MacroUses, namesIn } from '../run/macro-uses.ts';
import { isAnswered, subCommand } from './sub-command.ts';

const usage = `[options] PROGRAM ['EXPRESSION']

Says what a macro becomes, where it is defined and who uses it:
  vgrun macro ./prog 'MACRO3(3)'
Without an expression: lists the macros that the project's own sources define.
The program must be built with -g3.`;

/** @returns 0; 100 when nothing in the expression is a macro. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await subCommand('macro', usage, argv)
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
  const answer = await askForMacros(path, { expression, root, ...(at === undefined ? {} : { at }) }, folder);
  mustHaveMacros(answer, path, at);
  const names = namesIn(expression);
  // What the expression is about: the first of its names that is a macro.
  const name = names.find((each) => answer.definitions[each] !== undefined);
  const definition = name === undefined ? undefined : answer.definitions[name];
  if (name === undefined || definition === undefined) return sayNoMacro(answer, expression, names, json);
  const steps = stepsOf(answer, expression);
  const { mtimeMs } = await stat(path);
  const uses = await findUses(name, answer.sources, mtimeMs);
  const now = definition.now;
  if (json) {
    write(
      JSON.stringify(
        {
          expression,
          name,
          scope: answer.scope,
          ...(now === undefined ? {} : { expansion: answer.expansion, steps, definition: now }),
          error: answer.error,
          definitions: definition.all,
          ...uses,
          incomplete: answer.cut || answer.unread > 0,
        },
        null,
        2,
      ),
    );
    return 0;
  }
  const short = shortener(root);
  const where = answer.scope === undefined ? '' : `  (at ${short(answer.scope)})`;
  if (now === undefined) {
    write(
      `${name} is a macro, but not at ${answer.scope === undefined ? 'that place' : short(answer.scope)}`,
    );
  } else if (answer.expansion === undefined) {
    write(`${expression}  cannot be expanded${answer.error === undefined ? '' : `: ${answer.error}`}`);
  } else {
    write(`${expression}${where}`);
    for (const { macro, text } of steps ?? []) write(`  = ${text === '' ? '(nothing)' : text}    ${macro}`);
    if (steps === undefined) write(`  = ${answer.expansion}`);
    if (steps?.length === 0) write('  stays as it is: a macro with parameters, and no parentheses behind it');
  }
  write('');
  for (const each of definition.all.length === 0 && now !== undefined ? [now] : definition.all) {
    const holds = now !== undefined && isSame(each, now) && definition.all.length > 1 ? '    holds here' : '';
    write(`${textOf(each)}${holds}`);
    write(`  ${definedAt(each, short)}`);
  }
  sayUses(name, uses, short);
  if (answer.cut || answer.unread > 0)
    write('\nnot all that gdb knows was read: there may be more definitions');
  return 0;
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
  for (const each of own) write(`${short(each)}  ${textOf(each)}`);
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
    write(`${what}${answer.scope === undefined ? '' : ` at ${answer.scope.file}:${answer.scope.line}`}`);
    if (suggestions.length > 0) write(`did you mean ${suggestions.join(' or ')}?`);
  }
  return 100;
}

function stepsOf(answer: MacroAnswer, expression: string): readonly MacroStep[] | undefined {
  if (answer.expansion === undefined) return undefined;
  const macros = new Map(
    Object.entries(answer.definitions).flatMap(([name, { now }]) =>
      now === undefined ? [] : [[name, now] as const],
    ),
  );
  return macroSteps(expression, macros, answer.expansion);
}

function sayUses(
  name: string,
  { uses, unread, changed, cut }: MacroUses,
  short: (place: SourcePlace) => string,
): void {
  const shown = uses.filter(({ role }) => role !== 'define');
  write(
    shown.length === 0
      ? `\nnobody uses ${name} in the sources that can be read`
      : `\nused ${shown.length} ${plural(shown.length, 'time')}:`,
  );
  for (const use of shown) {
    const role = {
      undef: 'undefined',
      test: 'asked for',
      define: '',
      use: use.inMacro === undefined ? '' : `in ${use.inMacro}`,
    }[use.role];
    write(`  ${short(use)}  ${use.text}${role === '' ? '' : `    (${role})`}`);
  }
  if (cut) write('  … and more');
  for (const file of changed) write(`${file} was changed after the program was built: lines may have moved`);
  if (unread.length > 0) {
    write(`${unread.length} ${plural(unread.length, 'source')} could not be read, the first: ${unread[0]}`);
  }
}

function textOf({ name, parameters, body }: MacroDefinition): string {
  return `#define ${name}${parameters === undefined ? '' : `(${parameters.join(', ')})`}${body === '' ? '' : ` ${body}`}`;
}

function definedAt(definition: MacroDefinition, short: (place: SourcePlace) => string): string {
  if (definition.line === 0) return 'by the compiler, or on its command line (-D)';
  const includes = definition.includedAt.map((place) => `, included at ${short(place)}`).join('');
  return `${short(definition)}${includes}`;
}

const isSame = (a: MacroDefinition, b: MacroDefinition): boolean => a.file === b.file && a.line === b.line;

function isBelow(file: string, root: string): boolean {
  const path = relative(root, file);
  return path !== '' && path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

function shortener(root: string): (place: SourcePlace) => string {
  return ({ file, line }) => `${isBelow(file, root) ? relative(root, file) : file}:${line}`;
}

function write(text: string): void {
  process.stdout.write(`${text.split('\n').map(harmless).join('\n')}\n`);
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
