// The exception that ended a program, read in memory that is made up: as it should be, and as somebody hostile would have it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StopFrame } from '../../../src/model/stop.ts';
import { codePlaces } from '../../../src/tools/core/code-places.ts';
import type { ProcessImage } from '../../../src/tools/core/process-image.ts';
import { terminateReason } from '../../../src/tools/core/terminate-exception.ts';
import { type FoundException, thrownException } from '../../../src/tools/core/thrown-exception.ts';

const start = 0x10_0000;
const size = 0x6000;
const lwp = 4711;
/** Where things lie, bytes from the start. */
const at = {
  descriptor: 0x1000,
  vector: 0x800,
  block: 0xfc0,
  otherBlock: 0xfe0,
  exception: 0x2000,
  other: 0x2400,
  type: 0x2800,
  base: 0x2840,
  kindTable: 0x2900,
  kind: 0x2940,
  names: 0x2a00,
  text: 0x3018,
} as const;
const message = 'St13runtime_error';
const gnu = 0x474e_5543_432b_2b00n;
const clang = 0x434c_4e47_432b_2b00n;

interface Bytes {
  readonly buffer: Buffer;
  /** An address of the process. */
  readonly address: (offset: number) => bigint;
  readonly word: (offset: number, value: bigint) => void;
  readonly string: (offset: number, text: string) => void;
}

function emptyMemory(): Bytes {
  const buffer = Buffer.alloc(size);
  return {
    buffer,
    address: (offset) => BigInt(start + offset),
    word: (offset, value) => void buffer.writeBigUInt64LE(BigInt.asUintN(64, value), offset),
    string: (offset, text) => void buffer.write(`${text}\0`, offset),
  };
}

/** A thread that throws std::runtime_error, or a class of one's own that is derived from it. */
function memoryOfThrow(className: string = message): Bytes {
  const bytes = emptyMemory();
  const { word, address, string } = bytes;
  word(at.descriptor, address(at.descriptor));
  word(at.descriptor + 8, address(at.vector));
  word(at.descriptor + 16, address(at.descriptor));
  bytes.buffer.writeUInt32LE(lwp, at.descriptor + 720);
  word(at.vector - 16, 3n);
  word(at.vector + 16, address(at.block));
  word(at.vector + 32, address(at.otherBlock));
  word(at.vector + 48, 2n ** 64n - 1n);
  word(at.block + 8, address(at.exception - 0x50));
  word(at.exception - 0x50, address(at.type));
  word(at.exception, gnu);
  word(at.exception + 0x20, address(at.names));
  word(at.exception + 0x28, address(at.text));
  typeInfo(bytes, at.type, at.names, className);
  word(at.type + 16, address(at.base));
  typeInfo(bytes, at.base, at.names + 0x40, className === message ? 'St9exception' : message);
  word(at.kindTable - 8, address(at.kind));
  word(at.kind + 8, address(at.names + 0x80));
  string(at.names + 0x80, 'N10__cxxabiv120__si_class_type_infoE');
  word(at.text - 24, 13n);
  word(at.text - 16, 13n);
  string(at.text, 'no such table');
  return bytes;
}

function typeInfo({ word, address, string }: Bytes, type: number, name: number, text: string): void {
  word(type, address(at.kindTable));
  word(type + 8, address(name));
  string(name, text);
}

/** @param known bytes of the memory that can be read. */
function found(
  { buffer }: Bytes,
  { known = size, hasRegister = true }: { readonly known?: number; readonly hasRegister?: boolean } = {},
): { readonly exception: FoundException | undefined; readonly reads: number } {
  let reads = 0;
  const image: ProcessImage = {
    machine: 'x86-64',
    pid: lwp,
    threads: [],
    mappings: [
      {
        start: BigInt(start),
        end: BigInt(start + size),
        access: { read: true, write: true, execute: false },
      },
    ],
    modules: [],
    memory: {
      read: (address, length) => {
        reads++;
        const from = Number(address - BigInt(start));
        if (from < 0 || from >= known) return new Uint8Array();
        return buffer.subarray(from, Math.min(from + length, known));
      },
    },
  };
  const registers = new Map([['fs_base', hasRegister ? BigInt(start + at.descriptor) : 0n]]);
  return { exception: thrownException(codePlaces(image), { lwp, registers }), reads };
}

const noTable = { mangledType: 'St13runtime_error', text: 'no such table' };

