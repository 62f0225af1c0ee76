// The identity of a finding: what it survives and what it must tell apart.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  exactNumbers,
  foldKey,
  frameNumbers,
  identify,
  plainFunction,
} from '../../src/analyze/fingerprint.ts';
import { analyze } from '../../src/analyze/index.ts';
import type { FindingRecord, Frame, Stack } from '../../src/model/finding.ts';
import { end, finding, leakOf, lost, malloc, mine, process, stack } from './records.ts';

/** Identity of what stands alone in its function. */
const fingerprint = (record: FindingRecord): string => identify(record).base;

const name = fc.constantFrom('pop', 'push', 'walk', 'Foo::bar(int)', 'operator new(unsigned long)');
const frame: fc.Arbitrary<Frame> = fc
  .record({ name, file: fc.constantFrom('a.c', 'b.cpp'), line: fc.nat(5000) })
  .map(({ name: fn, file, line }) => mine(fn, file, line));
const stackOf = (label: Stack['label']) =>
  fc.array(frame, { minLength: 1, maxLength: 20 }).map((frames) => stack(label, frames));
const record: fc.Arbitrary<FindingRecord> = fc.oneof(
  fc
    .record({
      kind: fc.constantFrom('InvalidRead', 'InvalidWrite', 'InvalidFree'),
      at: stackOf('at'),
      block: stackOf('allocated at'),
    })
    .map(({ kind, at, block }) => finding(1, kind, { stacks: [at, block] })),
  fc.record({ at: stackOf('at'), before: stackOf('previous write') }).map(({ at, before }) =>
    finding(1, 'Race', {
      tool: 'helgrind',
      stacks: [at, before],
      what: 'Possible data race during read of size 4 at 0x10C060 by thread #3',
    }),
  ),
  stackOf('at').map((at) => lost(1, leakOf(64), { stacks: [at] })),
  stackOf('at').map((at) =>
    finding(1, 'MutexErr', {
      tool: 'drd',
      stacks: [at],
      what: 'Mutex not locked: mutex 0x1ffefffa10, recursion count 0, owner 0.',
    }),
  ),
);

