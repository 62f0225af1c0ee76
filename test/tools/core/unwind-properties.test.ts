// Files and memory that are damaged or made to do harm: readers give up, and soon.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describedRegisters } from '../../../src/tools/core/address-place.ts';
import { frameEntry, functionRange } from '../../../src/tools/core/call-frame-information.ts';
import { frameRules } from '../../../src/tools/core/call-frame-rules.ts';
import { codePlaces } from '../../../src/tools/core/code-places.ts';
import { waitsOf } from '../../../src/tools/core/deadlock.ts';
import { dwarfCursor, readSleb, readUleb } from '../../../src/tools/core/dwarf-cursor.ts';
import { evaluateExpression } from '../../../src/tools/core/dwarf-expression.ts';
import { faultOf } from '../../../src/tools/core/fault.ts';
import { glibcHeap } from '../../../src/tools/core/glibc-heap.ts';
import { memoryWords } from '../../../src/tools/core/memory-words.ts';
import type { ObjectFile, ProcessImage, Section } from '../../../src/tools/core/process-image.ts';
import { unwindThread } from '../../../src/tools/core/unwind.ts';

function objectWith(
  sections: Readonly<Record<string, Section>>,
  code: Uint8Array = new Uint8Array(0),
): ObjectFile {
  return {
    path: '/made/object',
    segments: [{ address: 0n, memorySize: 0x10000n, fileOffset: 0, fileSize: 0x10000, isExecutable: true }],
    hasDebugInformation: false,
    section: (name) => sections[name],
    at: (address, length) => code.subarray(Number(address), Number(address) + length),
  };
}

const unsigned = (value: bigint, size: number): number[] =>
  Array.from({ length: size }, (_, index) =>
    Number((BigInt.asUintN(64, value) >> BigInt(index * 8)) & 0xffn),
  );

/** A CIE and one FDE for 0x1000 to 0x2000, absolute 8-byte pointers, as .debug_frame has them. */
function debugFrame(instructions: Uint8Array | readonly number[], common: readonly number[]): Uint8Array {
  const head = [...unsigned(0xffff_ffffn, 4), 1, 0, 1, 0x78, 16, ...common];
  const body = [...unsigned(0n, 4), ...unsigned(0x1000n, 8), ...unsigned(0x1000n, 8), ...instructions];
  return Uint8Array.from([
    ...unsigned(BigInt(head.length), 4),
    ...head,
    ...unsigned(BigInt(body.length), 4),
    ...body,
  ]);
}

/** DW_CFA_def_cfa rsp+8; DW_CFA_offset rip at CFA-8. */
const usual = [0x0c, 7, 8, 0x90, 1];

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

describe('numbers of DWARF', () => {
  test('are read as they are written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
        const signed: number[] = [];
        for (let rest = value; ; ) {
          const byte = Number(rest & 0x7fn);
          rest >>= 7n;
          const isLast = (rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0);
          signed.push(isLast ? byte : byte | 0x80);
          if (isLast) break;
        }
        expect(readSleb(dwarfCursor(Uint8Array.from(signed)))).toBe(value);
        const plain: number[] = [];
        for (let rest = BigInt.asUintN(64, value); ; ) {
          const byte = Number(rest & 0x7fn);
          rest >>= 7n;
          plain.push(rest === 0n ? byte : byte | 0x80);
          if (rest === 0n) break;
        }
        expect(readUleb(dwarfCursor(Uint8Array.from(plain)))).toBe(BigInt.asUintN(64, value));
      }),
    );
  });
});

