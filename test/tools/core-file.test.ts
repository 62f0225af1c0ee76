// What a core file says of a process, and what is said of one that is cut, lies, or is none.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { type CoreFile, readCoreFile } from '../../src/tools/core/core-file.ts';
import { makeElf, makeFiles, makeNote, makeStatus, readerOf } from './core-bytes.ts';

const [load, note] = [1, 4];
const [x86, i386, aarch64] = [62, 3, 183];

function read(bytes: Uint8Array): CoreFile {
  const { size, readAt } = readerOf(bytes);
  return readCoreFile('core', size, readAt);
}

function refusalOf(bytes: Uint8Array): string {
  try {
    read(bytes);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'none';
}

/** NT_PRPSINFO of x86-64 and AArch64. */
function informationOf(pid: number, ppid: number, name: string, words: string): Buffer {
  const bytes = Buffer.alloc(136);
  bytes.writeUInt32LE(1000, 16);
  bytes.writeUInt32LE(pid, 24);
  bytes.writeUInt32LE(ppid, 28);
  bytes.write(name, 40, 16);
  bytes.write(words, 56, 80);
  return makeNote(3, bytes);
}

function signalInformationOf(number: number, code: number, union: Buffer): Buffer {
  const bytes = Buffer.alloc(128);
  bytes.writeInt32LE(number, 0);
  bytes.writeInt32LE(code, 8);
  union.copy(bytes, 16);
  return makeNote(0x53494749, bytes);
}

const address = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};

/** The header of a program as the kernel leaves it in a core: code at 0x1000, a build-id. */
const firstPage = makeElf({
  bits: 64,
  machine: x86,
  type: 3,
  segments: [
    { type: load, flags: 4, address: 0n, fileOffset: 0n, fileSize: 0x1000n },
    { type: load, flags: 5, address: 0x1000n, fileOffset: 0x1000n, fileSize: 0x1000n },
    { type: load, flags: 6, address: 0x3000n, fileOffset: 0x2000n, fileSize: 0x800n, memorySize: 0x1800n },
    {
      type: note,
      address: 0x120n,
      fileOffset: 0x120n,
      bytes: makeNote(3, Buffer.from('c0ffee', 'hex'), 'GNU'),
    },
  ],
});

const base = 0x5500_0000_0000n;
const rip = 16;

/** The top of a stack as the kernel makes it: argc, words, variables, AT_ENTRY and AT_RANDOM, random bytes, texts. */
const stackStart = 0x7ff0_0000_0000n;
const stack = Buffer.alloc(0x1000, 0xab);
const auxiliary = [9n, base + 0x1000n, 25n, stackStart + 0xa00n, 0n, 0n];
const texts = stackStart + 0xb00n;
for (const [index, word] of [2n, texts, texts + 9n, 0n, texts + 13n, 0n, ...auxiliary].entries()) {
  stack.writeBigUInt64LE(word, 0x800 + 8 * index);
}
stack.write('./worker\0a b\0HOME=/root\0', 0xb00);
const auxiliaryNote = Buffer.alloc(48);
for (const [index, value] of auxiliary.entries()) auxiliaryNote.writeBigUInt64LE(value, 8 * index);

const notes = [
  makeStatus(7, 11, { [rip]: base + 0x1010n, 19: 0x7ff0_0000_0100n }),
  informationOf(7, 1, 'worker', './worker -x one '),
  signalInformationOf(11, 1, address(0x10n)),
  makeNote(6, auxiliaryNote),
  makeFiles([
    { start: base, end: base + 0x1000n, page: 0n, path: '/opt/worker' },
    { start: base + 0x1000n, end: base + 0x2000n, page: 1n, path: '/opt/worker' },
    { start: base + 0x3000n, end: base + 0x4000n, page: 2n, path: '/opt/worker' },
    { start: 0x7000_0000n, end: 0x7000_1000n, page: 0n, path: '/usr/lib/locale/names' },
  ]),
  makeStatus(8, 11, { [rip]: base + 0x1020n }),
];

const pageOf = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(0x1000 - bytes.length)]);

