// What a crashing instruction touched, said of real programs.
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../src/model/stop.ts';
import { describedRegisters } from '../../../src/tools/core/address-place.ts';
import { codePlaces } from '../../../src/tools/core/code-places.ts';
import { faultOf } from '../../../src/tools/core/fault.ts';
import { glibcHeap } from '../../../src/tools/core/glibc-heap.ts';
import { unwindThread } from '../../../src/tools/core/unwind.ts';
import { memoryAccesses } from '../../../src/tools/core/x86-access.ts';
import { canRun } from '../../project.ts';
import { compile, coreOf, freshFolder, gdbExample } from './crashed-programs.ts';
import { imageOfCore, namesOfSymbols } from './test-image.ts';

const folder = freshFolder();
const noOverflowCheck = ['-O0', '-fno-stack-protector'];

function faultIn(core: string): Fault | undefined {
  const image = imageOfCore(core);
  const code = codePlaces(image, namesOfSymbols);
  const [thread] = image.threads;
  if (thread === undefined || image.signal === undefined) throw new Error('no signal');
  return faultOf(code, glibcHeap(code), thread, image.signal);
}

const faults = `
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <emmintrin.h>
static char written[1000] = "written";
static const char constant[] = "constant";
static void *overflowing(void *depth) {
  volatile char room[200];
  room[0] = 1;
  return overflowing((char *)depth + room[0]) + room[0];
}
int main(int count, char **words) {
  const char *how = words[1];
  char *text = malloc(100);
  volatile char *pointer = 0;
  if (!strcmp(how, "null-read")) return *pointer;
  if (!strcmp(how, "far-member")) return ((volatile int *)pointer)[100];
  if (!strcmp(how, "wild")) return *(volatile short *)0x123456789a00;
  if (!strcmp(how, "text")) return *(*(volatile char **)"AAAAAAAA");
  if (!strcmp(how, "constant")) *(volatile char *)constant = 1;
  if (!strcmp(how, "code")) *(volatile char *)main = 1;
  if (!strcmp(how, "memset")) memset((void *)pointer, 1, 64);
  if (!strcmp(how, "jump-to-heap")) ((void (*)(void))text)();
  if (!strcmp(how, "jump-to-stack")) ((void (*)(void))&how)();
  if (!strcmp(how, "null-call")) ((void (*volatile)(void))0)();
  if (!strcmp(how, "text-call")) (*(void (*volatile *)(void))"CALLCALL")();
  if (!strcmp(how, "jump-to-data")) ((void (*)(void))&written)();
  if (!strcmp(how, "unaligned")) _mm_store_si128((__m128i *)(text + 8), _mm_setzero_si128());
  if (!strcmp(how, "freed-jump")) { free(text); ((void (*)(void))text)(); }
  if (!strcmp(how, "thread-stack")) {
    pthread_t thread;
    pthread_create(&thread, 0, overflowing, 0);
    pthread_join(thread, 0);
  }
  if (!strcmp(how, "beyond")) {
    int file = open("short", O_RDWR | O_CREAT, 0600);
    return *(volatile char *)mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
  }
  return 0;
}
`;

