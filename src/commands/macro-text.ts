// Owns what `vgrun macro` says of one macro, as text and as JSON.
import type { MacroStep } from '../analyze/macro-steps.ts';
import { preprocessingTokens } from '../analyze/preprocessing-tokens.ts';
import { plural } from '../report/terminal-text.ts';
import { endOfFile, type MacroAnswer, type MacroDefinition, type SourcePlace } from '../run/gdb/macro.ts';
import type { MacroUse, MacroUses } from '../run/macro-uses.ts';

/** Names whose meaning the compiler makes anew (C11 6.10.8.1, and the manual of GNU cpp, "Standard Predefined Macros"). */
export interface BoundNames {
  /** They are of the place where they stand, and gdb knows them there: `__LINE__`. */
  readonly place: readonly string[];
  /** No program keeps them: `__DATE__`. */
  readonly unknown: readonly string[];
}

export interface ToldMacro {
  readonly expression: string;
  readonly name: string;
  readonly answer: MacroAnswer;
  /** Missing: it is no macro at the place. */
  readonly now: MacroDefinition | undefined;
  readonly all: readonly MacroDefinition[];
  readonly steps: readonly MacroStep[] | undefined;
  /** Why gdb's expansion may not be that of the preprocessor: by the rules of C it is another, or that was not worked out. */
  readonly doubt?: { readonly byTheRules?: string };
  readonly uses: MacroUses;
  readonly bound: BoundNames;
  /** The place was wished for, and is not only that of main. */
  readonly isPlaceGiven: boolean;
}

const ofPlace = new Set(['__LINE__', '__FILE__']);
const ofCompiler = new Set([
  '__DATE__',
  '__TIME__',
  '__TIMESTAMP__',
  '__COUNTER__',
  '__INCLUDE_LEVEL__',
  '__BASE_FILE__',
  '__FILE_NAME__',
]);

/** Those that an expression comes to, by the macros in it. */
export function boundNames(names: readonly string[], definitions: MacroAnswer['definitions']): BoundNames {
  const seen = new Set<string>();
  const waiting = [...names];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const token of preprocessingTokens(definitions[name]?.now?.body ?? '')) {
      if (token.kind === 'name' && !seen.has(token.text)) waiting.push(token.text);
    }
  }
  // Line 0: not one that a source defines itself.
  const isCompilers = (name: string) => (definitions[name]?.now?.line ?? 0) === 0;
  return {
    place: [...seen].filter((name) => ofPlace.has(name) && isCompilers(name)),
    unknown: [...seen].filter((name) => ofCompiler.has(name) && isCompilers(name)),
  };
}

export function macroJson(told: ToldMacro): unknown {
  const { expression, name, answer, now, all, steps, doubt, uses, bound } = told;
  return {
    expression,
    name,
    scope: answer.scope,
    ...(now === undefined ? {} : { expansion: answer.expansion, doubt, steps, definition: now }),
    ...(bound.place.length === 0 ? {} : { ofThePlace: bound.place }),
    ...(bound.unknown.length === 0 ? {} : { notKnown: bound.unknown }),
    error: answer.error,
    definitions: all,
    ...uses,
    incomplete: answer.cut || answer.unread > 0,
  };
}

/** @param short a place as it is shown. */
export function macroText(told: ToldMacro, short: (place: SourcePlace) => string): string {
  const { name, answer, now, all, uses } = told;
  const lines = expansionLines(told, short);
  if (lines.length > 0) lines.push('');
  if (ofPlace.has(name) && all.every(({ line }) => line === 0)) {
    lines.push(`${name} is set by the compiler, anew at each place`);
  } else {
    for (const each of all) {
      const holds = now !== undefined && isSame(each, now) && all.length > 1 ? '    holds here' : '';
      lines.push(`${definitionText(each)}${holds}`, `  ${definedAt(each, short)}`);
    }
  }
  lines.push(...useLines(told, short));
  for (const place of uses.undefinedAt) lines.push(`undefined at ${short(place)}`);
  for (const file of uses.changed)
    lines.push(`${file} was changed after the program was built: lines may have moved`);
  const { unread } = uses;
  if (unread.length > 0) {
    lines.push(
      `${unread.length} ${plural(unread.length, 'source')} could not be read, the first: ${unread[0]}`,
    );
  }
  if (answer.cut || answer.unread > 0)
    lines.push(
      '',
      'not all that gdb knows was read: there may be more definitions, and what is used where is less sure',
    );
  return lines.join('\n');
}