const core = makeElf({
  bits: 64,
  machine: x86,
  segments: [
    { type: note, bytes: Buffer.concat(notes) },
    { type: load, flags: 4, address: base, bytes: pageOf(firstPage) },
    { type: load, flags: 5, address: base + 0x1000n, memorySize: 0x1000n },
    { type: load, flags: 6, address: base + 0x3000n, bytes: Buffer.alloc(0x1000, 1) },
    { type: load, flags: 4, address: 0x7000_0000n, memorySize: 0x1000n },
    { type: load, flags: 6, address: stackStart, bytes: stack },
  ],
});

describe('a core file tells', () => {
  const { image, facts, problems, program } = read(core);

  test('the process, its words and its signal', () => {
    expect(facts).toMatchObject({
      pid: 7,
      ppid: 1,
      uid: 1000,
      name: 'worker',
      commandLine: './worker -x one',
      words: ['./worker', 'a b'],
      signal: { number: 11, name: 'SIGSEGV', code: 1, codeName: 'SEGV_MAPERR', address: '0x10' },
      isCrash: true,
      isWhole: true,
      missingBytes: 0,
      writer: 'kernel',
    });
    expect(problems).toEqual([]);
  });

  test('its threads, the one with the signal first, which alone has it', () => {
    expect(image.threads.map(({ lwp, signal }) => [lwp, signal?.name])).toEqual([
      [7, 'SIGSEGV'],
      [8, undefined],
    ]);
    expect(image.threads[0]?.registers.get('rip')).toBe(base + 0x1010n);
    expect(image.threads[0]?.registers.get('rsp')).toBe(0x7ff0_0000_0100n);
  });

  test('its modules, with the build-id out of the memory, and no file that is only data', () => {
    expect(image.modules).toEqual([
      { path: '/opt/worker', start: base, end: base + 0x5000n, bias: base, buildId: 'c0ffee' },
    ]);
    expect(program).toEqual(image.modules[0]);
  });

  test('the memory that it has, and none that it leaves out', () => {
    expect(image.memory.read(0x7ff0_0000_0ff0n, 100)).toEqual(Buffer.alloc(16, 0xab));
    expect(image.memory.read(base, 4)).toEqual(Buffer.from('\x7fELF'));
    expect(image.memory.read(base + 0x1000n, 4)).toHaveLength(0);
    expect(image.memory.read(0n, 4)).toHaveLength(0);
  });

  test('its mappings with file and access', () => {
    expect(image.mappings.map(({ start, path, access }) => [start, path, access?.execute])).toEqual([
      [0x7000_0000n, '/usr/lib/locale/names', false],
      [base, '/opt/worker', false],
      [base + 0x1000n, '/opt/worker', true],
      [base + 0x3000n, '/opt/worker', false],
      [0x7ff0_0000_0000n, undefined, false],
    ]);
  });
});

test('a core of vgrun itself names its threads, and a name that is cut or endless does no harm', () => {
  const named = (lwp: number, name: string): Buffer => {
    const bytes = Buffer.alloc(4 + Buffer.byteLength(name));
    bytes.writeUInt32LE(lwp);
    bytes.write(name, 4);
    return makeNote(1, bytes, 'vgrun');
  };
  const ofThreads = [named(8, 'pool-1'), named(9, 'x'.repeat(5000)), makeNote(1, Buffer.alloc(3), 'vgrun')];
  const { image, facts } = read(
    makeElf({
      bits: 64,
      machine: x86,
      segments: [
        { type: note, bytes: Buffer.concat([...notes, makeStatus(9, 0, {}), named(8, ''), ...ofThreads]) },
      ],
    }),
  );
  expect(image.threads.map(({ lwp, name }) => [lwp, name])).toEqual([
    [7, 'worker'],
    [8, 'pool-1'],
    [9, 'x'.repeat(64)],
  ]);
  expect(facts.isWhole).toBe(true);
});

test('a sender is told when there is one, not of a fault', () => {
  const sender = Buffer.alloc(8);
  sender.writeUInt32LE(42, 0);
  sender.writeUInt32LE(1000, 4);
  const { facts } = read(
    makeElf({
      bits: 64,
      machine: x86,
      segments: [
        { type: note, bytes: Buffer.concat([makeStatus(7, 6, {}), signalInformationOf(6, -6, sender)]) },
      ],
    }),
  );
  expect(facts.signal).toEqual({
    number: 6,
    name: 'SIGABRT',
    code: -6,
    codeName: 'SI_TKILL',
    sender: { pid: 42, uid: 1000 },
  });
});

