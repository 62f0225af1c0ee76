// Stacks of real programs that crashed: frame by frame what gdb says of them with all symbols.
import { describe, expect, test } from 'vitest';
import type { StopFrame } from '../../../src/model/stop.ts';
import { codePlaces } from '../../../src/tools/core/code-places.ts';
import { type UnwoundStack, unwindThread } from '../../../src/tools/core/unwind.ts';
import { canRun } from '../../project.ts';
import {
  compile,
  coreOf,
  freshFolder,
  gdbBacktraces,
  gdbExample,
  rightShare,
  stripped,
} from './crashed-programs.ts';
import { type ImageOptions, imageOfCore, namesOfSymbols } from './test-image.ts';

const canCrash = canRun('gcc') && canRun('gdb');
const folder = freshFolder();

/** One way to crash for each word. */
const crashes = `
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#define CALL __attribute__((noinline)) static
volatile int one = 1;
volatile int *volatile nowhere;
CALL int leaf(int value) { return *nowhere + value; }
CALL int through_leaf(int value) { return leaf(value) + one; }
CALL int large_frame(int value) {
  volatile char room[5000];
  room[value] = 1;
  return through_leaf(value) + room[one];
}
CALL int variable_frame(int value) {
  volatile char room[value * 16];
  room[one] = 1;
  return through_leaf(value) + room[one];
}
CALL int deep(int depth) { return depth == 0 ? through_leaf(depth) + one : deep(depth - 1) + one; }
CALL int compare(const void *left, const void *right) { return leaf(*(const int *)left) + *(const int *)right; }
CALL int sorted(void) {
  int numbers[3] = {3, 2, 1};
  qsort(numbers, 3, sizeof numbers[0], compare);
  return numbers[0] + one;
}
CALL void on_signal(int signal) { leaf(signal); one++; }
CALL int interrupted(int value) {
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  return value + one;
}
CALL int interrupted_by_fault(int value) {
  signal(SIGFPE, on_signal);
  return value / (one - 1);
}
static char other_stack[65536];
CALL int on_other_stack(int value) {
  stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  sigaltstack(&stack, 0);
  sigaction(SIGFPE, &action, 0);
  return value / (one - 1);
}
CALL int null_call(int value) {
  int (*volatile function)(int) = 0;
  return function(value) + one;
}
CALL int bad_call(int value) {
  int (*volatile function)(int) = (int (*)(int))0x12345678;
  return function(value) + one;
}
CALL int in_libc(int value) {
  return strlen((char *)nowhere) + value;
}
int main(int count, char **words) {
  const char *how = words[1];
  int result = 0;
  if (!strcmp(how, "leaf")) result = through_leaf(1);
  if (!strcmp(how, "large")) result = large_frame(1);
  if (!strcmp(how, "variable")) result = variable_frame(3);
  if (!strcmp(how, "deep")) result = deep(1000);
  if (!strcmp(how, "sorted")) result = sorted();
  if (!strcmp(how, "signal")) result = interrupted(1);
  if (!strcmp(how, "fault")) result = interrupted_by_fault(100);
  if (!strcmp(how, "altstack")) result = on_other_stack(100);
  if (!strcmp(how, "null-call")) result = null_call(1);
  if (!strcmp(how, "bad-call")) result = bad_call(1);
  if (!strcmp(how, "libc")) result = in_libc(1);
  return result + one;
}
`;
/** The return address of `copy` is overwritten by as many bytes as there are; `outer` and main are intact above it. */
const overwriting = `
#include <string.h>
#define CALL __attribute__((noinline)) static
CALL void note(char *text) { __asm__ volatile("" ::"r"(text) : "memory"); }
CALL int copy(const char *from, unsigned size) { char room[24]; memcpy(room, from, size); note(room); return room[0]; }
CALL int middle(const char *from, unsigned size) { char room[64]; note(room); return copy(from, size) + room[1]; }
CALL int outer(const char *from, unsigned size) { char room[32]; note(room); return middle(from, size) + room[1]; }
int main(int count, char **words) { return outer(words[1], strlen(words[1])) + 1; }
`;

const ways = [
  'leaf',
  'large',
  'variable',
  'deep',
  'sorted',
  'signal',
  'fault',
  'altstack',
  'null-call',
  'bad-call',
  'libc',
];

const throwing = `
#include <stdexcept>
#include <vector>
struct Guard { ~Guard() { count++; } static int count; };
int Guard::count;
__attribute__((noinline)) static int check(int value) {
  Guard guard;
  if (value > 2) throw std::runtime_error("too large");
  return value;
}
__attribute__((noinline)) static int all(const std::vector<int> &values) {
  int sum = 0;
  for (int value : values) sum += check(value) + Guard::count;
  return sum;
}
int main() { return all({1, 2, 3}) + 1; }
`;

