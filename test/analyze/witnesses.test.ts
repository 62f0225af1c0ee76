// One bug, many witnesses: what is joined, what is kept apart, and what a joined finding counts as.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entriesOf } from '../../src/analyze/baseline.ts';
import type { GateRules } from '../../src/analyze/gate.ts';
import { type AnalyzeOptions, analyze } from '../../src/analyze/index.ts';
import type { FindingRecord, Frame, Leak, Stack } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { end, finding, leakOf, libcStart, mine, process, stack } from './records.ts';

/** The same program built with a sanitizer, as its runtime shows it: other paths, no objects. */
const theirs = (name: string, file = 'list.c', line = 10): Frame => ({
  ip: `0x7f12${(9000 + line).toString(16)}`,
  function: name,
  file: `/build/asan/${file}`,
  line,
});
const interceptor = (name: string): Frame => ({
  ip: '0x7f1200aa',
  function: name,
  object: '/usr/lib/gcc/x86_64-linux-gnu/12/libasan.so.8',
  offset: '0xb4c0',
});
const replaced = (name: string): Frame => ({
  ip: '0x48417B4',
  function: name,
  object: '/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so',
});

interface Place {
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

/** One defect, told by any instrument. */
interface Defect {
  readonly at: Place;
  readonly caller: Place;
  readonly allocated: Place;
  readonly freed: Place;
  readonly operation: 'read' | 'write';
  readonly size: number;
  readonly block: number;
}

const defect: Defect = {
  at: { name: 'pop', file: 'list.c', line: 42 },
  caller: { name: 'main', file: 'main.c', line: 5 },
  allocated: { name: 'push', file: 'list.c', line: 20 },
  freed: { name: 'drop', file: 'list.c', line: 30 },
  operation: 'read',
  size: 4,
  block: 16,
};

type Made = (name: string, file: string, line: number) => Frame;
const calls = (make: Made, top: readonly Frame[], ...places: readonly Place[]): readonly Frame[] => [
  ...top,
  ...places.map(({ name, file, line }) => make(name, file, line)),
  libcStart,
];

const memcheckUse = (image: number, { at, caller, allocated, freed, operation, size, block }: Defect) =>
  finding(image, operation === 'read' ? 'InvalidRead' : 'InvalidWrite', {
    what: `Invalid ${operation} of size ${size}`,
    access: { operation, size, address: '0x4a40040' },
    stacks: [
      stack('at', calls(mine, [], at, caller)),
      stack(
        'freed at',
        calls(mine, [replaced('free')], freed, caller),
        `Address 0x4a40040 is 0 bytes inside a block of size ${block} free'd`,
      ),
      stack('allocated at', calls(mine, [replaced('malloc')], allocated, caller), "Block was alloc'd at"),
    ],
  });

const asanUse = (image: number, { at, caller, allocated, freed, operation, size, block }: Defect) =>
  finding(image, 'heap-use-after-free', {
    tool: 'asan',
    what: 'heap-use-after-free on address 0x602000000010',
    details: [
      `0x602000000010 is located 0 bytes inside of ${block}-byte region [0x602000000010,0x602000000020)`,
    ],
    access: { operation, size, address: '0x602000000010' },
    stacks: [
      stack('at', calls(theirs, [], at, caller)),
      stack('freed at', calls(theirs, [interceptor('free')], freed, caller)),
      stack('allocated at', calls(theirs, [interceptor('malloc')], allocated, caller)),
    ],
  });

const memcheckOverflow = (
  image: number,
  { at, caller, allocated, operation, size, block }: Defect,
  beyond = 'after',
) =>
  finding(image, operation === 'read' ? 'InvalidRead' : 'InvalidWrite', {
    what: `Invalid ${operation} of size ${size}`,
    access: { operation, size },
    stacks: [
      stack('at', calls(mine, [], at, caller)),
      stack(
        'allocated at',
        calls(mine, [replaced('malloc')], allocated, caller),
        `Address 0x4a40050 is 0 bytes ${beyond} a block of size ${block} alloc'd`,
      ),
    ],
  });

const asanOverflow = (
  image: number,
  { at, caller, allocated, operation, size, block }: Defect,
  top: readonly Frame[] = [],
) =>
  finding(image, 'heap-buffer-overflow', {
    tool: 'asan',
    what: 'heap-buffer-overflow on address 0x602000000020',
    details: [
      `0x602000000020 is located 0 bytes to the right of ${block}-byte region [0x602000000010,0x602000000020)`,
    ],
    access: { operation, size },
    stacks: [
      stack('at', calls(theirs, top, at, caller)),
      stack('allocated at', calls(theirs, [interceptor('malloc')], allocated, caller)),
    ],
  });

const leakBy = (
  image: number,
  tool: string,
  kind: string,
  { allocated, caller }: Pick<Defect, 'allocated' | 'caller'>,
  leak: Leak = leakOf(100),
) => {
  const knowsFunctions = !['memwatch', 'crt', 'mtrace'].includes(tool);
  const frames: readonly Frame[] =
    tool === 'memcheck'
      ? calls(mine, [replaced('malloc')], allocated, caller)
      : knowsFunctions
        ? calls(theirs, [interceptor('malloc')], allocated, caller)
        : [{ file: allocated.file, line: allocated.line }];
  return finding(image, kind, {
    tool,
    leak,
    what: `${leak.bytes} bytes`,
    stacks: [stack('allocated at', frames)],
  });
};

const race = (image: number, tool: 'helgrind' | 'tsan', one: Place, other: Place, name?: string, size = 4) =>
  finding(image, tool === 'tsan' ? 'data-race' : 'Race', {
    tool,
    what: 'a race',
    details:
      name === undefined
        ? []
        : [
            tool === 'tsan'
              ? `Location is global '${name}' of size 4 at 0x55d8 (race+0x4014)`
              : `Location 0x10c060 is 0 bytes inside global var "${name}"`,
          ],
    access: { operation: 'write', size },
    stacks: [
      stack('at', calls(tool === 'tsan' ? theirs : mine, [], one)),
      stack('previous write', calls(tool === 'tsan' ? theirs : mine, [], other)),
    ],
  });

/** Logs of several instruments, each an image of its own, reported together. */
function together(...findings: readonly FindingRecord[]): readonly ParsedRecord[] {
  const images = [...new Set(findings.map(({ image }) => image))];
  return images.flatMap((image) => {
    const own = findings.filter((each) => each.image === image);
    const isMemcheck = own[0]?.tool === 'memcheck' || own[0]?.tool === 'helgrind';
    const { protocol: _, ...begun } = process(image, {
      tool: own[0]?.tool === 'lsan' ? 'asan' : (own[0]?.tool ?? 'memcheck'),
      version: isMemcheck ? '3.19.0' : '14',
      argv: ['/home/ann/list/list'],
      instrumentArgv: isMemcheck ? ['valgrind', '--leak-check=full'] : [],
    });
    return [begun, ...own, end(image, { leakChecks: 1 })];
  });
}

const report = (records: readonly ParsedRecord[], more: Partial<AnalyzeOptions> = {}) =>
  analyze(records, { vgrun: '0.1.0', projectRoot: '/home/ann/list', ...more });

const outcomeOf = async (...findings: readonly FindingRecord[]): Promise<readonly string[]> => {
  const { findings: all } = await report(together(...findings));
  return all.map((each) => [each, ...(each.witnesses ?? [])].map(({ rule }) => rule).join(' + '));
};

describe('one defect seen by two instruments is one finding', () => {
  test('a use after free of memcheck and AddressSanitizer', async () => {
    expect(await outcomeOf(memcheckUse(1, defect), asanUse(2, defect))).toEqual([
      'memcheck/InvalidRead + asan/heap-use-after-free',
    ]);
  });

  test('an overflow, though memcheck sees the write of a copy in other steps', async () => {
    const [whole, steps] = [
      asanOverflow(2, { ...defect, size: 11 }, [interceptor('__asan_memcpy')]),
      memcheckOverflow(1, { ...defect, size: 8 }),
    ];
    const copied = {
      ...steps,
      stacks: steps.stacks.map((each) =>
        each.label === 'at' ? { ...each, frames: [replaced('memcpy@@GLIBC_2.14'), ...each.frames] } : each,
      ),
    };
    expect(await outcomeOf(copied, whole)).toEqual(['memcheck/InvalidRead + asan/heap-buffer-overflow']);
  });

  test('memory that is lost, and that three others say was not freed', async () => {
    const joined = await outcomeOf(
      leakBy(1, 'memcheck', 'Leak_DefinitelyLost', defect),
      leakBy(2, 'lsan', 'direct-leak', defect),
      leakBy(3, 'mtrace', 'unfreed', defect),
      leakBy(4, 'memwatch', 'unfreed', defect),
    );
    expect(joined).toEqual([
      'memcheck/Leak_DefinitelyLost + lsan/direct-leak + memwatch/unfreed + mtrace/unfreed',
    ]);
  });

  test('an indirect leak is led by the instrument that counts it as an error', async () => {
    expect(
      await outcomeOf(
        leakBy(1, 'memcheck', 'Leak_IndirectlyLost', defect),
        leakBy(2, 'lsan', 'indirect-leak', defect),
      ),
    ).toEqual(['lsan/indirect-leak + memcheck/Leak_IndirectlyLost']);
  });

  test('a race, whichever side either of them saw last', async () => {
    const [one, other] = [defect.at, defect.freed];
    expect(await outcomeOf(race(1, 'helgrind', one, other), race(2, 'tsan', other, one))).toEqual([
      'helgrind/Race + tsan/data-race',
    ]);
  });

  test('a crash and the invalid access that it comes from', async () => {
    const wild = finding(1, 'InvalidWrite', {
      what: 'Invalid write of size 4',
      details: ["Address 0x0 is not stack'd, malloc'd or (recently) free'd"],
      access: { operation: 'write', size: 4 },
      stacks: [stack('at', calls(mine, [], defect.at, defect.caller))],
    });
    const crash = finding(2, 'SEGV', {
      tool: 'asan',
      access: { operation: 'write' },
      stacks: [stack('at', calls(theirs, [], defect.at, defect.caller))],
    });
    expect(await outcomeOf(wild, crash)).toEqual(['memcheck/InvalidWrite + asan/SEGV']);
  });

  test('C++ names with and without their parameters are the same', async () => {
    const named = (each: FindingRecord): FindingRecord => ({
      ...each,
      stacks: each.stacks.map((told) => ({
        ...told,
        frames: told.frames.map((frame) =>
          frame.function === 'pop' ? { ...frame, function: 'list::pop(node*, int)' } : frame,
        ),
      })),
    });
    const bare = (each: FindingRecord): FindingRecord => ({
      ...each,
      stacks: each.stacks.map((told) => ({
        ...told,
        frames: told.frames.map((frame) =>
          frame.function === 'pop' ? { ...frame, function: 'list::pop' } : frame,
        ),
      })),
    });
    expect(await outcomeOf(named(memcheckUse(1, defect)), bare(asanUse(2, defect)))).toHaveLength(1);
  });
});

describe('two defects are never one', () => {
  const apart: readonly (readonly [string, ...FindingRecord[]])[] = [
    [
      'another line of the function',
      memcheckUse(1, defect),
      asanUse(2, { ...defect, at: { ...defect.at, line: 43 } }),
    ],
    [
      'another function of the file',
      memcheckUse(1, defect),
      asanUse(2, { ...defect, at: { ...defect.at, name: 'push' } }),
    ],
    [
      'another file with such a function',
      memcheckUse(1, defect),
      asanUse(2, { ...defect, at: { ...defect.at, file: 'tree.c' } }),
    ],
    [
      'called from another line',
      memcheckUse(1, defect),
      asanUse(2, { ...defect, caller: { ...defect.caller, line: 6 } }),
    ],
    ['a read and a write on one line', memcheckUse(1, defect), asanUse(2, { ...defect, operation: 'write' })],
    ['accesses of other sizes on one line', memcheckUse(1, defect), asanUse(2, { ...defect, size: 8 })],
    [
      'a block that was allocated elsewhere',
      memcheckUse(1, defect),
      asanUse(2, { ...defect, allocated: { ...defect.allocated, line: 21 } }),
    ],
    [
      'a block that was freed elsewhere',
      memcheckUse(1, defect),
      asanUse(2, { ...defect, freed: { ...defect.freed, line: 31 } }),
    ],
    ['a block of another size', memcheckOverflow(1, defect), asanOverflow(2, { ...defect, block: 32 })],
    ['before a block and after one', memcheckOverflow(1, defect, 'before'), asanOverflow(2, defect)],
    ['past the end of a block and in one that was freed', memcheckUse(1, defect), asanOverflow(2, defect)],
    [
      'an own access and one of a copy on the same line',
      memcheckOverflow(1, defect),
      asanOverflow(2, defect, [interceptor('__asan_memcpy')]),
    ],
    [
      'lost directly and lost through another block',
      leakBy(1, 'memcheck', 'Leak_DefinitelyLost', defect),
      leakBy(2, 'lsan', 'indirect-leak', defect),
    ],
    [
      'lost blocks of other sizes',
      leakBy(1, 'memcheck', 'Leak_DefinitelyLost', defect),
      leakBy(2, 'lsan', 'direct-leak', defect, leakOf(24)),
    ],
    [
      'what can still be reached is not lost',
      leakBy(1, 'memcheck', 'Leak_StillReachable', defect),
      leakBy(3, 'mtrace', 'unfreed', defect),
    ],
    [
      'races with another second side',
      race(1, 'helgrind', defect.at, defect.freed),
      race(2, 'tsan', defect.at, defect.allocated),
    ],
    [
      'races about two variables',
      race(1, 'helgrind', defect.at, defect.freed, 'a'),
      race(2, 'tsan', defect.at, defect.freed, 'b'),
    ],
    [
      'races over other sizes',
      race(1, 'helgrind', defect.at, defect.freed),
      race(2, 'tsan', defect.at, defect.freed, undefined, 8),
    ],
  ];
  test.each(apart)('%s', async (_, ...findings) => {
    expect(await outcomeOf(...(findings as FindingRecord[]))).toHaveLength(2);
  });

  test('without a line nobody knows whether it is the same', async () => {
    const without = (each: FindingRecord): FindingRecord => ({
      ...each,
      stacks: each.stacks.map((told) => ({
        ...told,
        frames: told.frames.map(({ line: _, ...frame }) => frame),
      })),
    });
    expect(await outcomeOf(without(memcheckUse(1, defect)), without(asanUse(2, defect)))).toHaveLength(2);
  });

  test('of two that it could be, none is chosen', async () => {
    const two = { ...defect, allocated: { ...defect.allocated, line: 21 } };
    const silent = asanUse(2, defect);
    const vague = { ...silent, details: [], stacks: silent.stacks.slice(0, 1) };
    expect(await outcomeOf(memcheckUse(1, defect), memcheckUse(1, two), vague)).toHaveLength(3);
  });

  test('blocks that are lost in two ways are not what a trace calls not freed', async () => {
    expect(
      await outcomeOf(
        leakBy(1, 'memcheck', 'Leak_DefinitelyLost', defect, leakOf(100)),
        leakBy(1, 'memcheck', 'Leak_StillReachable', defect, leakOf(100)),
        leakBy(3, 'mtrace', 'unfreed', defect, leakOf(200, 2)),
      ),
    ).toHaveLength(3);
  });

  test('a finding that several accesses of one line were folded into may be more than one defect', async () => {
    const other = { ...defect, size: 8 };
    expect(await outcomeOf(memcheckUse(1, defect), memcheckUse(1, other), asanUse(2, defect))).toHaveLength(
      2,
    );
  });

  test('two that agree with a third and not with each other stay three', async () => {
    const joined = await outcomeOf(
      leakBy(1, 'memcheck', 'Leak_DefinitelyLost', defect, leakOf(100)),
      leakBy(2, 'lsan', 'direct-leak', defect, leakOf(50)),
      leakBy(3, 'mtrace', 'unfreed', defect, leakOf(100, 0)),
    );
    expect(joined).toHaveLength(3);
  });
});

const place: fc.Arbitrary<Place> = fc.record({
  name: fc.constantFrom('pop', 'push'),
  file: fc.constantFrom('list.c', 'tree.c'),
  line: fc.integer({ min: 1, max: 3 }),
});
const anyDefect: fc.Arbitrary<Defect> = fc.record({
  at: place,
  caller: fc.constantFrom(defect.caller, { name: 'walk', file: 'main.c', line: 9 }),
  allocated: place,
  freed: place,
  operation: fc.constantFrom('read' as const, 'write' as const),
  size: fc.constantFrom(4, 8),
  block: fc.constantFrom(16, 32),
});

/** What tells one defect from another in a report, whoever saw it. */
const telling = (stacks: readonly Stack[]): string =>
  stacks
    .map(
      ({ label, frames }) =>
        `${label} ${frames.filter(({ file }) => file !== undefined).map(({ function: name, file, line }) => `${name} ${file?.replace(/^.*\//, '')}:${line}`)}`,
    )
    .sort()
    .join(' | ');

test('in whichever order the logs are given, the same findings are joined', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyDefect, { minLength: 1, maxLength: 5 }),
      fc.array(anyDefect, { minLength: 1, maxLength: 5 }),
      async (seen, seenToo) => {
        const [memcheck, asan] = [
          seen.map((each) => memcheckUse(1, each)),
          [...seen, ...seenToo].map((each) => asanUse(2, each)),
        ];
        const shape = async (...records: readonly FindingRecord[]) =>
          (await report(together(...records))).findings
            .map(({ id, witnesses = [] }) => [id, ...witnesses.map((each) => each.id)].join('+'))
            .sort();
        expect(await shape(...memcheck, ...asan)).toEqual(await shape(...asan, ...memcheck));
        expect(await shape(...memcheck, ...asan)).toEqual(
          await shape(...[...asan].reverse(), ...[...memcheck].reverse()),
        );
      },
    ),
  );
});