/** The same finding in another run: moved, rebuilt elsewhere, with other numbers everywhere. */
function inAnotherRun(original: FindingRecord, shift: number): FindingRecord {
  const addresses = new Map<string, string>();
  const moved = (ip: string): string => {
    const known = addresses.get(ip) ?? `0x${(0x4000000 + addresses.size * 64 + shift).toString(16)}`;
    addresses.set(ip, known);
    return known;
  };
  return {
    ...original,
    image: original.image + 1,
    unique: `0x${shift.toString(16)}`,
    thread: { id: shift % 100 },
    what: original.what
      .replace(/0x[0-9a-fA-F]+/g, `0x${shift.toString(16)}`)
      .replace(/#\d+|\d+(?= bytes)/g, '#7'),
    stacks: original.stacks.map(({ label, frames }) => ({
      label,
      text: `Address 0x${shift.toString(16)} is 0 bytes after a block of size ${shift} alloc'd`,
      frames: frames.map((each) => ({
        ...each,
        ...(each.ip !== undefined && { ip: moved(each.ip) }),
        ...(each.line !== undefined && { line: each.line + shift }),
        ...(each.directory !== undefined && { directory: `/build/${shift}${each.directory}` }),
        ...(each.object !== undefined && { object: each.object.replace('/home/ann', `/tmp/${shift}`) }),
      })),
    })),
    ...(original.leak && { leak: leakOf(original.leak.directBytes + shift, shift, { record: [1, shift] }) }),
  };
}

test('identity survives other addresses, pids, threads, directories, lines and sizes', () => {
  fc.assert(
    fc.property(record, fc.integer({ min: 1, max: 1_000_000 }), (original, shift) => {
      expect(fingerprint(inAnotherRun(original, shift))).toBe(fingerprint(original));
    }),
  );
});

test('equal keys of a fold mean equal identities', () => {
  fc.assert(
    fc.property(record, record, (a, b) => {
      const number = frameNumbers();
      if (foldKey(a, number) === foldKey(b, number)) expect(identify(a)).toEqual(identify(b));
      expect(foldKey(a, number)).toBe(foldKey(structuredClone(a), number));
    }),
  );
});

/** Fingerprints of a run that reports these in this order, each in a process of its own; keyed by the blamed place. */
async function fingerprintsOf(records: readonly FindingRecord[]): Promise<ReadonlyMap<string, string>> {
  const stream = records.flatMap((each, index) => [
    process(index + 1),
    { ...each, image: index + 1 },
    end(index + 1),
  ]);
  const { findings } = await analyze(stream, { vgrun: '0.1.0' });
  return new Map(
    findings.map(({ fingerprint: id, kind, stacks }) => [
      JSON.stringify([kind, stacks.map(({ frames }) => frames.map(({ line }) => line))]),
      id,
    ]),
  );
}

/** What a user calls one place: everything but what varies from process to process. */
const placeOf = ({ kind, stacks }: FindingRecord): string =>
  JSON.stringify([kind, stacks.map(({ frames }) => frames.map(({ line }) => line))]);

// One function at several lines, called from several lines; no recursion, which is folded.
const inOneFunction: fc.Arbitrary<FindingRecord> = fc
  .record({
    kind: fc.constantFrom('InvalidRead', 'InvalidWrite'),
    at: fc.nat(5),
    from: fc.nat(3),
    made: fc.nat(2),
  })
  .map(({ kind, at, from, made }) =>
    finding(1, kind, {
      stacks: [
        stack('at', [mine('pop', 'list.c', 1 + at), mine('main', 'main.c', 1 + from)]),
        stack('allocated at', [malloc, mine('make', 'list.c', 50 + made)]),
      ],
    }),
  );

test('each place of a function is a finding, whatever comes first, in whichever process, wherever the file went', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .array(inOneFunction, { minLength: 1, maxLength: 12 })
        .chain((records) =>
          fc.tuple(
            fc.constant(records),
            fc.shuffledSubarray([...records, ...records], { minLength: 2 * records.length }),
          ),
        ),
      fc.integer({ min: 1, max: 100_000 }),
      async ([records, shuffled], shift) => {
        const ids = await fingerprintsOf(records);
        expect(new Set(ids.keys())).toEqual(new Set(records.map(placeOf)));
        expect(new Set(ids.values()).size).toBe(ids.size);
        expect(new Map([...(await fingerprintsOf(shuffled))].sort())).toEqual(new Map([...ids].sort()));
        const moved = await fingerprintsOf(shuffled.map((each) => inAnotherRun(each, shift)));
        for (const each of records) {
          expect(moved.get(placeOf(inAnotherRun(each, shift)))).toBe(ids.get(placeOf(each)));
        }
        // Half a log knows no identity that the whole has not.
        const half = await fingerprintsOf(records.slice(0, Math.ceil(records.length / 2)));
        for (const id of half.values()) expect([...ids.values()]).toContain(id);
      },
    ),
    { numRuns: 50 },
  );
});

test('invalid reads on two lines of one function are two findings, and the upper one keeps the plain identity', async () => {
  const on = (line: number) =>
    finding(1, 'InvalidRead', { stacks: [stack('at', [mine('pop', 'list.c', line), mine('main')])] });
  const ids = [...(await fingerprintsOf([on(90), on(5), on(90)]))];
  expect(ids.map(([place]) => place).sort()).toEqual([placeOf(on(5)), placeOf(on(90))]);
  expect(new Map(ids).get(placeOf(on(5)))).toBe(fingerprint(on(5)));
});

test('a race between two lines is one race in both orders, and another than a race on one of them', async () => {
  const race = (at: number, before: number) =>
    finding(1, 'Race', {
      tool: 'helgrind',
      stacks: [
        stack('at', [mine('count', 'race.c', at)]),
        stack('previous write', [mine('count', 'race.c', before)]),
      ],
    });
  expect((await fingerprintsOf([race(13, 14), race(14, 13), race(14, 14)])).size).toBe(2);
});

test('lines of libc and of the tool tell nothing apart, because they are there on some machines only', async () => {
  const through = (line: number): FindingRecord =>
    finding(1, 'InvalidRead', {
      stacks: [
        stack('at', [
          { ip: '0x4849D8A', function: 'strlen', file: 'vg_replace_strmem.c', line },
          {
            object: '/usr/lib/libc.so.6',
            function: 'puts',
            directory: './libio',
            file: '/usr/src/ioputs.c',
            line,
          },
          mine('hello'),
        ]),
      ],
    });
  expect((await fingerprintsOf([through(494), through(501)])).size).toBe(1);
});