test('the general protection fault of x86 has no address', () => {
  const { facts } = read(
    makeElf({
      bits: 64,
      machine: x86,
      segments: [
        {
          type: note,
          bytes: Buffer.concat([makeStatus(7, 11, {}), signalInformationOf(11, 128, address(0n))]),
        },
      ],
    }),
  );
  expect(facts.signal).toEqual({ number: 11, name: 'SIGSEGV', code: 128, codeName: 'SI_KERNEL' });
});

test('registers of i386 and AArch64 have their names', () => {
  const status = Buffer.alloc(144);
  status.writeUInt32LE(5, 24);
  status.writeUInt32LE(0x8048123, 72 + 4 * 12);
  status.writeUInt32LE(0xbf000000, 72 + 4 * 15);
  const small = read(
    makeElf({ bits: 32, machine: i386, segments: [{ type: note, bytes: makeNote(1, status) }] }),
  );
  expect(small.image.machine).toBe('i386');
  expect(small.image.threads[0]?.lwp).toBe(5);
  expect(small.image.threads[0]?.registers.get('eip')).toBe(0x8048123n);
  expect(small.image.threads[0]?.registers.get('esp')).toBe(0xbf000000n);

  const arm = Buffer.alloc(392);
  arm.writeUInt32LE(6, 32);
  arm.writeBigUInt64LE(0x400123n, 112 + 8 * 32);
  arm.writeBigUInt64LE(0x77n, 112 + 8 * 30);
  const other = read(
    makeElf({ bits: 64, machine: aarch64, segments: [{ type: note, bytes: makeNote(1, arm) }] }),
  );
  expect(other.image.machine).toBe('aarch64');
  expect(other.image.threads[0]?.registers.get('pc')).toBe(0x400123n);
  expect(other.image.threads[0]?.registers.get('x30')).toBe(0x77n);
});

test('more segments than fit into the header are counted by the first section', () => {
  const { image } = read(
    makeElf({
      bits: 64,
      machine: x86,
      usesManySegments: true,
      segments: [
        { type: note, bytes: makeStatus(7, 11, {}) },
        { type: load, address: 0x1000n, bytes: Buffer.from('abcd') },
      ],
    }),
  );
  expect(image.memory.read(0x1000n, 4).toString()).toBe('abcd');
});

describe('refused with a reason is', () => {
  test.each([
    ['an empty file', Buffer.alloc(0), 'core is empty'],
    ['a script', Buffer.from('#!/bin/sh\n'), 'core is a script, not a core file'],
    ['a packed core', Buffer.from('28b52ffd00000000', 'hex'), 'core is packed'],
    ['a text', Buffer.from('hello, world\n'.repeat(9)), 'core is not a core file'],
    ['a program', firstPage, 'core is a program or a library, not a core file'],
    [
      'an object file',
      makeElf({ bits: 64, machine: x86, type: 1, segments: [] }),
      'core is an ELF file, but not a core file',
    ],
    [
      'another machine',
      makeElf({ bits: 64, machine: 243, segments: [] }),
      'core is a core file of another machine (RISC-V, 64 bits)',
    ],
    [
      'x32',
      makeElf({ bits: 32, machine: x86, segments: [] }),
      'core is a core file of another machine (x86-64, 32 bits)',
    ],
    ['half a header', core.subarray(0, 40), 'core is not a core file'],
  ])('%s', (_, bytes, message) => {
    expect(refusalOf(bytes)).toBe(message);
  });

  test('a core of a big-endian machine', () => {
    const bytes = Buffer.from(core);
    bytes[5] = 2;
    bytes.writeUInt16BE(4, 16);
    expect(refusalOf(bytes)).toBe('core is a core file of a big-endian machine');
  });
});