describe.skipIf(!canRun('gcc'))('a fault', () => {
  const program = canRun('gcc') ? compile(folder, 'faults', faults, ['-O0']) : '';
  const expected: readonly (readonly [string, Partial<Fault>, RegExp])[] = [
    ['null-read', { pointer: 'null', operation: 'read', size: 1 }, /^rax is NULL: it read 1 byte at 0x0\.$/],
    [
      'far-member',
      { pointer: 'near null', operation: 'read', size: 4, address: '0x190' },
      /400 bytes after NULL/,
    ],
    [
      'wild',
      { pointer: 'not mapped', operation: 'read', size: 2, address: '0x123456789a00' },
      /nothing is mapped/,
    ],
    [
      'text',
      { pointer: 'not canonical', operation: 'read', size: 1 },
      /the text "AAAAAAAA"\), which can be no address/,
    ],
    ['constant', { pointer: 'read-only', operation: 'write', size: 1 }, /may only be read: data of .*faults/],
    ['code', { pointer: 'read-only', operation: 'write', size: 1 }, /may only be read: main\+0 in/],
    ['memset', { pointer: 'null', operation: 'write' }, /NULL/],
    [
      'jump-to-heap',
      { pointer: 'not executable', operation: 'jump' },
      /heap, a block of 104 bytes, which may not be exec/,
    ],
    [
      'jump-to-stack',
      { pointer: 'not executable', operation: 'jump' },
      /stack of thread 1, which may not be executed/,
    ],
    ['freed-jump', { pointer: 'not executable', operation: 'jump' }, /a freed block of 104 bytes/],
    ['null-call', { pointer: 'null', operation: 'jump' }, /^It called or jumped to 0x0, which is NULL\.$/],
    [
      'text-call',
      { pointer: 'not canonical', operation: 'jump', address: '0x4c4c41434c4c4143' },
      /^It called or jumped to 0x4c4c41434c4c4143 \(the text "CALLCALL"\), the value of rax, which can be no address\.$/,
    ],
    [
      'unaligned',
      { pointer: 'unaligned', operation: 'write', size: 16 },
      /no multiple of 16, as this instruction needs it: heap, 8 bytes into a block/,
    ],
    ['thread-stack', { pointer: 'stack guard', operation: 'write' }, /^The stack is full: it wrote/],
    [
      'beyond',
      { pointer: 'beyond the file', operation: 'read', size: 1 },
      /short but behind the end of the file/,
    ],
  ];
  for (const [how, fields, text] of expected) {
    test(`of a program that does '${how}' is told in one sentence`, () => {
      const fault = faultIn(coreOf(program, [how]));
      expect(fault).toMatchObject(fields);
      expect(fault?.text).toMatch(text);
    });
  }

  test('through a member of an object that is not there is near null', () => {
    const core = coreOf(compile(folder, 'null-write', gdbExample('null-write.c'), ['-O0']));
    expect(faultIn(core)).toMatchObject({
      operation: 'write',
      size: 4,
      address: '0x8',
      pointer: 'near null',
    });
  });

  test('through what free() left in a block says so', () => {
    const core = coreOf(
      compile(folder, 'use-after-free-later', gdbExample('use-after-free-later.c'), ['-O0']),
    );
    const fault = faultIn(core);
    expect(fault).toMatchObject({ operation: 'read', size: 8, pointer: 'not mapped' });
    expect(fault?.doubt).toMatch(/in a freed block of 24 bytes at 0x[0-9a-f]+, where free\(\) wrote it/);
  });

  test('of a full stack is at its guard', () => {
    const core = coreOf(compile(folder, 'stack-overflow', gdbExample('stack-overflow.c'), ['-O0']));
    expect(faultIn(core)).toMatchObject({ operation: 'write', pointer: 'stack guard' });
  });

  test('of an overwritten return address names what it is overwritten with', () => {
    const smashed = compile(folder, 'smashed-return', gdbExample('smashed-return.c'), noOverflowCheck);
    expect(faultIn(coreOf(smashed, ['far']))).toMatchObject({
      operation: 'jump',
      pointer: 'not canonical',
      address: '0x4141414141414141',
    });
    expect(faultIn(coreOf(smashed, ['near']))?.text).toBe(
      'The return address was overwritten: it returned to 0x41414141 (the text "AAAA"), where nothing is mapped.',
    );
  });

  test('of a jump into data is in no function: none is called by the name that lies before', () => {
    const code = codePlaces(imageOfCore(coreOf(program, ['jump-to-data'])), namesOfSymbols);
    const [thread] = code.image.threads;
    if (thread === undefined) throw new Error('no thread');
    const [innermost, caller] = unwindThread(code, thread).frames;
    expect(innermost?.object).toBe(program);
    expect(innermost?.function).toBeUndefined();
    expect(caller?.function).toBe('main');
  });

  test('leaves registers that say what they point to', () => {
    const image = imageOfCore(coreOf(program, ['jump-to-heap']));
    const code = codePlaces(image, namesOfSymbols);
    const [thread] = image.threads;
    if (thread === undefined) throw new Error('no thread');
    const registers = new Map(
      describedRegisters(code, glibcHeap(code), thread).map(({ name, pointsTo }) => [name, pointsTo]),
    );
    expect(registers.get('rsp')).toBe('stack of thread 1');
    expect(registers.get('rip')).toBe('heap, a block of 104 bytes');
    expect(registers.has('eflags')).toBe(true);
    expect(registers.get('eflags')).toBeUndefined();
  });
});

