// Stacks that no compiler made: of coroutines, of code that was written at run time, of calls through pointers that lead nowhere.
import { describe, expect, test } from 'vitest';
import { codePlaces } from '../../../src/tools/core/code-places.ts';
import { type UnwoundStack, unwindThread } from '../../../src/tools/core/unwind.ts';
import { canRun } from '../../project.ts';
import { compile, coreOf, freshFolder } from './crashed-programs.ts';
import { imageOfCore, namesOfSymbols } from './test-image.ts';

const folder = freshFolder();

const source = `
#define _GNU_SOURCE
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#define CALL __attribute__((noinline)) static
volatile int one = 1;
CALL void crash(void) { *(volatile int *)0 = one; }
static void in_context(void) { crash(); one++; }
/* Without a frame of its own, as small functions are in optimized code; its caller has one. */
__attribute__((noinline, optimize("O2", "omit-frame-pointer"))) static int leaf(int *place) { return *place; }
CALL int calls_leaf(void) { return leaf((int *)(long)(one - 1)) + one; }
CALL int context(void) {
  static ucontext_t back, other;
  getcontext(&other);
  other.uc_stack.ss_sp = malloc(65536);
  other.uc_stack.ss_size = 65536;
  other.uc_link = &back;
  makecontext(&other, in_context, 0);
  swapcontext(&back, &other);
  return one;
}
/* sub $24,%rsp; call *%rdi; add $24,%rsp; ret */
static const unsigned char made[] = {0x48, 0x83, 0xec, 0x18, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x18, 0xc3};
CALL int written(void) {
  void *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(code, made, sizeof made);
  ((void (*volatile)(void (*)(void)))code)(crash);
  return one;
}
CALL int through(int (*function)(int), int value) { return function(value) + one; }
int main(int count, char **words) {
  if (!strcmp(words[1], "context")) return context() + one;
  if (!strcmp(words[1], "leaf")) return calls_leaf() + one;
  if (!strcmp(words[1], "written")) return written() + one;
  return through(0, count) + one;
}
`;

function unwound(core: string, missing?: string): UnwoundStack {
  const image = imageOfCore(core, { fileOf: (path) => (path === missing ? undefined : path) });
  const [thread] = image.threads;
  if (thread === undefined) throw new Error('no thread');
  return unwindThread(codePlaces(image, namesOfSymbols), thread);
}

const namesOf = ({ frames }: UnwoundStack) =>
  frames.map(({ function: name, trust }) => `${trust} ${name ?? '???'}`);

describe.skipIf(!canRun('gcc'))('the stack', () => {
  test('of a coroutine ends where its context begins, and is whole', () => {
    const stack = unwound(coreOf(compile(folder, 'unusual', source, ['-O2']), ['context']));
    expect(namesOf(stack).slice(0, 2)).toEqual(['sure crash', 'sure in_context']);
    expect(stack.frames).toHaveLength(3);
    expect(stack.frames[2]).toMatchObject({ trust: 'sure', object: expect.stringMatching(/libc/) });
    expect(stack.end).toBe('whole');
  });

  test('with code in it that was written at run time has the function that called it', () => {
    const stack = unwound(coreOf(compile(folder, 'unusual', source, ['-O2']), ['written']));
    expect(namesOf(stack).slice(0, 4)).toEqual(['sure crash', 'sure ???', 'likely written', 'likely main']);
  });

  test('in a program whose file is missing has the caller of a function without a frame', () => {
    const program = compile(folder, 'unusual-leaf', source, ['-O0', '-fno-omit-frame-pointer']);
    const core = coreOf(program, ['leaf']);
    const places = ({ frames }: UnwoundStack) => frames.slice(0, 3).map(({ ip }) => ip);
    const known = unwound(core);
    expect(namesOf(known).slice(0, 3)).toEqual(['sure leaf', 'sure calls_leaf', 'sure main']);
    expect(places(unwound(core, program))).toEqual(places(known));
  });

  test('of a call to NULL is sure, though the code before it has a byte like that of a direct call', () => {
    const stack = unwound(coreOf(compile(folder, 'unusual-O0', source, ['-O0']), ['null']));
    expect(namesOf(stack).slice(0, 3)).toEqual(['sure ???', 'sure through', 'sure main']);
  });
});
