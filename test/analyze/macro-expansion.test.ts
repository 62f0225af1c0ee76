// The expansion that is worked out is what the C preprocessor itself makes of the same text.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expansionTokens, textOfTokens } from '../../src/analyze/macro-expansion.ts';
import type { MacroBody } from '../../src/analyze/macro-steps.ts';
import { preprocessingTokens } from '../../src/analyze/preprocessing-tokens.ts';
import { canRun } from '../project.ts';

const macros: ReadonlyMap<string, MacroBody> = new Map(
  Object.entries({
    A: { body: '1' },
    AB: { body: '77' },
    NOTHING: { body: '' },
    MINUS: { body: '-' },
    OPEN: { body: '(' },
    BRACKETS: { parameters: ['y'], body: '[y]' },
    NAME: { body: 'BRACKETS' },
    THEN: { parameters: ['x'], body: 'x BRACKETS' },
    SWAP: { parameters: ['a', 'b'], body: 'b a' },
    GLUED: { body: 'A ## B' },
    HASH: { body: '# x' },
    JOIN: { parameters: ['a', 'b'], body: 'a ## b' },
    LATER: { parameters: ['a', 'b'], body: 'JOIN(a, b)' },
    THREE: { parameters: ['a', 'b'], body: 'x ## a ## b' },
    QUOTE: { parameters: ['...'], body: '#__VA_ARGS__' },
    SHOW: { parameters: ['...'], body: 'QUOTE(__VA_ARGS__)' },
    COMMA: { parameters: ['a', '...'], body: 'g(a, ## __VA_ARGS__)' },
    REST: { parameters: ['a', 'rest...'], body: 'g(rest, ## rest)' },
    ALL: { parameters: ['...'], body: 'g(0, ## __VA_ARGS__)' },
    OPTION: { parameters: ['f', '...'], body: 'f(0 __VA_OPT__(, __VA_ARGS__ ## f))' },
    SELF: { body: 'SELF + A' },
    AGAIN: { parameters: ['x'], body: '(x + AGAIN(x))' },
    CALL: { parameters: ['f', '...'], body: 'f(__VA_ARGS__)' },
    SEVEN: { parameters: [], body: '7' },
  }),
);

const definitions = [...macros].map(
  ([name, { parameters, body }]) =>
    `#define ${name}${parameters === undefined ? '' : `(${parameters.join(', ')})`} ${body}`,
);

/** What `cc -E` makes of texts, each on its own; undefined for those that it refuses. */
function preprocessed(texts: readonly string[]): readonly (readonly string[] | undefined)[] {
  const marked = texts.flatMap((text, index) => [`@${index}@`, `#line ${index + 1} "text"`, text]);
  const input = [...definitions, ...marked, '@end@', ''].join('\n');
  const { stdout, stderr } = spawnSync('cc', ['-E', '-P', '-x', 'c', '-std=gnu17', '-'], {
    input,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const refused = new Set([...stderr.matchAll(/^text:(\d+):\d+: error/gm)].map(([, line]) => Number(line)));
  return texts.map((_, index) => {
    const [, after = ''] = stdout.split(`@${index}@`);
    const own = after.split(/@(?:\d+|end)@/)[0] ?? '';
    return refused.has(index + 1) ? undefined : tokensOf(own);
  });
}

const tokensOf = (text: string): readonly string[] => [...preprocessingTokens(text)].map((each) => each.text);

const expression: fc.Arbitrary<string> = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    fc.constantFrom(...macros.keys(), 'x', '2', '"q\\n"', '-', ''),
    fc
      .tuple(
        fc.constantFrom(...macros.keys(), 'x'),
        fc.array(tie('text'), { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', ' '),
      )
      .map(([name, given, space]) => `${name}${space}(${given.join(', ')})`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a} ${b}`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a}(${b})`),
  ),
})).text;

describe('an expansion that is worked out', () => {
  test.each([
    ['NAME(3)', '[3]'],
    ['THEN(1)(2)', '1[2]'],
    ['SWAP(BRACKETS, NAME)(5)', 'BRACKETS[5]'],
    ['GLUED', '77'],
    ['COMMA(1,)', 'g(1,)'],
    ['COMMA(1)', 'g(1)'],
    ['HASH', '#x'],
    ['BRACKETS OPEN 3)', 'BRACKETS(3)'],
    ['SELF', 'SELF+1'],
    ['AGAIN(3)', '(3+AGAIN(3))'],
    ['LATER(A, B)', '1B'],
    ['JOIN(SE, LF)', 'SELF+1'],
    ['-MINUS A', '- -1'],
    ['SHOW("a\\n" A)', '"\\"a\\\\n\\" 1"'],
  ])('of %s is %s', (text, expected) => {
    expect(textOfTokens(expansionTokens(text, macros) ?? [])).toBe(expected);
  });

  test.skipIf(!canRun('cc'))('is that of the C preprocessor', () => {
    // A call that does not end would go on in the next text.
    const texts = fc
      .sample(expression, { numRuns: 1500, seed: 7 })
      .filter((text) => text.length < 400 && expansionTokens(text, macros) !== undefined);
    const wanted = preprocessed(texts);
    const compared = texts.flatMap((text, index) => {
      const own = expansionTokens(text, macros);
      const theirs = wanted[index];
      return own === undefined || theirs === undefined ? [] : [{ text, own, theirs }];
    });
    expect(compared.length).toBeGreaterThan(texts.length / 3);
    expect(compared.map(({ text, own }) => ({ text, is: own.join(' ') }))).toEqual(
      compared.map(({ text, theirs }) => ({ text, is: theirs.join(' ') })),
    );
  });

  test('of any text ends, and what does not fit is not worked out', () => {
    const word = fc.constantFrom(...macros.keys(), '(', ')', ',', 'a', '##', '#', '"', '__VA_OPT__');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        expansionTokens(words.join(' '), macros);
      }),
    );
    expect(expansionTokens('SWAP(1)', macros)).toBeUndefined();
    expect(expansionTokens('AGAIN('.repeat(1000) + ')'.repeat(1000), macros)).toBeUndefined();
  });

  test('that grows without end is given up', () => {
    const doubling = new Map<string, MacroBody>(
      Array.from({ length: 30 }, (_, n) => [`D${n}`, { body: `D${n + 1} D${n + 1}` }]),
    );
    expect(expansionTokens('D0', doubling)).toBeUndefined();
  });
});
