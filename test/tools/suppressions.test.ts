// Suppression files are read as valgrind reads them, and an entry made for a finding hides it, whatever its names hold.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReportFrame } from '../../src/model/report.ts';
import { type Nameable, suppressionsFor } from '../../src/tools/_shared/suppression-entry.ts';
import {
  parseSuppressions,
  type SuppressionEntry,
  writeSuppression,
} from '../../src/tools/_shared/suppression-file.ts';
import { hides } from '../../src/tools/_shared/suppression-match.ts';
import {
  globCovers,
  globMatches,
  mangledPattern,
  matchesDemangled,
} from '../../src/tools/_shared/suppression-names.ts';
import { judgeUses, type Witness } from '../../src/tools/_shared/suppression-uses.ts';

const owned = (owner: ReportFrame['owner'], name: string | undefined, object: string): ReportFrame => ({
  owner,
  ownerReason: 'program',
  object,
  ...(name === undefined ? {} : { function: name }),
});
const mine = (name: string) => owned('mine', name, '/home/ann/list/list');
const system = (name?: string, object = '/usr/lib/x86_64-linux-gnu/libc.so.6') =>
  owned('system', name, object);
const malloc = owned('tool', 'malloc', '/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so');

function leak(frames: readonly ReportFrame[], more: Partial<Nameable> = {}): Nameable {
  return {
    id: 'F-3f2a90b1c2d3',
    tool: 'memcheck',
    kind: 'Leak_DefinitelyLost',
    what: '100 bytes in 1 blocks are definitely lost in loss record 1 of 1',
    stacks: [{ label: 'at', frames }],
    ...more,
  };
}

function entriesOf(finding: Nameable): readonly SuppressionEntry[] {
  const entries = suppressionsFor(finding);
  if ('refusal' in entries) throw new Error(entries.refusal);
  return entries;
}

function only(text: string): SuppressionEntry {
  const { entries, problems } = parseSuppressions(text);
  expect(problems).toEqual([]);
  return entries[0] as SuppressionEntry;
}

const block = (kind: string, ...lines: readonly string[]) => only(['{', 'n', kind, ...lines, '}'].join('\n'));