describe('call frame information', () => {
  test('of an honest table has its rules, for its range alone', () => {
    const section = { address: 0n, bytes: debugFrame([0x42, 0x0e, 16, 0x86, 2], usual) };
    const object = objectWith({ '.debug_frame': section });
    expect(functionRange(object, 0x1000n)).toEqual({ start: 0x1000n, end: 0x2000n });
    expect(functionRange(object, 0xfffn)).toBeUndefined();
    expect(functionRange(object, 0x2000n)).toBeUndefined();
    const entry = frameEntry(object, 0x1001n, 8);
    expect(entry && frameRules(entry, 0x1001n)).toEqual({
      frameAddress: { kind: 'register', register: 7, offset: 8n },
      registers: new Map([[16, { kind: 'offset', offset: -8n }]]),
    });
    expect(entry && frameRules(entry, 0x1002n)).toEqual({
      frameAddress: { kind: 'register', register: 7, offset: 16n },
      registers: new Map([
        [16, { kind: 'offset', offset: -8n }],
        [6, { kind: 'offset', offset: -16n }],
      ]),
    });
  });

  test('that is any bytes is never more than not understood', () => {
    fc.assert(
      fc.property(bytes(300), bytes(60), word, (table, header, address) => {
        const object = objectWith({
          '.eh_frame': { address: 0x100n, bytes: table },
          '.eh_frame_hdr': { address: 0x10n, bytes: Uint8Array.from([1, 0x1b, 0x03, 0x3b, ...header]) },
          '.debug_frame': { address: 0n, bytes: table },
        });
        for (const at of [address, 0n, 0x120n]) {
          const entry = frameEntry(object, at, 8);
          if (entry === undefined) continue;
          expect(at >= entry.start && at < entry.end).toBe(true);
          frameRules(entry, at);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('with any instructions ends', () => {
    fc.assert(
      fc.property(
        bytes(200),
        bytes(40),
        fc.bigInt({ min: 0x1000n, max: 0x1fffn }),
        (instructions, common, at) => {
          const section = { address: 0n, bytes: debugFrame(instructions, [...usual, ...common]) };
          const entry = frameEntry(objectWith({ '.debug_frame': section }), at, 8);
          if (entry !== undefined) frameRules(entry, at);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('with an expression that loops for ever ends', () => {
    const memory = memoryWords({ read: (_, length) => new Uint8Array(length) });
    const context = { registers: new Map(), memory, wordSize: 8 } as const;
    // DW_OP_skip -3
    expect(evaluateExpression(Uint8Array.from([0x2f, 0xfd, 0xff]), context)).toBeUndefined();
    fc.assert(
      fc.property(bytes(100), (expression) => {
        evaluateExpression(expression, context, [1n, 2n]);
      }),
    );
  });
});

/** A process of one module of code, one stack and one heap, all with any bytes. */
function madeImage(
  code: Uint8Array,
  stack: Uint8Array,
  table: Uint8Array,
  registers: ReadonlyMap<string, bigint>,
): ProcessImage {
  const ranges = [
    {
      start: 0x40_0000n,
      bytes: code,
      access: { read: true, write: false, execute: true },
      path: '/made/object',
    },
    { start: 0x50_0000n, bytes: stack, access: { read: true, write: true, execute: false } },
    { start: 0x7000_0000n, bytes: stack, access: { read: true, write: true, execute: false } },
  ].map((range) => ({ ...range, end: range.start + 0x10000n }));
  return {
    machine: 'x86-64',
    pid: 1,
    memory: {
      read: (address, length) => {
        const range = ranges.find(({ start, end }) => address >= start && address < end);
        const at = Number(address - (range?.start ?? 0n));
        return range?.bytes.subarray(at, at + length) ?? new Uint8Array(0);
      },
    },
    threads: [{ lwp: 1, registers }],
    mappings: ranges.map(({ bytes: _, ...mapping }) => mapping),
    modules: [
      {
        path: '/made/object',
        start: 0x40_0000n,
        end: 0x41_0000n,
        bias: 0x40_0000n,
        object: objectWith({ '.debug_frame': { address: 0n, bytes: table } }, code),
      },
    ],
  };
}

/** Words as a damaged stack has them: addresses of code and of the stack itself, and any others. */
const stackWord = fc.oneof(
  fc.bigInt({ min: 0x40_0000n, max: 0x40_0fffn }),
  fc.bigInt({ min: 0x50_0000n, max: 0x50_1000n }),
  word,
);
const stackBytes = fc.array(stackWord, { maxLength: 300 }).map((words) => {
  const made = new Uint8Array(words.length * 8);
  const view = new DataView(made.buffer);
  for (const [index, value] of words.entries()) view.setBigUint64(index * 8, value, true);
  return made;
});
const codeBytes = fc.uint8Array({ minLength: 4096, maxLength: 4096 });

describe('a process with any memory', () => {
  test('is unwound, explained and given up within bounds', () => {
    fc.assert(
      fc.property(
        codeBytes,
        stackBytes,
        bytes(60),
        fc.array(stackWord, { minLength: 20, maxLength: 20 }),
        fc.bigInt({ min: 0x50_0000n, max: 0x50_0400n }),
        (code, stack, instructions, values, sp) => {
          const names = 'rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 rip fs_base'.split(' ');
          const registers = new Map(names.map((name, index) => [name, values[index] ?? 0n]));
          registers.set('rsp', sp).set('orig_rax', 202n);
          const table = debugFrame(instructions, usual);
          const image = madeImage(code, stack, table, registers);
          const places = codePlaces(image);
          const heap = glibcHeap(places);
          for (const thread of image.threads) {
            const { frames, end, omitted, states } = unwindThread(places, thread, { frameLimit: 5000 });
            expect(frames.length).toBeLessThanOrEqual(250);
            expect(frames.length).toBe(states.length);
            expect(frames[0]).toMatchObject({ found: 'innermost', trust: 'sure' });
            expect(['whole', 'limit', 'damaged', 'unreadable', 'unknown']).toContain(end);
            for (const { trust, doubt } of frames) if (trust !== 'sure') expect(doubt).toBeDefined();
            if (omitted !== undefined) expect(frames).toHaveLength(250);
            waitsOf(places, [{ thread, frames, states }], { hasAllThreads: true, mainThread: thread.lwp });
            describedRegisters(places, heap, thread);
            for (const [signalCode, address] of [
              [1, values[0]],
              [128, 0n],
            ] as const) {
              const fault = faultOf(places, heap, thread, {
                number: 11,
                name: 'SIGSEGV',
                code: signalCode,
                address: `0x${(address ?? 0n).toString(16)}`,
              });
              if (fault !== undefined) expect(fault.text).toMatch(/^\S.*\.$/);
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test('of one endless chain of frames ends at the limit', () => {
    // Each saved frame pointer is the next word's address, and each return address is behind a call.
    const code = new Uint8Array(4096).fill(0x90);
    code.set([0xff, 0xd0], 0x10);
    const words = 8192;
    const stack = new Uint8Array(words * 8);
    const view = new DataView(stack.buffer);
    for (let index = 0; index < words; index += 2) {
      view.setBigUint64(index * 8, 0x50_0000n + BigInt((index + 2) * 8), true);
      view.setBigUint64(index * 8 + 8, 0x40_0012n, true);
    }
    const registers = new Map([
      ['rip', 0x40_0020n],
      ['rsp', 0x50_0000n],
      ['rbp', 0x50_0000n],
    ]);
    const image = madeImage(code, stack, new Uint8Array(0), registers);
    const [thread] = image.threads;
    if (thread === undefined) throw new Error('no thread');
    const all = unwindThread(codePlaces(image), thread);
    expect(all.omitted).toEqual({ after: 200, count: words / 2 + 1 - 250 });
    expect(all.frames.every(({ found }) => found === 'innermost' || found === 'frame pointer')).toBe(true);
    const cut = unwindThread(codePlaces(image), thread, { frameLimit: 300 });
    expect(cut).toMatchObject({ end: 'limit' });
    expect(cut.omitted).toBeUndefined();
    expect(cut.frames).toHaveLength(200);
  });
});