test('without lines, addresses in the program tell places apart, and those in a shared object do not', async () => {
  const at = (object: string, ip: string): FindingRecord =>
    finding(1, 'InvalidRead', { stacks: [stack('at', [{ ip, object, function: 'pop' }])] });
  const sites = async (object: string) => {
    const { findings } = await analyze(
      [process(1), at(object, '0x109171'), at(object, '0x109160'), at(object, '0x109171'), end(1)],
      { vgrun: '0.1.0' },
    );
    return new Map(findings.map(({ fingerprint: id, stacks }) => [stacks[0]?.frames[0]?.ip, id]));
  };
  const program = await sites('/home/ann/list/list');
  expect([...program.keys()].sort()).toEqual(['0x109160', '0x109171']);
  expect(program.get('0x109160')).toBe(fingerprint(at('/home/ann/list/list', '0x1')));
  expect((await sites('/home/ann/list/plugin.so')).size).toBe(1);
  // A line anywhere in the stack says more than addresses, which are many on one line.
  const lined = (ip: string): FindingRecord => {
    const [stripped] = at('/home/ann/list/list', ip).stacks;
    return finding(1, 'InvalidRead', { stacks: [stack('at', [...(stripped?.frames ?? []), mine('main')])] });
  };
  expect((await fingerprintsOf([lined('0x109160'), lined('0x109171')])).size).toBe(1);
});

test('any strings in a record give an identity', () => {
  const text = fc.string({ unit: 'binary' });
  const any = fc.record(
    { ip: text, object: text, function: text, directory: text, file: text, line: fc.nat() },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(any), text, text, (frames, kind, what) => {
      expect(fingerprint(finding(1, kind, { what, stacks: [stack('at', frames)] }))).toMatch(
        /^[0-9a-f]{64}$/,
      );
    }),
  );
});

test('both orders of a race are one race', () => {
  const a = [mine('reader', 'a.c', 1), mine('run', 'a.c', 2)];
  const b = [mine('writer', 'b.c', 3)];
  const race = (at: readonly Frame[], before: readonly Frame[]) =>
    fingerprint(finding(1, 'Race', { stacks: [stack('at', at), stack('previous write', before)] }));
  expect(race(a, b)).toBe(race(b, a));
  expect(race(a, a)).not.toBe(race(a, b));
});

test('races on two variables in one function are two, when the variables are known', () => {
  const on = (variable: string) =>
    fingerprint(
      finding(1, 'Race', { details: [`Location 0x10c060 is 0 bytes inside global var "${variable}"`] }),
    );
  expect(on('counter')).not.toBe(on('flag'));
});

test('past the end of a block and inside a freed block are two defects', () => {
  const at = stack('at', [mine('pop')]);
  const block = stack('allocated at', [malloc, mine('push')]);
  const past = finding(1, 'InvalidRead', { stacks: [at, block] });
  const freed = finding(1, 'InvalidRead', { stacks: [at, stack('freed at', [mine('drop')]), block] });
  expect(fingerprint(past)).not.toBe(fingerprint(freed));
});

test('other functions, kinds, allocation places and system calls are other findings', () => {
  const base = finding(1, 'InvalidRead');
  const ids = [
    base,
    { ...base, kind: 'InvalidWrite' },
    { ...base, stacks: [stack('at', [mine('push')])] },
    { ...base, stacks: [...base.stacks, stack('allocated at', [malloc, mine('make')])] },
    finding(1, 'SyscallParam', { what: 'Syscall param write(buf) points to uninitialised byte(s)' }),
    finding(1, 'SyscallParam', {
      what: 'Syscall param sendmsg(msg.msg_iov[0]) points to uninitialised byte(s)',
    }),
  ].map(fingerprint);
  expect(new Set(ids).size).toBe(ids.length);
});

test('where an uninitialised value came from does not matter, because only --track-origins tells', () => {
  const without = finding(1, 'UninitCondition');
  const origin = stack('created at', [malloc, mine('make')]);
  expect(fingerprint({ ...without, stacks: [...without.stacks, origin] })).toBe(fingerprint(without));
});