describe('a damaged core', () => {
  test('cut at any place is said to be cut, and what is left is read', () => {
    for (let size = 64; size < core.length; size += 61) {
      const { facts, problems, image } = read(core.subarray(0, size));
      expect(facts.isWhole, `cut at ${size}`).toBe(false);
      expect(problems.some(({ level }) => level === 'incomplete')).toBe(true);
      expect(image.threads.length).toBeLessThanOrEqual(2);
    }
    const { facts, problems } = read(core.subarray(0, core.length - 1000));
    expect(facts.missingBytes).toBe(1000);
    expect(problems[0]?.message).toContain('1000 of');
  });

  test('with sizes that no file has is said to be damaged', () => {
    const liar = makeElf({
      bits: 64,
      machine: x86,
      segments: [
        { type: note, bytes: makeStatus(7, 11, {}) },
        {
          type: load,
          address: 0x1000n,
          fileSize: 0xffff_ffff_ffff_fff0n,
          memorySize: 0xffff_ffff_ffff_fff0n,
        },
        { type: load, address: 0xffff_ffff_ffff_f000n, bytes: Buffer.alloc(16), memorySize: 0xffff_ffffn },
      ],
    });
    const { facts, problems, image } = read(liar);
    expect(facts.isWhole).toBe(false);
    expect(problems.map(({ code }) => code)).toContain('damaged-core');
    expect(image.memory.read(0xffff_ffff_ffff_f000n, 16)).toHaveLength(0);
  });

  test('whose NT_FILE promises more than it has keeps what is there', () => {
    const files = makeFiles([{ start: base, end: base + 4096n, page: 0n, path: '/opt/a' }], 1n << 60n);
    const { problems } = read(
      makeElf({
        bits: 64,
        machine: x86,
        segments: [{ type: note, bytes: Buffer.concat([makeStatus(7, 11, {}), files]) }],
      }),
    );
    expect(problems.map(({ code }) => code)).toContain('damaged-core');
  });

  test.each([
    ['size of the description', 4],
    ['size of the name', 0],
  ])('does not pass for one of fewer threads where the %s of a note lies', (_, field) => {
    const other = makeNote(2, Buffer.alloc(16));
    const notes = [makeStatus(7, 11, {}), other, makeStatus(8, 11, {})];
    const made = () =>
      read(makeElf({ bits: 64, machine: x86, segments: [{ type: note, bytes: Buffer.concat(notes) }] }));
    expect(made().problems).toEqual([]);
    other.writeUInt32LE(0xffff_ffff, field);
    expect(made().image.threads).toHaveLength(1);
    expect(made().problems).toMatchObject([{ code: 'damaged-core', level: 'incomplete' }]);
    expect(made().facts.isWhole).toBe(false);
  });

  test('without notes has no thread, and says so', () => {
    const { problems } = read(makeElf({ bits: 64, machine: x86, segments: [] }));
    expect(problems.map(({ code }) => code)).toEqual(['no-threads']);
  });

  test('of any bytes behind a true header is read without an error, and only so much of it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(core.length - 65), fc.uint8Array({ minLength: 1, maxLength: 8 })), {
          maxLength: 12,
        }),
        fc.nat(core.length),
        (changes, cut) => {
          const bytes = Buffer.from(core);
          for (const [at, change] of changes) bytes.set(change.subarray(0, bytes.length - 64 - at), 64 + at);
          const file = readerOf(bytes.subarray(0, Math.max(64, cut)));
          const { image } = readCoreFile('core', file.size, file.readAt);
          for (const { start, end } of image.mappings) {
            expect(start < end).toBe(true);
            expect(image.memory.read(start, 64).length).toBeLessThanOrEqual(64);
          }
          expect(file.readBytes()).toBeLessThan(4_000_000);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of a mutated header is refused or read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 4, max: 600 }), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (changes) => {
          const bytes = Buffer.from(core);
          for (const [at, value] of changes) bytes[at] = value;
          expect(typeof refusalOf(bytes)).toBe('string');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of random bytes is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(refusalOf(bytes)).not.toBe('none');
      }),
    );
  });
});

test('only headers and notes of a large core are read', () => {
  const size = 2 * 1024 ** 3;
  const large = makeElf({
    bits: 64,
    machine: x86,
    segments: [
      { type: note, bytes: Buffer.concat(notes) },
      { type: load, address: 0x1000_0000n, fileSize: BigInt(size), memorySize: BigInt(size) },
    ],
  });
  const { readAt, readBytes } = readerOf(large);
  const { facts } = readCoreFile('core', size + large.length, readAt);
  expect(facts.isWhole).toBe(true);
  expect(readBytes()).toBeLessThan(20_000);
});