function expansionLines(
  { expression, name, answer, now, steps, doubt, bound, isPlaceGiven }: ToldMacro,
  short: (place: SourcePlace) => string,
): string[] {
  const { scope, expansion } = answer;
  if (now === undefined) {
    return [`${name} is a macro, but not at ${scope === undefined ? 'that place' : short(scope)}`];
  }
  // That is said on stderr, with gdb's reason.
  if (expansion === undefined) return [];
  const lines = [`${expression}${scope === undefined ? '' : `  (at ${short(scope)})`}`];
  for (const { macro, text } of steps ?? [])
    lines.push(`  = ${text === '' ? '(nothing)' : text}    ${macro}`);
  if (steps === undefined) lines.push(`  = ${expansion}`);
  if (doubt !== undefined) {
    lines.push(
      doubt.byTheRules === undefined
        ? '  not sure: this is what gdb says, and whether the preprocessor says the same was not worked out'
        : `  not sure: this is what gdb says; by the rules of C (C11 6.10.3) it is: ${doubt.byTheRules === '' ? '(nothing)' : doubt.byTheRules}`,
      '  the compiler decides: put it at the end of a copy of the source, and look at what gcc -E makes of it',
    );
  }
  if (steps?.length === 0)
    lines.push('  stays as it is: a macro with parameters, and no parentheses behind it');
  if (bound.place.includes('__LINE__')) {
    lines.push(
      `  __LINE__ is another at each place${isPlaceGiven ? '' : ', here that of main: --at=FILE:LINE names one'}`,
    );
  }
  if (bound.place.includes('__FILE__')) {
    lines.push(
      `  __FILE__ is another in each file${isPlaceGiven ? '' : ', here that of main: --at=FILE:LINE names one'}; the compiler may write it shorter`,
    );
  }
  for (const each of bound.unknown)
    lines.push(`  ${each} is set while the compiler runs, and its value is not known`);
  return lines;
}

function useLines(
  { name, now, all, uses: { uses, cut } }: ToldMacro,
  short: (place: SourcePlace) => string,
): readonly string[] {
  const takesParentheses = all.length > 0 && all.every(({ parameters }) => parameters !== undefined);
  const isBare = ({ role, called }: MacroUse) => takesParentheses && role === 'use' && called !== true;
  const bare = uses.filter(isBare).length;
  const tested = uses.filter(({ role }) => role === 'test').length;
  const used = uses.length - bare - tested;
  if (uses.length === 0) return ['', `nobody uses ${name} in the sources that can be read`];
  const counts = [
    ...(used === 0 ? [] : [`used ${times(used)}`]),
    ...(tested === 0 ? [] : [`asked for by #if ${times(tested)}`]),
    ...(bare === 0 ? [] : [`named without parentheses ${times(bare)}`]),
  ];
  const lines = ['', `${counts.join(', ')}:`];
  // What stands twice in one line is shown once.
  const rows = new Map<string, number>();
  for (const use of uses) {
    const marks = [
      ...(use.role === 'test' ? ['#if'] : []),
      ...(isBare(use) ? ['no parentheses'] : []),
      ...(use.inMacro === undefined ? [] : [`in the definition of ${use.inMacro}`]),
      ...(use.definition === undefined || (now !== undefined && isSame(use.definition, now))
        ? []
        : [`as defined at ${short(use.definition)}`]),
    ];
    const row = `  ${short(use)}  ${use.text}${marks.length === 0 ? '' : `    (${marks.join(', ')})`}`;
    rows.set(row, (rows.get(row) ?? 0) + 1);
  }
  for (const [row, count] of rows) lines.push(count === 1 ? row : `${row}    ${count} times`);
  if (cut) lines.push('  … and more');
  return lines;
}

const times = (count: number): string => `${count} ${plural(count, 'time')}`;

/** `MAX(a, b)` */
export function signatureOf({ name, parameters }: MacroDefinition): string {
  return `${name}${parameters === undefined ? '' : `(${parameters.join(', ')})`}`;
}

export function definitionText(definition: MacroDefinition): string {
  const { body } = definition;
  return `#define ${signatureOf(definition)}${body === '' ? '' : ` ${body}`}`;
}

function definedAt(definition: MacroDefinition, short: (place: SourcePlace) => string): string {
  if (definition.line === 0) return 'by the compiler, or on its command line (-D)';
  const includes = definition.includedAt.map((place) => `, included at ${short(place)}`).join('');
  return `${short(definition)}${includes}`;
}

export function placeText({ file, line }: SourcePlace): string {
  return line === endOfFile ? `the end of ${file}` : `${file}:${line}`;
}

const isSame = (a: SourcePlace, b: SourcePlace): boolean => a.file === b.file && a.line === b.line;