test('what is joined tells the same, whatever else is in the reports', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyDefect, { minLength: 1, maxLength: 6 }),
      fc.array(anyDefect, { minLength: 1, maxLength: 6 }),
      async (seen, seenToo) => {
        const { findings } = await report(
          together(...seen.map((each) => memcheckUse(1, each)), ...seenToo.map((each) => asanUse(2, each))),
        );
        for (const { stacks, access, witnesses = [] } of findings) {
          for (const witness of witnesses) {
            expect(telling(witness.stacks)).toBe(telling(stacks));
            expect(witness.access).toMatchObject({ operation: access?.operation, size: access?.size });
          }
        }
      },
    ),
  );
});

describe('a finding with witnesses', () => {
  const both = together(memcheckUse(1, defect), asanUse(2, defect));

  test('counts once, in the sums and in the verdict, and is seen in both processes', async () => {
    const { totals, reasons, processes, tool, rules } = await report(both);
    expect(totals.errors).toEqual({ errors: 1, contexts: 1 });
    expect(reasons).toContain('1 finding counts as an error.');
    expect(processes.map(({ findings }) => findings)).toEqual([1, 1]);
    expect(tool).toEqual({ name: 'memcheck, asan' });
    expect(rules.map(({ id }) => id)).toEqual(['memcheck/InvalidRead', 'asan/heap-use-after-free']);
  });

  test('adds its memory once', async () => {
    const { totals } = await report(
      together(leakBy(2, 'lsan', 'direct-leak', defect), leakBy(3, 'mtrace', 'unfreed', defect)),
    );
    expect(totals.leaks).toEqual({
      definite: { bytes: 100, blocks: 1 },
      indirect: { bytes: 0, blocks: 0 },
      unfreed: { bytes: 0, blocks: 0 },
    });
  });

  test.each([
    ['memcheck', together(memcheckUse(1, defect))],
    ['asan', together(asanUse(2, defect))],
  ])('is known to a baseline that only %s made', async (_, alone) => {
    const entries = entriesOf(await report(alone));
    const { findings, comparison, outcome } = await report(both, {
      known: { name: 'baseline', entries, whole: true },
    });
    expect(findings.map(({ standing }) => standing)).toEqual(['known']);
    expect(comparison).toMatchObject({ new: 0, known: 1, fixed: [], notJudged: [] });
    expect(outcome).toBe('clean');
  });

  test('is known again when only one of them sees it', async () => {
    const entries = entriesOf(await report(both));
    expect(entries.map(({ rule }) => rule)).toEqual(['memcheck/InvalidRead', 'asan/heap-use-after-free']);
    const { findings, comparison } = await report(together(asanUse(2, defect)), {
      known: { name: 'baseline', entries, whole: true },
    });
    expect(findings.map(({ standing }) => standing)).toEqual(['known']);
    expect(comparison).toMatchObject({ fixed: [], notJudged: [{ rule: 'memcheck/InvalidRead' }] });
  });

  test('is gone when neither sees it any more', async () => {
    const entries = entriesOf(await report(both));
    const quiet = together(memcheckUse(1, defect), asanUse(2, defect)).filter(
      ({ type }) => type !== 'finding',
    );
    const { comparison } = await report(quiet, { known: { name: 'baseline', entries, whole: true } });
    expect(comparison?.fixed).toHaveLength(2);
  });

  test.each<[string, GateRules, string]>([
    ['the word of the one that leads', { failOn: ['memcheck/InvalidRead'] }, 'findings'],
    ['the word of a witness', { failOn: ['heap-use-after-free'] }, 'findings'],
    ['the word for both', { failOn: ['invalid'] }, 'findings'],
    ['a word for neither', { failOn: ['race'] }, 'clean'],
    ['a limit that counts it once', { most: new Map([['invalid', 1]]) }, 'clean'],
  ])('is meant by %s', async (_, gate, outcome) => {
    expect((await report(both, { gate })).outcome).toBe(outcome);
  });
});

test('an invalid access tells that the program died of it, at the very same calls only', async () => {
  const calls = [mine('walk', 'list.c', 31), mine('main', 'main.c', 9)];
  const killed = (frames: readonly Frame[]): ParsedRecord => ({
    type: 'fatal-signal',
    image: 1,
    number: 11,
    name: 'SIGSEGV',
    stack: stack('at', frames),
  });
  const access = finding(1, 'InvalidRead', { stacks: [stack('at', calls)] });
  const said = async (frames: readonly Frame[]) =>
    (await report([process(1), access, killed(frames), end(1)])).findings[0]?.details;
  expect(await said(calls)).toEqual(['SIGSEGV killed the program here.']);
  expect(await said([mine('walk', 'list.c', 32), mine('main', 'main.c', 9)])).toEqual([]);
});