describe('the exception of a thread', () => {
  test('is the one that its runtime library has caught last', () => {
    expect(found(memoryOfThrow()).exception).toEqual(noTable);
  });

  test('is found without the register that leads to the thread', () => {
    expect(found(memoryOfThrow(), { hasRegister: false }).exception).toEqual(noTable);
  });

  test('is the other one for which it stands', () => {
    const bytes = memoryOfThrow();
    bytes.word(at.other, gnu | 1n);
    bytes.word(at.other - 0x50, bytes.address(at.exception + 0x20));
    bytes.word(at.block + 8, bytes.address(at.other - 0x50));
    expect(found(bytes).exception).toEqual(noTable);
  });

  test('is found by its key under libc++abi', () => {
    const bytes = memoryOfThrow();
    bytes.word(at.block + 8, 0n);
    bytes.word(at.exception, clang);
    bytes.word(at.descriptor + 0x318, bytes.address(at.other));
    bytes.word(at.other, bytes.address(at.exception - 0x60));
    expect(found(bytes).exception).toEqual(noTable);
  });

  test('is not known when two differ', () => {
    const bytes = memoryOfThrow();
    bytes.word(at.other, gnu);
    bytes.word(at.other - 0x50, bytes.address(at.type));
    bytes.word(at.otherBlock, bytes.address(at.other - 0x50));
    expect(found(bytes).exception).toBeUndefined();
  });

  test('has no text when the class may say something else, when the text has no end, or when bases are a circle', () => {
    expect(found(memoryOfThrow('7NoTable')).exception).toEqual({ mangledType: '7NoTable' });
    const endless = memoryOfThrow();
    endless.buffer.fill('a', at.text);
    endless.word(at.text - 24, 1n << 30n);
    endless.word(at.text - 16, 1n << 30n);
    expect(found(endless).exception).toEqual({ mangledType: 'St13runtime_error' });
    const circle = memoryOfThrow('7NoTable');
    circle.word(at.type + 16, circle.address(at.type));
    expect(found(circle).exception).toEqual({ mangledType: '7NoTable' });
  });

  test('is not told when its name is no name of a type', () => {
    const names = ['', '\u001b[31m', 'a b', '_Z1f', '9NoTable', '5NoTable', `5000${'x'.repeat(5000)}`];
    for (const name of names) {
      const bytes = memoryOfThrow();
      bytes.word(at.type + 8, bytes.address(at.text));
      bytes.string(at.text, name);
      expect(found(bytes).exception?.mangledType, name.slice(0, 9)).toBeUndefined();
    }
  });

  test('is well-formed or missing whatever the memory has, and little is read for it', () => {
    const offset = fc.integer({ min: 0, max: size / 8 - 1 }).map((index) => index * 8);
    const places = fc.oneof(fc.constantFrom(...Object.values(at)), offset);
    const value = fc.oneof(
      places.map((place) => BigInt(start + place)),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constantFrom(0n, 1n, 2n ** 64n - 1n, 2n ** 63n, gnu, gnu | 1n, clang, BigInt(start + size - 1)),
    );
    // What stands where something is looked for matters more than what stands anywhere.
    const near = fc
      .tuple(fc.constantFrom(...Object.values(at)), fc.integer({ min: -12, max: 12 }))
      .map(([place, words]) => (place & ~7) + words * 8);
    const change = fc.tuple(fc.oneof(near, offset), value);
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.oneof(fc.constant(size), fc.integer({ min: 0, max: size })),
        fc.constantFrom('St13runtime_error', '7NoTable', 'PKc', 'i'),
        fc.boolean(),
        (changes, known, name, hasRegister) => {
          const bytes = memoryOfThrow(name);
          for (const [place, word] of changes) bytes.word(place, word);
          const { exception, reads } = found(bytes, { known, hasRegister });
          expect(reads).toBeLessThan(60_000);
          if (exception === undefined) return;
          expect(exception.mangledType).toMatch(/^[A-Za-z0-9][\w$.]*$/);
          expect(exception.text?.length ?? 1).toBeGreaterThan(0);
          expect(exception.text?.length ?? 1).toBeLessThanOrEqual(2049);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('why std::terminate was called', () => {
  const frame = (name: string | undefined, object = '/usr/lib/libc.so.6'): StopFrame => ({
    object,
    ...(name !== undefined && { function: name }),
    found: 'unwound',
    trust: 'sure',
  });
  const library = (name?: string): StopFrame => frame(name, '/usr/lib/libstdc++.so.6.0.30');
  const own = (name?: string): StopFrame => frame(name, '/srv/app');
  const abort = [frame('raise'), frame('abort@@GLIBC_2.2.5')];

  test.each([
    [
      'uncaught',
      [...abort, library(), library('_ZSt9terminatev@@GLIBCXX_3.4'), library('__cxa_throw'), own('main')],
    ],
    ['uncaught', [...abort, library(), library(), library('__gxx_personality_v0'), own('main')]],
    ['uncaught', [...abort, own('on_terminate'), library('_ZSt9terminatev'), own('__clang_call_terminate')]],
    ['other', [...abort, library('_ZSt9terminatev'), own('_ZNSt6threadD2Ev')]],
    ['other', [...abort, library(), library('__cxa_pure_virtual'), own('main')]],
    ['unknown', [...abort, library('_ZSt9terminatev'), own()]],
    [undefined, [...abort, own('main'), library()]],
    [undefined, [...abort, own(), library('_ZSt9terminatev')].slice(0, 3)],
    [undefined, [frame('raise'), own('main')]],
    [undefined, []],
  ] as const)('%s', (reason, frames) => {
    expect(terminateReason(frames)).toBe(reason);
  });

  test('is not read off frames that may be left over', () => {
    const left: StopFrame = { ...library('_ZSt9terminatev'), trust: 'doubtful', found: 'scanned' };
    expect(terminateReason([...abort, own('main'), left])).toBeUndefined();
  });
});
