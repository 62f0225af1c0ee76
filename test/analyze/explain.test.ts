// The knowledge base and `explain`.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explain } from '../../src/analyze/explain.ts';
import { kindNames } from '../../src/analyze/kind-names.ts';
import { finderOf } from '../../src/analyze/kinds.ts';
import { kinds } from '../../src/analyze/kinds-all.ts';

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
  ['asan/heap-use-after-free', 'asan/heap-use-after-free'],
  [
    '==list==7==ERROR: AddressSanitizer: attempting double-free on 0x602000000010 in thread T0:',
    'asan/double-free',
  ],
  ['==7==ERROR: AddressSanitizer: SEGV on unknown address 0x000000000000', 'asan/SEGV'],
  ['Direct leak of 100 byte(s) in 1 object(s) allocated from:', 'lsan/direct-leak'],
  ['Indirect leak of 64 byte(s) in 2 object(s) allocated from:', 'lsan/indirect-leak'],
  ["a.c:3:5: runtime error: load of null pointer of type 'int'", 'ubsan/null'],
  ["a.c:4:7: runtime error: index 10 out of bounds for type 'int [10]'", 'ubsan/bounds'],
  ['WARNING: ThreadSanitizer: data race (pid=9)', 'tsan/data-race'],
  [
    'WARNING: ThreadSanitizer: data race on vptr (ctor/dtor vs virtual call) (pid=9)',
    'tsan/data-race-on-vptr',
  ],
  ['WARNING: MemorySanitizer: use-of-uninitialized-value', 'msan/use-of-uninitialized-value'],
  ['double-free: <3> test.c(12), 0x55d was freed from test.c(11)', 'memwatch/double-free'],
  ['{123} normal block at 0x00A1, 10 bytes long.', 'crt/unfreed'],
])('%s is explained as %s', (query, rule) => {
  const answer = explain(query);
  expect(answer.found && answer.explanations[0]?.rule).toBe(rule);
});

test('a kind that two tools have is explained for both', () => {
  const answer = explain('heap-use-after-free');
  expect(answer.found && answer.explanations.map(({ rule }) => rule)).toEqual([
    'asan/heap-use-after-free',
    'hwasan/heap-use-after-free',
    'tsan/heap-use-after-free',
  ]);
});

test('asked for a tool, all of its kinds are told', () => {
  const answer = explain('tsan');
  expect(answer.found && answer.tool).toBe('tsan');
  expect(answer.found && answer.explanations.every(({ rule }) => rule.startsWith('tsan/'))).toBe(true);
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

test('the list of names holds what is known, and nothing else', () => {
  const known = kinds.map(({ tool, kind }) => `${tool}/${kind}`).sort();
  const listed = [...kindNames].flatMap(([tool, names]) => names.map((name) => `${tool}/${name}`));
  expect(listed.sort()).toEqual(known);
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
  const kindOf = finderOf(kinds);
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