describe('a suppression file', () => {
  test('is read with comments, indentation, CRLF and several tools', () => {
    const text =
      '# mine\r\n\r\n  {\r\n\t<a name>\r\n   # why\r\n   Memcheck,Helgrind:Leak\r\n  match-leak-kinds: definite,possible\r\n   fun:malloc \r\n   ...\r\n   obj:*/lib a.so*\r\n   src:list.c:20\r\n}\r\n';
    expect(parseSuppressions(text.replace('Helgrind', 'Nulgrind'))).toEqual({
      problems: [],
      entries: [
        {
          name: '<a name>',
          tools: ['Memcheck', 'Nulgrind'],
          kind: 'Leak',
          extra: ['match-leak-kinds: definite,possible'],
          frames: [
            { by: 'fun', pattern: 'malloc' },
            { by: '...' },
            { by: 'obj', pattern: '*/lib a.so*' },
            { by: 'src', pattern: 'list.c:20' },
          ],
          line: 3,
          endLine: 12,
        },
      ],
    });
  });

  test.each([
    { name: 'no brace', text: 'hello\n', line: 1 },
    { name: 'no end', text: '\n{\n a\n Memcheck:Leak\n fun:a\n', line: 2 },
    { name: 'no kind', text: '{\n a\n}\n', line: 3 },
    { name: 'no colon', text: '{\n a\n Leak\n fun:a\n}\n', line: 3 },
    { name: 'a kind that the tool lacks', text: '{\n a\n Memcheck:Leaks\n fun:a\n}\n', line: 3 },
    { name: 'a frame that is none', text: '{\n a\n Memcheck:Leak\n fn:a\n}\n', line: 4 },
    { name: 'a source first in a leak', text: '{\n a\n Memcheck:Leak\n src:a.c\n}\n', line: 3 },
    { name: 'only dots', text: '{\n a\n Memcheck:Leak\n ...\n}\n', line: 3 },
    {
      name: 'no such leak kind',
      text: '{\n a\n Memcheck:Leak\n match-leak-kinds: lost\n fun:a\n}\n',
      line: 3,
    },
  ])('with $name says on which line, and goes on after it', ({ text, line }) => {
    const { problems, entries } = parseSuppressions(
      `${text}${text.endsWith('}\n') ? '{\nb\ndrd:CondErr\nfun:b\n}\n' : ''}`,
    );
    expect(problems.map((problem) => problem.line)).toEqual([line]);
    expect(entries.map(({ name }) => name)).toEqual(text.endsWith('}\n') ? ['b'] : []);
  });

  test('of a tool that valgrind does not have is skipped unread', () => {
    const text = '{\n a\n exp-ptrcheck:SorG\n anything at all\n fun:a\n nonsense\n}\n';
    expect(parseSuppressions(text).problems).toEqual([]);
  });

  test('comes back as it was written', () => {
    const word = fc.stringMatching(/^[A-Za-z_*?<>@.:/-][\w *?<>@.:/-]{0,20}[\w*?]$/);
    const frame = fc.oneof(
      fc.record({ by: fc.constantFrom('fun' as const, 'obj' as const, 'src' as const), pattern: word }),
      fc.constant({ by: '...' as const }),
    );
    const kinds = fc.constantFrom<readonly [string, string, readonly string[]]>(
      ['Memcheck', 'Addr4', []],
      ['Memcheck', 'Param', ['write(buf)']],
      ['Memcheck', 'Leak', ['match-leak-kinds: definite,reachable']],
      ['Memcheck', 'FishyValue', ['malloc(size)']],
      ['Memcheck', 'Cond', []],
      ['Helgrind', 'Race', []],
      ['drd', 'ConflictingAccess', []],
      ['CoreError', 'FdBadUse', []],
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, kinds, fc.array(frame, { maxLength: 30 }), word), { maxLength: 5 }),
        (blocks) => {
          const entries = blocks.map(([name, [tool, kind, extra], frames, last]) => ({
            name,
            tools: [tool],
            kind,
            extra,
            frames: [...frames, { by: 'fun' as const, pattern: last }],
          }));
          const read = parseSuppressions(entries.map(writeSuppression).join('\n'));
          expect(read.problems).toEqual([]);
          expect(read.entries.map(({ line: _, endLine: __, ...entry }) => entry)).toEqual(entries);
        },
      ),
    );
  });

  test('may hold anything: nothing throws', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '\n',
      'fun:',
      '...',
      'Memcheck:',
      'Leak',
      '#',
      '\r',
      'match-leak-kinds:',
      'Param',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' }))), (parts) => {
        const { entries, problems } = parseSuppressions(parts.join(''));
        for (const entry of entries) hides(entry, leak([malloc, mine('main')]));
        for (const { line } of problems) expect(line).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('an entry hides', () => {
  const finding = leak([malloc, mine('push'), system('qsort_r'), mine('main'), system('(below main)')]);

  test.each([
    { lines: ['fun:malloc'], answer: 'yes' },
    { lines: ['fun:malloc', 'fun:push'], answer: 'yes' },
    { lines: ['fun:malloc', 'fun:main'], answer: 'no' },
    { lines: ['fun:malloc', '...', 'fun:main'], answer: 'yes' },
    { lines: ['...', 'fun:pu?h', 'obj:*/libc.so*'], answer: 'yes' },
    { lines: ['fun:*', 'obj:*/list', '...', 'fun:(below main)'], answer: 'yes' },
    { lines: ['fun:malloc', 'fun:push', 'fun:*', 'fun:*', 'fun:*', 'fun:*'], answer: 'no' },
    { lines: ['match-leak-kinds: definite', 'fun:malloc'], answer: 'yes' },
    { lines: ['match-leak-kinds: possible,reachable', 'fun:malloc'], answer: 'no' },
    { lines: ['match-leak-kinds: all', 'fun:malloc'], answer: 'yes' },
    { lines: ['match-leak-kinds: none', 'fun:malloc'], answer: 'no' },
  ])('by $lines: $answer', ({ lines, answer }) => {
    expect(hides(block('Memcheck:Leak', ...lines), finding)).toBe(answer);
  });

  const at = (kind: string, what: string, size?: number, tool = 'memcheck') =>
    leak([mine('pop')], {
      kind,
      what,
      tool,
      ...(size === undefined ? {} : { access: { operation: 'read', size } }),
    });

  test.each([
    {
      entry: block('Memcheck:Addr4', 'fun:pop'),
      finding: at('InvalidRead', 'Invalid read of size 4', 4),
      answer: 'yes',
    },
    {
      entry: block('Memcheck:Addr8', 'fun:pop'),
      finding: at('InvalidRead', 'Invalid read of size 4', 4),
      answer: 'no',
    },
    { entry: block('Memcheck:Value8', 'fun:pop'), finding: at('UninitValue', 'Use of …', 8), answer: 'yes' },
    {
      entry: block('Memcheck:Value0', 'fun:pop'),
      finding: at('UninitCondition', 'Conditional …'),
      answer: 'yes',
    },
    { entry: block('Memcheck:Free', 'fun:pop'), finding: at('MismatchedFree', 'Mismatched'), answer: 'yes' },
    {
      entry: block('Helgrind:Race', 'fun:pop'),
      finding: at('Race', 'Possible', 4, 'helgrind'),
      answer: 'yes',
    },
    {
      entry: block('drd:ConflictingAccess', 'fun:pop'),
      finding: at('Race', 'Possible', 4, 'helgrind'),
      answer: 'no',
    },
    {
      entry: block('Memcheck:Param', 'write(buf)', 'fun:pop'),
      finding: at('SyscallParam', 'Syscall param write(buf) points to uninitialised byte(s)'),
      answer: 'yes',
    },
    {
      entry: block('Memcheck:Param', 'write(*)', 'fun:pop'),
      finding: at('SyscallParam', 'Syscall param write(buf) points to uninitialised byte(s)'),
      answer: 'no',
    },
    {
      entry: block('Memcheck:FishyValue', 'malloc(size)', 'fun:pop'),
      finding: at(
        'FishyValue',
        "Argument 'size' of function malloc has a fishy (possibly negative) value: -5",
      ),
      answer: 'yes',
    },
  ])('$entry.kind of $finding.kind: $answer', ({ entry, finding: found, answer }) => {
    expect(hides(entry, found)).toBe(answer);
  });

  test('nobody can tell about what is below main, which logs do not show', () => {
    const found = leak([malloc, mine('main')]);
    expect(hides(block('Memcheck:Leak', 'fun:malloc', 'fun:main', 'obj:*/libc.so*'), found)).toBe(
      'cannot tell',
    );
    expect(hides(block('Memcheck:Leak', 'fun:malloc', 'fun:main', 'fun:(below main)'), found)).toBe(
      'cannot tell',
    );
    expect(hides(block('Memcheck:Leak', 'fun:malloc', 'fun:main', 'fun:other'), found)).toBe('no');
  });

  test('nobody can tell about sources behind an inlined call, where valgrind 3.19 looks at another frame', () => {
    const inlined = { ...mine('inner'), file: 'a.c', line: 4, inlined: true };
    const found = leak([malloc, inlined, { ...mine('outer'), file: 'a.c', line: 5 }]);
    expect(hides(block('Memcheck:Leak', 'fun:malloc', 'src:a.c:4'), found)).toBe('yes');
    expect(hides(block('Memcheck:Leak', 'fun:malloc', 'fun:inner', 'src:a.c:5'), found)).toBe('cannot tell');
  });

  test('nobody can tell about an object that a text log does not name', () => {
    const { object: _, ...frame } = mine('push');
    const found = leak([malloc, { ...frame, file: 'list.c', line: 20 }]);
    expect(hides(block('Memcheck:Leak', 'fun:malloc', 'obj:*/list'), found)).toBe('cannot tell');
    expect(hides(block('Memcheck:Leak', 'fun:malloc', 'src:list.c:20'), found)).toBe('yes');
  });
});

describe('names of C++', () => {
  test.each([
    ['Foo::bar(int)', '_Z*3Foo*3bar*', '_ZN3Foo3barEi'],
    ['Box<int>::Box(int)', '_Z*3Box*C?*', '_ZN3BoxIiEC1Ei'],
    ['Box<int>::~Box()', '_Z*3Box*D?*', '_ZN3BoxIiED2Ev'],
    [
      '(anonymous namespace)::Anon::operator()(int)',
      '_Z*_GLOBAL__N_*4Anon*cl*',
      '_ZN12_GLOBAL__N_14AnonclEi',
    ],
    ['main::{lambda(int)#1}::operator()(int) const', '_Z*4main*Ul*cl*', '_ZZ4mainENKUliE_clEi'],
    ['void sort<int*>(int*, int*)', '_Z*4sort*', '_Z4sortIPiEvT_S1_'],
    ['Foo::operator std::string()', '_Z*3Foo*cv*', '_ZN3FoocvSsEv'],
    ['operator new(unsigned long)', '_Znwm', '_Znwm'],
    ['Foo::run(Bar) [clone .isra.0]', '_Z*3Foo*3run*', '_ZN3Foo3runE3Bar.isra.0'],
  ])('%s is %s', (demangled, pattern, mangled) => {
    expect(mangledPattern(demangled)).toBe(pattern);
    expect(globMatches(pattern, mangled)).toBe(true);
    expect(matchesDemangled(pattern, demangled)).toBe('yes');
    expect(matchesDemangled(mangled, demangled)).toBe(pattern === mangled ? 'yes' : 'cannot tell');
  });

  test('of other functions are told apart', () => {
    expect(matchesDemangled('_Z*3Foo*3bar*', 'Foo::bar2()')).toBe('no');
    expect(matchesDemangled('_Z*3Foo*3bar*', 'Foo::bar(Other)')).toBe('yes');
    expect(matchesDemangled('_ZN3Foo3barEi', 'Foo::baz(int)')).toBe('no');
    expect(matchesDemangled('main', 'Foo::main()')).toBe('no');
    // Digits of a substitution or of a template argument are no lengths.
    expect(matchesDemangled('_Z3cmpPKv?0_', 'cmp(void const*, void const*)')).toBe('cannot tell');
    expect(matchesDemangled('_Z*3getILi5E*', 'int get<5>()')).toBe('cannot tell');
  });

  test('with the block of --gen-suppressions=all are exact', () => {
    const frames = [malloc, mine('Foo::bar(int)')];
    const suppression = '{\n   <insert>\n   Memcheck:Leak\n   fun:malloc\n   fun:_ZN3Foo3barEi\n}';
    const exact = block('Memcheck:Leak', 'fun:malloc', 'fun:_ZN3Foo3barEi');
    expect(hides(exact, leak(frames))).toBe('cannot tell');
    expect(hides(exact, leak(frames, { suppression }))).toBe('yes');
    expect(
      hides(block('Memcheck:Leak', 'fun:malloc', 'fun:_ZN3Foo3barEl'), leak(frames, { suppression })),
    ).toBe('no');
    expect(entriesOf(leak(frames, { suppression }))[0]?.frames).toEqual(exact.frames);
  });

  test('a pattern that covers another matches whatever that matches', () => {
    const glob = fc.stringMatching(/^[ab*?]{0,6}$/);
    fc.assert(
      fc.property(glob, glob, fc.stringMatching(/^[ab]{0,6}$/), (wide, narrow, text) => {
        fc.pre(globCovers(wide, narrow) && globMatches(narrow, text));
        expect(globMatches(wide, text)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('an entry for a finding', () => {
  test('keeps my frames and cuts the callers of main', () => {
    const found = leak([malloc, mine('push'), mine('main'), system('(below main)')], {
      blamed: { stack: 0, frame: 1 },
    });
    expect(writeSuppression(entriesOf(found)[0] as SuppressionEntry)).toBe(
      '{\n   Leak_DefinitelyLost push <F-3f2a90b1c2d3>\n   Memcheck:Leak\n   match-leak-kinds: definite\n   fun:malloc\n   fun:push\n   fun:main\n}\n',
    );
  });

  test('has dots for what libraries do among themselves, and objects without version for what has no name', () => {
    const glib = (name?: string) => owned('library', name, '/opt/g/libglib-2.0.so.0.7400.6');
    const found = leak([
      malloc,
      glib('g_malloc'),
      glib(),
      glib('g_list_append'),
      mine('push'),
      system('msort'),
      system('qsort_r'),
      mine('main'),
    ]);
    expect(
      entriesOf(found).map(({ frames }) => frames.map((line) => ('pattern' in line ? line.pattern : '...'))),
    ).toEqual([
      ['malloc', '...', 'g_list_append', 'push', '...', 'main'],
      ['malloc', 'g_malloc', '*/libglib-*.so*', 'g_list_append', 'push', 'msort', 'qsort_r', 'main'],
    ]);
  });

  test('without a frame of mine is made of the innermost ones', () => {
    const found = leak([
      malloc,
      ...['a', 'b', 'c', 'd', 'e'].map((name) => system(name)),
      system('(below main)'),
    ]);
    expect(entriesOf(found).map(({ frames }) => frames.length)).toEqual([4, 6]);
  });

  test('is refused where valgrind has none', () => {
    expect(suppressionsFor(leak([], {}))).toEqual({ refusal: 'it has no stack' });
    expect(
      suppressionsFor(leak([mine('a')], { kind: 'InvalidRead', access: { operation: 'read', size: 64 } })),
    ).toEqual({
      refusal: 'valgrind cannot suppress an access of 64 bytes',
    });
    const nameless: ReportFrame = { owner: 'library', ownerReason: 'nothing-known', ip: '0x1' };
    expect(suppressionsFor(leak([nameless]))).toEqual({ refusal: 'no frame of its stack has a name' });
  });

  const name = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      'main',
      'Foo::bar(int)',
      'a\n}\n{\nx',
      '<script>alert(1)</script>',
      ']]>',
      '\u001b[31mred',
      '::error::x',
      '\u202eevil',
      ' leading and trailing ',
      '#comment',
      '...',
      '}',
      'operator new(unsigned long)',
      'dlopen@@GLIBC_2.34',
      'x'.repeat(10_000),
    ),
  );
  const frame = fc
    .record(
      {
        function: name,
        object: name,
        file: name,
        owner: fc.constantFrom('mine' as const, 'library' as const, 'system' as const, 'tool' as const),
        inlined: fc.boolean(),
      },
      { requiredKeys: ['owner'] },
    )
    .map((each): ReportFrame => ({ ...each, ownerReason: 'program' }));
  const kind = fc.constantFrom(
    ...[
      'Leak_DefinitelyLost',
      'Leak_StillReachable',
      'InvalidRead',
      'UninitValue',
      'UninitCondition',
      'InvalidFree',
      'Overlap',
      'FdNotClosed',
    ].map((each) => ['memcheck', each] as const),
    ['helgrind', 'Race'] as const,
    ['drd', 'ConflictingAccess'] as const,
  );

  test('hides that finding, can be read back, and is one block, whatever the names are', () => {
    fc.assert(
      fc.property(kind, fc.array(frame, { maxLength: 12 }), ([tool, word], frames) => {
        const finding = leak(frames, {
          tool,
          kind: word,
          access: { operation: 'read', size: 4 },
          blamed: { stack: 0, frame: 0 },
        });
        const entries = suppressionsFor(finding);
        if ('refusal' in entries) return;
        for (const entry of entries) {
          expect(hides(entry, finding)).toBe('yes');
          const read = parseSuppressions(writeSuppression(entry));
          expect(read.problems).toEqual([]);
          expect(read.entries).toHaveLength(1);
          expect(hides(read.entries[0] as SuppressionEntry, finding)).toBe('yes');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an entry is unused', () => {
  const { entries } = parseSuppressions(
    '{\na\nMemcheck:Cond\nfun:a\n}\n{\nb\nMemcheck:Cond\nfun:b\n}\n{\nb\nMemcheck:Cond\nfun:c\n}\n{\nd\nHelgrind:Race\nfun:d\n}\n',
  );
  const file = { path: '/home/ann/my.supp', entries, writtenMs: 1000 };
  const run = (more: Partial<Witness>): Witness => ({
    tool: 'memcheck',
    files: [file.path],
    uses: [],
    directory: '/home/ann',
    startedMs: 2000,
    ...more,
  });
  const uses = (...witnesses: readonly Witness[]) => judgeUses([file], witnesses).map(({ use }) => use);

  test('only by a run that could have used it and would have said so', () => {
    expect(uses()).toEqual(Array(4).fill('cannot tell'));
    expect(uses(run({}))).toEqual(['unused', 'unused', 'unused', 'cannot tell']);
    expect(uses(run({ silent: 'it was started with -q' }))).toEqual(Array(4).fill('cannot tell'));
    expect(uses(run({ files: [] }))).toEqual(Array(4).fill('cannot tell'));
    expect(uses(run({ startedMs: 500 }))).toEqual(Array(4).fill('cannot tell'));
    expect(uses(run({}), run({ tool: 'helgrind' }))[3]).toBe('unused');
  });

  test('not when another of its name may have been meant', () => {
    const use = { name: 'b', count: 1 };
    expect(uses(run({ uses: [{ name: 'a', count: 3 }, use] }))).toEqual([
      'used',
      'cannot tell',
      'cannot tell',
      'cannot tell',
    ]);
    expect(uses(run({ uses: [{ ...use, place: 'my.supp:12' }] })).slice(0, 3)).toEqual([
      'unused',
      'unused',
      'used',
    ]);
  });
});
