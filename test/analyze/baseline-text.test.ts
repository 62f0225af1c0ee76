// The baseline as a file: reviewable, sorted, and strict about what it reads.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BaselineLine, readBaseline, writeBaseline } from '../../src/analyze/baseline-text.ts';
import { UserError } from '../../src/errors.ts';
import type { BaselineEntry } from '../../src/model/report.ts';

const entry = (digit: string, more: Partial<BaselineEntry> = {}): BaselineEntry => ({
  fingerprint: digit.repeat(64),
  outline: digit.repeat(16),
  rule: 'memcheck/Leak_DefinitelyLost',
  place: `src/${digit}.c push`,
  cost: { bytes: 100, blocks: 1, count: 1 },
  programs: ['list'],
  ...more,
});
const line = (one: BaselineEntry, comments: readonly string[] = []): BaselineLine => ({
  entry: one,
  comments,
});

test('is sorted by place, one line for a finding, with comments above their entry', () => {
  const text = writeBaseline([line(entry('b'), ['# until #12 is mended']), line(entry('a'))]);
  expect(text).toBe(
    [
      '# vgrun baseline 1',
      '# place\trule\tcost\tprograms\tfingerprint\toutline',
      `src/a.c push\tmemcheck/Leak_DefinitelyLost\t100 bytes in 1 block\tlist\t${'a'.repeat(64)}\t${'a'.repeat(16)}`,
      '# until #12 is mended',
      `src/b.c push\tmemcheck/Leak_DefinitelyLost\t100 bytes in 1 block\tlist\t${'b'.repeat(64)}\t${'b'.repeat(16)}`,
      '',
    ].join('\n'),
  );
});

test('what a merge left twice is read once, and a byte order mark is no text', () => {
  const text = writeBaseline([line(entry('a'))]);
  const twice = `\ufeff${text}${text.split('\n')[2]}\n`;
  expect(readBaseline(twice, 'x')).toHaveLength(1);
});

test('order does not depend on the order of the run', () => {
  const lines = [line(entry('c')), line(entry('a')), line(entry('b'))];
  expect(writeBaseline(lines)).toBe(writeBaseline(lines.toReversed()));
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('a\tb', 'a\nb', '\r', '#x', ' x', '%41', 'a,b', '\u202e', '\ud800', '<<<<<<<', '\x1b[31m'),
);
const anyEntry: fc.Arbitrary<BaselineEntry> = fc
  .tuple(
    fc.nat(15),
    hostile,
    hostile,
    fc.array(
      hostile.filter((name) => name !== ''),
      { maxLength: 3 },
    ),
    fc.boolean(),
  )
  .map(([digit, place, rule, programs, isLeak]) => ({
    fingerprint: digit.toString(16).repeat(64),
    rule,
    place,
    cost: isLeak ? { bytes: digit, blocks: digit, count: 1 } : { count: 1 },
    programs,
  }));

test('any names are written as lines of six fields that hold no control character, and come back as they were', () => {
  fc.assert(
    fc.property(anyEntry, (one) => {
      const text = writeBaseline([line(one)]);
      const rows = text.split('\n');
      expect(rows).toHaveLength(4);
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      const [read] = readBaseline(text, 'x');
      const plain = (name: string) => Buffer.from(name).toString();
      expect(read?.entry).toEqual({
        ...one,
        place: plain(one.place),
        rule: plain(one.rule),
        programs: one.programs.map(plain),
      });
    }),
  );
});

test('no text is read as something else than a baseline, and none breaks the reader', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, headed) => {
      try {
        readBaseline(headed ? `# vgrun baseline 1\n${text}` : text, 'x');
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }),
  );
});

describe('is refused, with where and what to do,', () => {
  const good = writeBaseline([line(entry('a'))]);
  test.each([
    ['without its first line', good.slice(good.indexOf('\n') + 1), 'is no baseline'],
    ['of another version', good.replace('baseline 1', 'baseline 2'), 'version 2'],
    ['with a line that lost fields', good.replace('\tlist\t', '\t'), 'x:3'],
    ['with a cost that is none', good.replace('100 bytes', 'some bytes'), 'x:3'],
    ['cut in the last line', good.slice(0, -9), 'x:3'],
    ['with the marks of a merge conflict', good.replace('src/', '<<<<<<< ours\nsrc/'), 'merge conflict'],
  ])('%s', (_, text, said) => {
    expect(() => readBaseline(text, 'x')).toThrowError(UserError);
    expect(() => readBaseline(text, 'x')).toThrowError(said);
  });
});
