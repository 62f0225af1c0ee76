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
    ['  #  define M(x) M', ['1 define', '1 use in M']],
    ['#define N \\\n M + \\\n M', ['2 use in N', '3 use in N']],
    ['#undef M\nM', ['1 undef', '2 use']],
    ['#ifdef M\n#elif M > 1\n#endif', ['1 test', '2 test']],
    ["#error don't M\nM", ['2 use']],
    ['a = b # M', ['1 use']],
    ['#define N(x) #x M\r\nM\r\n', ['1 use in N', '2 use']],
    ["1'000'000 M", ['1 use']],
  ])('of %j', (text, expected) => {
    expect(uses(text)).toEqual(expected);
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
      }),
    );
  });
});