test('debug symbols of libc, a C library of another version and clone suffixes do not matter', () => {
  const at = (frames: readonly Frame[]) =>
    fingerprint(finding(1, 'InvalidRead', { stacks: [stack('at', frames)] }));
  const plain = at([{ object: '/usr/lib/x86_64-linux-gnu/libc.so.6', function: 'puts' }, mine('hello')]);
  const debug: Frame = {
    object: '/lib/x86_64-linux-gnu/libc-2.31.so',
    function: 'puts',
    directory: './libio/./libio',
    file: 'ioputs.c',
    line: 35,
  };
  expect(at([debug, mine('hello')])).toBe(plain);
  expect(at([{ ...debug, function: 'puts@@GLIBC_2.2.5' }, mine('hello.constprop.0.isra.3')])).toBe(plain);
});

test('a library without symbols counts by its name without version', () => {
  const at = (object: string) =>
    fingerprint(finding(1, 'InvalidRead', { stacks: [stack('at', [{ object }, mine('use')])] }));
  expect(at('/opt/a/libfoo.so.1.2')).toBe(at('/opt/b/libfoo.so.3'));
  expect(at('/opt/a/libfoo.so.1.2')).not.toBe(at('/opt/a/libbar.so.1.2'));
});

test('the depth of a recursion and of the stack that was asked for do not matter', () => {
  const at = (frames: readonly Frame[]) =>
    fingerprint(finding(1, 'InvalidRead', { stacks: [stack('at', frames)] }));
  const recursion = (times: number) => [
    mine('leaf'),
    ...Array.from({ length: times }, (_, i) => [
      mine('odd', 'a.c', 5, `0x${i}a`),
      mine('even', 'a.c', 9, `0x${i}b`),
    ]).flat(),
    mine('main'),
  ];
  expect(at(recursion(9))).toBe(at(recursion(2)));
  const deep = Array.from({ length: 40 }, (_, i) => mine(`f${i}`, 'a.c', i, `0x${i}`));
  expect(at(deep.slice(0, 12))).toBe(at(deep));
  expect(at(deep.slice(0, 11))).not.toBe(at(deep));
});

test('what is below main or the start of a thread does not matter', () => {
  const at = (frames: readonly Frame[]) =>
    fingerprint(finding(1, 'InvalidRead', { stacks: [stack('at', frames)] }));
  const libc = (fn: string): Frame => ({ object: '/usr/lib/libc.so.6', function: fn });
  const nameless: Frame = { object: '/usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so' };
  expect(at([mine('run'), nameless, libc('start_thread'), libc('clone')])).toBe(at([mine('run')]));
  expect(at([mine('main'), libc('__libc_start_call_main'), libc('_start')])).toBe(at([mine('main')]));
});

// Real names from logs of gcc 12, clang 16 and rustc 1.70.
test.each([
  ['frob.constprop.0', 'frob'],
  ['frob.part.1.cold.12', 'frob'],
  ['frob(int) [clone .isra.0]', 'frob(int)'],
  ['frob(int) [clone .part.0] [clone .cold]', 'frob(int)'],
  ['memcpy@@GLIBC_2.14', 'memcpy'],
  ['std::string::append(char const*)@GLIBCXX_3.4', 'std::string::append(char const*)'],
  ['core::fmt::write::h0123456789abcdef', 'core::fmt::write'],
  ['operator.part', 'operator'],
  ['a.cold.b', 'a.cold.b'],
])('%s counts as %s', (given, plain) => {
  expect(plainFunction(given)).toBe(plain);
});

test('frames are the same exactly when address, function and line are', () => {
  const number = exactNumbers();
  expect(number(mine('f', 'a.c', 1))).toBe(number(mine('f', 'a.c', 1)));
  expect(number(mine('f', 'a.c', 1))).not.toBe(number(mine('f', 'a.c', 2)));
});