function unwound(core: string, options: ImageOptions = {}): UnwoundStack {
  const image = imageOfCore(core, options);
  const [thread] = image.threads;
  if (thread === undefined) throw new Error('no thread');
  return unwindThread(codePlaces(image, namesOfSymbols), thread);
}

/** Those in the middle of a deep stack are left out as ours are. */
function withoutMiddle<Frame>(frames: readonly Frame[]): readonly Frame[] {
  return frames.length <= 250 ? frames : [...frames.slice(0, 200), ...frames.slice(-50)];
}

const addresses = (frames: readonly Pick<StopFrame, 'ip'>[]): readonly string[] =>
  frames.map(({ ip }) => ip ?? '');
const hexOf = (frames: readonly { readonly ip: bigint }[]): readonly string[] =>
  frames.map(({ ip }) => `0x${ip.toString(16)}`);

describe.skipIf(!canCrash)('a stack by call frame information', () => {
  for (const options of [['-O0'], ['-O2'], ['-O2', '-fcf-protection', '-fomit-frame-pointer', '-static']]) {
    test(`is gdb's, however the program crashed (${options.join(' ')})`, () => {
      const program = compile(folder, `crashes${options.join('')}`, crashes, options);
      const cores = ways.map((way) => coreOf(program, [way]));
      const expected = gdbBacktraces(cores, program);
      for (const [index, way] of ways.entries()) {
        const { frames, end } = unwound(cores[index] ?? '');
        expect(addresses(frames), way).toEqual(hexOf(withoutMiddle(expected[index] ?? [])));
        expect(
          frames.every(({ trust }) => trust === 'sure'),
          way,
        ).toBe(true);
        expect(end, way).toBe('whole');
        const isSignal = ['signal', 'fault', 'altstack'].includes(way);
        expect(frames.filter(({ isSignalHandler }) => isSignalHandler === true).length, way).toBe(
          isSignal ? 1 : 0,
        );
      }
    });
  }

  test('is the same for the stripped twin, with ranges in the place of names', () => {
    const program = compile(folder, 'twin', crashes, ['-O2']);
    const core = coreOf(program, ['sorted']);
    const twin = stripped(program);
    const whole = unwound(core);
    const bare = unwound(core, { fileOf: (path) => (path === program ? twin : path) });
    expect(addresses(bare.frames)).toEqual(addresses(whole.frames));
    expect(bare.frames.map(({ functionOffset }) => functionOffset)).toEqual(
      whole.frames.map(({ functionOffset }) => functionOffset),
    );
    expect(bare.frames[0]).toMatchObject({ named: 'range', trust: 'sure', object: program });
    expect(bare.frames[0]?.function).toBeUndefined();
  });

  test('of an exception that nobody catches leads through the C++ library', () => {
    const program = compile(folder, 'throwing', throwing, ['-O2']);
    const core = coreOf(program);
    const { frames, end } = unwound(core);
    expect(addresses(frames)).toEqual(hexOf(gdbBacktraces([core], program)[0] ?? []));
    expect(end).toBe('whole');
  });

  test('of a full stack has its innermost and its outermost frames', () => {
    const program = compile(folder, 'stack-overflow', gdbExample('stack-overflow.c'), ['-O0']);
    const { frames, end, omitted } = unwound(coreOf(program));
    expect(frames).toHaveLength(250);
    expect(omitted?.after).toBe(200);
    expect(omitted?.count).toBeGreaterThan(10_000);
    expect(frames.map(({ function: name }) => name).filter((name) => name === 'main')).toHaveLength(1);
    expect(frames.at(-1)?.function).toBe('_start');
    expect(end).toBe('whole');
  });
});

