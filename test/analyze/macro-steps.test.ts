// The steps of an expansion lead where the preprocessor leads, or none are shown.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type MacroBody, macroSteps } from '../../src/analyze/macro-steps.ts';

const macros: ReadonlyMap<string, MacroBody> = new Map(
  Object.entries({
    ONE: { parameters: ['x'], body: '(++(x))' },
    TWO: { parameters: ['x'], body: '(ONE(x)+100)' },
    JOIN: { parameters: ['a', 'b'], body: 'a##b' },
    SHOW: { parameters: ['x'], body: '#x' },
    SELF: { body: 'SELF + 1' },
    EMPTY: { body: '' },
    CALL: { parameters: ['f', '...'], body: 'f(__VA_ARGS__)' },
    NAMED: { parameters: ['f', 'rest...'], body: 'f(rest)' },
    NOTHING: { parameters: [], body: '7' },
  }),
);

describe('an expansion', () => {
  test.each([
    ['TWO(3)', '((++(3))+100)', ['TWO: (ONE(3)+100)', 'ONE: ((++(3))+100)']],
    ['JOIN(var, 1) + JOIN(,x)', 'var1 + x', ['JOIN: var1 + JOIN(,x)', 'JOIN: var1 + x']],
    ['SHOW("a\\n" + b)', '"\\"a\\\\n\\" + b"', ['SHOW: "\\"a\\\\n\\" + b"']],
    ['SELF', 'SELF + 1', ['SELF: SELF + 1']],
    ['a EMPTY b', 'a b', ['EMPTY: a b']],
    ['ONE', 'ONE', []],
    ['ONE (a)', '(++(a))', ['ONE: (++(a))']],
    ['CALL(g, (1, 2), 3)', 'g((1, 2),3)', ['CALL: g((1, 2), 3)']],
    ['NAMED(g, 1, 2)', 'g(1, 2)', ['NAMED: g(1, 2)']],
    ['NOTHING()', '7', ['NOTHING: 7']],
  ])('of %s', (expression, expected, steps) => {
    expect(macroSteps(expression, macros, expected)?.map(({ macro, text }) => `${macro}: ${text}`)).toEqual(
      steps,
    );
  });

  test('that leads elsewhere has no steps', () => {
    expect(macroSteps('TWO(3)', macros, '((++(4))+100)')).toBeUndefined();
  });

  test('of any text ends', () => {
    const word = fc.constantFrom(...macros.keys(), '(', ')', ',', 'a', '##', '#', '"');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), (words) => {
        macroSteps(words.join(' '), macros, '');
      }),
    );
  });

  test('that grows without end is given up', () => {
    const doubling = new Map<string, MacroBody>(
      Array.from({ length: 30 }, (_, n) => [`D${n}`, { body: `D${n + 1} D${n + 1}` }]),
    );
    expect(macroSteps('D0', doubling, '')).toBeUndefined();
  });
});
