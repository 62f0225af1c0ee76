// The identity of a finding: what it survives and what it must tell apart.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  exactNumbers,
  fingerprint,
  foldKey,
  frameNumbers,
  plainFunction,
} from '../../src/analyze/fingerprint.ts';
import type { FindingRecord, Frame, Stack } from '../../src/model/finding.ts';
import { finding, leakOf, lost, malloc, mine, stack } from './records.ts';

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
      if (foldKey(a, number) === foldKey(b, number)) expect(fingerprint(a)).toBe(fingerprint(b));
      expect(foldKey(a, number)).toBe(foldKey(structuredClone(a), number));
    }),
  );
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