describe.skipIf(!canCrash)('a stack without call frame information', () => {
  const bare = ['-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-fno-dwarf2-cfi-asm'];

  test('follows the frame pointers of the program, and is likely', () => {
    const program = compile(folder, 'pointers', crashes, ['-O0', '-g0', ...bare]);
    const twin = compile(folder, 'pointers-described', crashes, ['-O0']);
    for (const way of ['leaf', 'large', 'sorted', 'null-call']) {
      const { frames } = unwound(coreOf(program, [way]));
      const { frames: expected } = unwound(coreOf(twin, [way]));
      expect(
        frames.map(({ function: name }) => name),
        way,
      ).toEqual(expected.map(({ function: name }) => name));
      expect(
        frames.filter(({ found }) => found === 'frame pointer').every(({ trust }) => trust === 'likely'),
      ).toBe(true);
    }
  });

  test('is found by looking for return addresses when there are no frame pointers', () => {
    const program = compile(folder, 'scanned', crashes, ['-O2', '-g0', '-fomit-frame-pointer', ...bare]);
    for (const way of ['leaf', 'large', 'null-call']) {
      const { frames } = unwound(coreOf(program, [way]));
      const names = frames.filter(({ trust }) => trust !== 'doubtful').map(({ function: name }) => name);
      expect(names, way).toContain('main');
    }
  });

  test('without any file is doubtful, and has the right frames among others', () => {
    const program = compile(folder, 'no-files', crashes, ['-O0']);
    const core = coreOf(program, ['large']);
    const { frames } = unwound(core, { fileOf: () => undefined });
    const { frames: expected } = unwound(core);
    const own = expected.filter(({ object }) => object === program).slice(0, 4);
    expect(
      rightShare(
        frames,
        own.map(({ ip }) => ({ ip: BigInt(ip ?? 0) })),
      ),
    ).toMatchObject({ right: 4, of: 4 });
    expect(frames.slice(1).every(({ trust }) => trust === 'doubtful')).toBe(true);
    expect(frames[0]).toMatchObject({ found: 'innermost', trust: 'sure', object: program });
  });
});

describe.skipIf(!canCrash)('an overwritten return address', () => {
  const program = canCrash
    ? compile(folder, 'smashed-return', gdbExample('smashed-return.c'), ['-O0', '-fno-stack-protector'])
    : '';

  for (const [how, innermost] of [
    ['far', []],
    ['near', [undefined]],
    ['zero', [undefined]],
  ] as const) {
    test(`(${how}) leaves the functions to be found, and none of them is called sure`, () => {
      const twin = stripped(program);
      const core = coreOf(program, [how]);
      const { frames, end } = unwound(core);
      expect(frames.map(({ function: name }) => name).slice(0, innermost.length + 3)).toEqual([
        ...innermost,
        'fill',
        'handle',
        'main',
      ]);
      expect(frames.slice(1).every(({ trust }) => trust === 'likely')).toBe(true);
      expect(frames.slice(1).every(({ doubt }) => doubt !== undefined)).toBe(true);
      expect(end).toBe('whole');
      const bare = unwound(core, { fileOf: (path) => (path === program ? twin : path) });
      expect(addresses(bare.frames)).toEqual(addresses(frames));
    });
  }

  for (const options of [['-O0'], ['-O1'], ['-O2'], ['-O2', '-fno-omit-frame-pointer']]) {
    test(`is bridged by the only call there is in the code (${options.join(' ')})`, () => {
      const written = compile(folder, `overwriting${options.join('')}`, overwriting, [
        ...options,
        '-fno-stack-protector',
      ]);
      // 48: no address at all, so that it stands on the return. 44: a part of one, where nothing is.
      for (const [size, innermost] of [
        [48, []],
        [44, [undefined]],
      ] as const) {
        const { frames, end } = unwound(coreOf(written, ['A'.repeat(size)]));
        expect(frames.map(({ function: name }) => name).slice(0, innermost.length + 4)).toEqual([
          ...innermost,
          'copy',
          'middle',
          'outer',
          'main',
        ]);
        expect(end).toBe('whole');
      }
    });
  }
});

test.skipIf(!canCrash)(
  'a stripped program and library have the frames of the twins that are not stripped',
  () => {
    const library = compile(folder, 'libstripped.so', gdbExample('stripped-lib.c'), [
      '-O1',
      '-fPIC',
      '-shared',
    ]);
    const program = compile(folder, 'stripped-app', gdbExample('stripped-app.c'), [
      '-O1',
      `-Wl,-rpath,${folder}`,
      library,
    ]);
    const core = coreOf(program);
    const twins = new Map([library, program].map((path) => [path, stripped(path)]));
    const whole = unwound(core);
    const bare = unwound(core, { fileOf: (path) => twins.get(path) ?? path });
    expect(whole.frames.map(({ function: name }) => name).slice(0, 5)).toEqual([
      'digit_at',
      'number_in',
      'parse_record',
      'read_all',
      'main',
    ]);
    expect(addresses(bare.frames)).toEqual(addresses(whole.frames));
    expect(bare.frames.map(({ function: name }) => name).slice(0, 5)).toEqual([
      undefined,
      undefined,
      'parse_record',
      undefined,
      undefined,
    ]);
  },
);
