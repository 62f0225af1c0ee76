// The knowledge base and `explain`.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explain } from '../../src/analyze/explain.ts';
import { kindOf, kinds } from '../../src/analyze/kinds.ts';

test.each([
  ['InvalidRead', 'memcheck/InvalidRead'],
  ['memcheck/InvalidRead', 'memcheck/InvalidRead'],
  ['invalidREAD', 'memcheck/InvalidRead'],
  ['helgrind/race', 'helgrind/Race'],
  ['Invalid read of size 4', 'memcheck/InvalidRead'],
  ['==123== Invalid write of size 8', 'memcheck/InvalidWrite'],
  [
    '64 (32 direct, 32 indirect) bytes in 1 blocks are definitely lost in loss record 3 of 5',
    'memcheck/Leak_DefinitelyLost',
  ],
  ['Possible data race during read of size 4 at 0x10C060 by thread #3', 'helgrind/Race'],
  ['Conflicting load by thread 3 at 0x0010c060 size 4', 'drd/ConflictingAccess'],
  ['Thread #1: lock order "0x10C0A0 before 0x10C0E0" violated', 'helgrind/LockOrder'],
  ['Syscall param write(buf) points to uninitialised byte(s)', 'memcheck/SyscallParam'],
  ['File descriptor 3: /dev/null is already closed', 'core/FdBadClose'],
  ['memcheck/FdNotClosed', 'core/FdNotClosed'],
])('%s is explained as %s', (query, rule) => {
  const answer = explain(query);
  expect(answer.found && answer.explanations[0]?.rule).toBe(rule);
});

test('a typing error is met with a suggestion', () => {
  expect(explain('InvalidRaed')).toEqual({
    found: false,
    suggestions: expect.arrayContaining(['memcheck/InvalidRead']),
  });
  expect(explain('banana split with cream')).toEqual({ found: false, suggestions: [] });
});

test('every kind is complete, and named once', () => {
  expect(new Set(kinds.map(({ tool, kind }) => `${tool}/${kind}`)).size).toBe(kinds.length);
  for (const { kind, title, meaning, advice, causes, fixes } of kinds) {
    expect([kind, title, meaning, advice].every((text) => text.length > 0)).toBe(true);
    expect([causes.length > 0, fixes.length > 0], kind).toEqual([true, true]);
    // One sentence each: reports put them on a line.
    expect(meaning, kind).toMatch(/^[A-Z][^\n]*\.$/);
    expect(advice, kind).toMatch(/^[A-Z][^\n]*\.$/);
  }
});

test('every headline leads to its own kind', () => {
  for (const { tool, kind, headlines } of kinds) {
    for (const headline of headlines) {
      const answer = explain(`==1== ${headline}`);
      expect(answer.found && answer.explanations.map(({ rule }) => rule)).toContain(`${tool}/${kind}`);
    }
  }
});

test('kinds of the core are known under every tool', () => {
  expect(kindOf('helgrind', 'FdNotClosed')?.tool).toBe('core');
  expect(kindOf('helgrind', 'InvalidRead')).toBeUndefined();
});

test('no question breaks explain', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (query) => {
      expect(typeof explain(query).found).toBe('boolean');
    }),
  );
});