describe('runtimes inside the program', () => {
  const asan = (frames: readonly Frame[], more: Partial<FindingRecord> = {}) =>
    finding(1, 'heap-use-after-free', { tool: 'asan', stacks: [stack('at', frames)], ...more });
  const unlined = (ip: string, offset: string | undefined): Frame => ({
    ip,
    object: '/home/ann/list/list',
    function: 'pop',
    ...(offset !== undefined && { offset }),
  });

  test('a program without lines is told apart by offsets in it, wherever it was loaded', () => {
    const [one, again, other] = [
      asan([unlined('0x55d000011d1', '0x11d1')]),
      asan([unlined('0x561e00011d1', '0x11d1')]),
      asan([unlined('0x55d000011f0', '0x11f0')]),
    ].map(identify);
    expect(again?.site).toEqual(one?.site);
    expect(other?.site).not.toEqual(one?.site);
  });

  test('an address that varies is no place', () => {
    const [one, again] = [
      asan([unlined('0x55d000011d1', undefined)]),
      asan([unlined('0x561e00011d1', undefined)]),
    ];
    expect(identify(again).site).toEqual(identify(one).site);
  });

  test('a column is no place', () => {
    const frame = mine('pop', 'list.c', 5);
    expect(identify(asan([{ ...frame, column: 7 }]))).toEqual(identify(asan([{ ...frame, column: 9 }])));
  });

  test('the block of a use after free is part of it, and that it was freed', () => {
    const at = stack('at', [mine('pop')]);
    const made = (name: string) => stack('allocated at', [mine(name)]);
    const freed = stack('freed at', [mine('drop')]);
    const bases = [
      [at, made('a')],
      [at, made('b')],
      [at, made('a'), freed],
    ].map((stacks) => fingerprint(asan([], { stacks })));
    expect(new Set(bases).size).toBe(3);
  });

  const check = (what: string, frames: readonly Frame[]) =>
    finding(1, 'signed-integer-overflow', { tool: 'ubsan', what, stacks: [stack('at', frames)] });
  const line = (file: string, number: number): Frame => ({ file, line: number });

  test('two checks on one line are two findings, whatever the numbers were', () => {
    const place = [line('a.c', 3)];
    const [sum, again, product] = [
      check("signed integer overflow: 2147483647 + 1 cannot be represented in type 'int'", place),
      check("signed integer overflow: 2147483600 + 99 cannot be represented in type 'int'", place),
      check("signed integer overflow: 65536 * 65536 cannot be represented in type 'int'", place),
    ].map(fingerprint);
    expect(again).toBe(sum);
    expect(product).not.toBe(sum);
    const [value, other] = [
      check("1e+10 is outside the range of representable values of type 'int'", place),
      check("-3.5e+20 is outside the range of representable values of type 'int'", place),
    ].map(fingerprint);
    expect(other).toBe(value);
  });

  test('without a function the file tells, its lines in order, and nothing is known again by less', () => {
    const [here, there, elsewhere] = [line('a.c', 3), line('a.c', 9), line('b.c', 3)].map((frame) =>
      identify(
        finding(1, 'unfreed', { tool: 'mtrace', leak: leakOf(10), stacks: [stack('allocated at', [frame])] }),
      ),
    );
    expect(there?.base).toBe(here?.base);
    expect(there?.site).not.toEqual(here?.site);
    expect(elsewhere?.base).not.toBe(here?.base);
    expect(here?.outline).toBeUndefined();
  });

  test('a path of Windows counts by its last part', () => {
    const [one, moved] = ['c:\\dev\\list.cpp', 'd:\\build\\list.cpp'].map((file) =>
      fingerprint(finding(1, 'unfreed', { tool: 'crt', stacks: [stack('allocated at', [line(file, 3)])] })),
    );
    expect(moved).toBe(one);
  });
});

test('calls without names at two offsets of a program are two, wherever it is loaded', () => {
  const leak = (base: number, ...offsets: readonly number[]): FindingRecord =>
    finding(1, 'direct-leak', {
      tool: 'lsan',
      stacks: [
        stack(
          'at',
          offsets.map((offset) => ({
            ip: `0x${(base + offset).toString(16)}`,
            object: '/home/ann/list/list',
            offset: `0x${offset.toString(16)}`,
          })),
        ),
      ],
    });
  const place = (record: FindingRecord): string => {
    const { base, site } = identify(record);
    return `${base} ${site.join()}`;
  };
  expect(place(leak(0x5000, 0x10, 0x20))).not.toBe(place(leak(0x5000, 0x10, 0x30)));
  expect(place(leak(0x5000, 0x10, 0x20))).toBe(place(leak(0x9000, 0x10, 0x20)));
  // Recursion comes back to the same place.
  expect(place(leak(0x5000, 0x10, 0x20, 0x20, 0x20, 0x30))).toBe(place(leak(0x5000, 0x10, 0x20, 0x30)));
});