describe('an instruction', () => {
  const registers = new Map([
    ['rax', 0x1000n],
    ['rbx', 0x10n],
    ['rsi', 0x2000n],
    ['rdi', 0x3000n],
    ['rsp', 0x8000n],
    ['rbp', 0x9000n],
    ['r12', 0x5000n],
    ['r13', 0x6000n],
    ['fs_base', 0x70000n],
  ]);
  // As objdump shows them.
  const cases: readonly (readonly [
    string,
    string,
    readonly (readonly [string, number | undefined, bigint])[],
  ])[] = [
    ['mov %ecx,(%rax)', '89 08', [['write', 4, 0x1000n]]],
    ['mov 0x8(%rax),%rcx', '48 8b 48 08', [['read', 8, 0x1008n]]],
    ['mov -0x80(%rbp),%al', '8a 45 80', [['read', 1, 0x8f80n]]],
    ['mov (%rax,%rbx,8),%rcx', '48 8b 0c d8', [['read', 8, 0x1080n]]],
    ['mov (%r12),%rcx', '49 8b 0c 24', [['read', 8, 0x5000n]]],
    ['mov 0x0(%r13),%rcx', '49 8b 4d 00', [['read', 8, 0x6000n]]],
    ['movl $1,0x10(%rip)', 'c7 05 10 00 00 00 01 00 00 00', [['write', 4, 0x40001an]]],
    ['cmpb $0,0x10(%rip)', '80 3d 10 00 00 00 00', [['read', 1, 0x400017n]]],
    ['mov %fs:0x28,%rax', '64 48 8b 04 25 28 00 00 00', [['read', 8, 0x70028n]]],
    ['mov %ax,(%rdi)', '66 89 07', [['write', 2, 0x3000n]]],
    [
      'rep movsq',
      'f3 48 a5',
      [
        ['read', 8, 0x2000n],
        ['write', 8, 0x3000n],
      ],
    ],
    ['rep stos %al', 'f3 aa', [['write', 1, 0x3000n]]],
    ['push %rbp', '55', [['write', 8, 0x7ff8n]]],
    ['call', 'e8 00 00 00 00', [['write', 8, 0x7ff8n]]],
    [
      'call *0x10(%rax)',
      'ff 50 10',
      [
        ['read', 8, 0x1010n],
        ['write', 8, 0x7ff8n],
      ],
    ],
    ['ret', 'c3', [['read', 8, 0x8000n]]],
    ['movaps %xmm0,(%rax)', '0f 29 00', [['write', 16, 0x1000n]]],
    ['movups (%rax),%xmm0', '0f 10 00', [['read', 16, 0x1000n]]],
    ['movsd (%rax),%xmm0', 'f2 0f 10 00', [['read', 8, 0x1000n]]],
    ['movss %xmm0,(%rax)', 'f3 0f 11 00', [['write', 4, 0x1000n]]],
    ['movdqu (%rsi),%xmm1', 'f3 0f 6f 0e', [['read', 16, 0x2000n]]],
    ['movq %xmm0,(%rax)', '66 0f d6 00', [['write', 8, 0x1000n]]],
    ['vmovdqu %ymm0,(%rdi)', 'c5 fe 7f 07', [['write', 32, 0x3000n]]],
    ['vpcmpeqb (%rdi),%ymm0,%ymm1', 'c5 fd 74 0f', [['read', 32, 0x3000n]]],
    ['vmovdqu8 %zmm16,(%rdi)', '62 e1 7f 48 7f 07', [['write', 64, -1n]]],
    ['lock cmpxchg %ecx,(%rax)', 'f0 0f b1 08', [['write', 4, 0x1000n]]],
    ['movzbl (%rax),%eax', '0f b6 00', [['read', 1, 0x1000n]]],
    ['lea 0x8(%rax),%rcx', '48 8d 48 08', []],
    ['mov %rax,%rcx', '48 89 c1', []],
    ['nopw 0x0(%rax,%rax,1)', '66 0f 1f 44 00 00', []],
    ['testl $1,(%rax)', 'f7 00 01 00 00 00', [['read', 4, 0x1000n]]],
    ['negl (%rax)', 'f7 18', [['write', 4, 0x1000n]]],
    ['fldt (%rax)', 'db 28', [['read', 10, 0x1000n]]],
  ];
  for (const [text, bytes, expected] of cases) {
    test(`'${text}' touches what the manual says`, () => {
      const code = Uint8Array.from(bytes.split(' ').map((byte) => Number.parseInt(byte, 16)));
      const found = memoryAccesses(code, 0x400000n, registers);
      expect(
        found?.accesses.map(({ operation, size, address }) => [operation, size, address ?? -1n]),
      ).toEqual(expected);
    });
  }
});
