// A name in a comment or a string is no use of it, whatever the text around it looks like.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { preprocessingTokens, usesOfNames } from '../../src/analyze/preprocessing-tokens.ts';

const uses = (text: string) =>
  [...usesOfNames(text, new Set(['M']))].map(
    ({ line, role, inMacro }) => `${line} ${role}${inMacro === undefined ? '' : ` in ${inMacro}`}`,
  );

describe('uses of a name', () => {
  test.each([
    ['int a = M;', ['1 use']],
    ['M', ['1 use']],
    ['xM M1 _M 1M 0xM', []],
    ['/* M */ // M\nM', ['2 use']],
    ['// M \\\nM\nM', ['3 use']],
    ['"M" \'M\' "\\"M" L"M" u8"M"', []],
    ['R"(M)" R"x(M)"M)x" M', ['1 use']],
    ['"not closed M\nM', ['2 use']],
    ['/* not closed M\nM', []],
    ['a /**/M/* */', ['1 use']],
    ['#define M 1', ['1 define']],
    ['  #  define M(x) M', ['1 define']],
    ['#define N \\\n M + \\\n M', ['2 use in N', '3 use in N']],
    ['#undef M\nM', ['1 undef', '2 use']],
    ['#ifdef M\n#elif M > 1\n#endif', ['1 test', '2 test']],
    ["#error don't M\nM", ['2 use']],
    ['a = b # M', ['1 use']],
    ['#define N(x) #x M\r\nM\r\n', ['1 use in N', '2 use']],
    ["1'000'000 M", ['1 use']],
    ['#include <M>\n#include <M/M.h> // M\n# include_next <M>\n#include "M"\nM', ['5 use']],
    ['#include M\n#if M < 3 && M > 2', ['1 use', '2 test', '2 test']],
    ['#if __has_include(<M.h>) && M', ['1 test']],
    ['#if defined(M) || !defined M', ['1 test', '1 test']],
    ['#define N(M) M + M\n#define O (M)', ['2 use in O']],
    ['#define N(x) M ## x + x##M\n#define O(...) M', ['2 use in O']],
    ['#error M\n#warning M\n#pragma GCC poison M\n#pragma omp parallel num_threads(M)', ['4 use']],
    ['M\n#undef M\nM', ['1 use', '2 undef', '3 use']],
    ['#\n#define\n#undef\n# 1 "M" M', ['4 use']],
  ])('of %j', (text, expected) => {
    expect(uses(text)).toEqual(expected);
  });

  test('are calls where a parenthesis follows, perhaps on the next line', () => {
    const called = (text: string) => [...usesOfNames(text, new Set(['M']))].map((use) => use.called === true);
    expect(called('M(1) + M + f(M, M\n  (2))')).toEqual([true, false, false, true]);
    expect(called('#define N M\n(1)')).toEqual([false]);
    expect(called('#if M(1) && defined(M)')).toEqual([true, false]);
    expect(called('M\n#undef X\n(1)')).toEqual([false]);
  });

  test('are read from any text, in order, without a letter that is not in it', () => {
    const text = fc.string({
      unit: fc.constantFrom(
        'M',
        '"',
        "'",
        '\\',
        '\n',
        '\r',
        '/',
        '*',
        '#',
        'R',
        '(',
        ')',
        ' ',
        '1',
        'é',
        '\0',
      ),
      maxLength: 200,
    });
    fc.assert(
      fc.property(text, (source) => {
        let at = 0;
        let line = 1;
        for (const token of preprocessingTokens(source)) {
          const found = source.indexOf(token.text, at);
          expect(found).toBeGreaterThanOrEqual(at);
          expect(token.line).toBeGreaterThanOrEqual(line);
          at = found + token.text.length;
          line = token.line;
        }
        expect(line).toBeLessThanOrEqual(source.split('\n').length);
        const lines = [...usesOfNames(source, new Set(['M', 'R']))].map((use) => use.line);
        expect(lines).toEqual(lines.toSorted((a, b) => a - b));
      }),
    );
  });
});
