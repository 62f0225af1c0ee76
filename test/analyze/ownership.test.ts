// Whose code a frame is in: a table of frames as they stand in logs.
import { expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import { ownerOf } from '../../src/analyze/ownership.ts';
import type { Frame, Owner } from '../../src/model/finding.ts';
import { finding, libcStart, malloc, mine, stack, whole } from './records.ts';

const root = '/home/ann/list';

const inProject: readonly (readonly [string, Frame, Owner])[] = [
  ['a source under the project root', mine('pop'), 'mine'],
  [
    'a source of mine in a shared library',
    { object: `${root}/build/liblist.so.1`, directory: `${root}/src`, file: 'a.c' },
    'mine',
  ],
  [
    'my shared library without debug information',
    { object: `${root}/build/liblist.so.1`, function: 'f' },
    'mine',
  ],
  ...([
    // As the sanitizers name them: a file, or object and offset.
    [
      "gcc's runtime",
      {
        function: '__interceptor_malloc',
        file: '../../../../src/libsanitizer/asan/asan_malloc_linux.cpp',
        line: 69,
      },
      'tool',
    ],
    [
      "clang's runtime",
      {
        function: '__asan_memcpy',
        file: '/build/llvm-14.0.6/compiler-rt/lib/asan/asan_interceptors_memintrinsics.cpp',
        line: 22,
      },
      'tool',
    ],
    [
      'the runtime in the program',
      { function: '__asan_memcpy', object: `${root}/list`, offset: '0xa1b2d' },
      'tool',
    ],
    [
      'malloc of the runtime in the program',
      { function: 'malloc', object: `${root}/list`, offset: '0xa1b2d' },
      'tool',
    ],
    [
      'new of the runtime in the program',
      { function: 'operator new(unsigned long)', object: `${root}/list`, offset: '0xd4a3d' },
      'tool',
    ],
    ...['strdup', '__strdup', 'calloc', 'getcwd', '__isoc99_sscanf', '__interceptor_realpath'].map(
      (name) =>
        [
          `${name} of the runtime in the program`,
          { function: name, object: `${root}/list`, offset: '0xa1b2d' },
          'tool',
        ] as const,
    ),
    [
      'a lock of the runtime in the program',
      { function: 'pthread_mutex_lock', object: 'list', offset: '0x6ef3a' },
      'tool',
    ],
    [
      "a function of one's own with such a name",
      { function: 'strip', object: `${root}/list`, offset: '0x6ef3a' },
      'mine',
    ],
    ["an allocator of one's own", { function: 'malloc', file: `${root}/src/pool.c`, line: 12 }, 'mine'],
    [
      "libc's abort",
      { function: 'abort', object: '/lib/x86_64-linux-gnu/libc.so.6', offset: '0x26d7f' },
      'system',
    ],
    [
      'what calls main',
      { function: '__libc_start_call_main', file: '../sysdeps/nptl/libc_start_call_main.h', line: 58 },
      'system',
    ],
    [
      'what calls that',
      { function: '__libc_start_main_impl', file: '../csu/libc-start.c', line: 389 },
      'system',
    ],
    ['the start of the program', { function: '_start', object: `${root}/list`, offset: '0x10d0' }, 'system'],
    [
      'a libc with its sources',
      {
        function: 'raise',
        file: '/build/glibc-6V9RKT/glibc-2.31/signal/../sysdeps/unix/sysv/linux/raise.c',
        line: 51,
      },
      'system',
    ],
    [
      'libstdc++ as clang finds it',
      {
        function: 'std::vector<int>::at',
        file: '/usr/bin/../lib/gcc/x86_64-linux-gnu/12/../../../../include/c++/12/bits/stl_vector.h',
        line: 9,
      },
      'system',
    ],
    [
      "Android's libc",
      { function: 'abort', object: '/apex/com.android.runtime/lib64/bionic/libc.so', offset: '0x4e8' },
      'system',
    ],
    [
      "Android's runtime",
      { function: 'malloc', object: '/system/lib64/libclang_rt.hwasan-aarch64-android.so', offset: '0x1c' },
      'tool',
    ],
    // As Visual Leak Detector and Microsoft's C runtime name them.
    ['the loader of Windows', { function: 'RtlUserThreadStart()', object: 'ntdll.dll' }, 'system'],
    [
      "Microsoft's C runtime",
      {
        function: 'malloc()',
        object: 'MSVCR100D.dll',
        file: 'f:\\dd\\vctools\\crt_bld\\self_x86\\crt\\src\\dbgheap.c',
        line: 56,
      },
      'system',
    ],
    [
      'a source on Windows',
      { function: 'main()', object: 'list.exe', file: 'c:\\dev\\list\\list.cpp', line: 7 },
      'mine',
    ],
    ['a line alone', { file: 'list.c', line: 7 }, 'mine'],
  ] as const),
  // As massif names them: without an object.
  ["libc's mmap", { function: 'mmap', file: 'mmap64.c', line: 46 }, 'system'],
  ["libc's mmap, inlined", { function: '__mmap64', file: 'mmap64.c', line: 58 }, 'system'],
  ["libc's heap growing", { function: '__sbrk', file: 'sbrk.c', line: 37 }, 'system'],
  ['the system call below it', { function: '__brk', file: 'brk.c', line: 31 }, 'system'],
  ["malloc's way to it", { function: '__glibc_morecore', file: 'morecore.c', line: 29 }, 'system'],
  ['the loader', { function: '_dl_map_segment', file: 'dl-map-segments.h', line: 29 }, 'system'],
  ['the loader at its start', { function: 'setup_vdso', file: 'setup-vdso.h', line: 93 }, 'system'],
  ['what the kernel mapped', { ip: '0x0' }, 'system'],
  ['an address of nothing known', { ip: '0x4a1b2c3' }, 'library'],
  ['the program without debug information', { object: '/home/ann/bin/tool', function: 'f' }, 'mine'],
  ['an installed program', { object: '/usr/bin/ls', function: 'main' }, 'mine'],
  [
    'a neighbour whose path begins alike',
    { object: '/home/ann/listing/libx.so', directory: '/home/ann/listing', file: 'x.c' },
    'library',
  ],
  [
    'the standard library inlined into my program',
    {
      object: `${root}/list`,
      directory: '/usr/include/c++/12/bits',
      file: 'stl_vector.h',
      function: 'std::vector<int>::operator[]',
    },
    'system',
  ],
  [
    'Boost in /usr/local inlined into my program',
    { object: `${root}/list`, directory: '/usr/local/include/boost', file: 'any.hpp' },
    'library',
  ],
  [
    'a library of the distribution',
    { object: '/usr/lib/x86_64-linux-gnu/libz.so.1.2.13', function: 'inflate' },
    'system',
  ],
  ['a library in /opt', { object: '/opt/foo/lib/libfoo.so', function: 'foo' }, 'library'],
  [
    'libc with debug symbols of Debian',
    {
      object: '/usr/lib/x86_64-linux-gnu/libc.so.6',
      directory: './malloc/./malloc',
      file: 'malloc.c',
      function: '_int_free',
    },
    'system',
  ],
  [
    'libc with debug symbols, as llvm-symbolizer names its sources',
    { directory: 'stdlib/./stdlib', file: 'abort.c', function: 'abort', line: 79 },
    'system',
  ],
  [
    'libc built by Fedora',
    {
      object: '/usr/lib64/libc.so.6',
      directory: '/usr/src/debug/glibc-2.34-60.fc36.x86_64/malloc',
      file: 'malloc.c',
    },
    'system',
  ],
  [
    'assembler of libc',
    { directory: '../sysdeps/x86_64/multiarch', file: 'strlen-avx2.S', function: '__strlen_avx2' },
    'system',
  ],
  ['the loader', { object: '/lib64/ld-linux-x86-64.so.2' }, 'system'],
  ["valgrind's malloc", malloc, 'tool'],
  [
    "valgrind's malloc in a text log with symbols",
    { function: 'malloc', file: 'vg_replace_malloc.c', line: 380 },
    'tool',
  ],
  [
    "valgrind's strlen in an old text log",
    { function: 'strlen', file: 'mc_replace_strmem.c', line: 403 },
    'tool',
  ],
  ["helgrind's pthread_create", { function: 'pthread_create_WRK', file: 'hg_intercepts.c' }, 'tool'],
  ["drd's thread wrapper", { function: 'vgDrd_thread_wrapper', file: 'drd_pthread_intercepts.c' }, 'tool'],
  ['AddressSanitizer', { object: '/usr/lib/x86_64-linux-gnu/libasan.so.8.0.0', function: 'malloc' }, 'tool'],
  ['nothing but an address', { ip: '0x4A4004A' }, 'library'],
  ['the kernel, as perf names it', { function: 'do_syscall_64', object: '[kernel.kallsyms]' }, 'system'],
  ['a module of the kernel', { function: 'ext4_read', object: '[ext4]' }, 'system'],
  [
    'a module of the kernel by its file',
    { object: '/lib/modules/6.1.0/kernel/fs/ext4/ext4.ko.xz' },
    'system',
  ],
  ['a kernel with symbols', { object: '/usr/lib/debug/boot/vmlinux-6.1.0' }, 'system'],
  ['what the kernel maps into each process', { function: 'clock_gettime', object: '[vdso]' }, 'system'],
  ['code that a runtime compiled', { function: 'Main.run', object: '/tmp/perf-123.map' }, 'mine'],
];

test.each(inProject)('%s', (_, frame, owner) => {
  expect(ownerOf(frame, { projectRoot: root })).toBe(owner);
});

// A text log of unknown origin has base names only.
const foreign: readonly (readonly [string, Frame, Owner])[] = [
  ['a source with a base name only', { function: 'main', file: 'test.c', line: 5 }, 'mine'],
  ['a program of unknown place', { function: 'main', object: '/tmp/x/test' }, 'mine'],
  ['libc_start without object', { function: '__libc_start_main', file: 'libc-start.c', line: 234 }, 'system'],
  ['below main', { function: '(below main)', file: 'libc-start.c' }, 'system'],
  ['printf of a libc with symbols', { function: 'printf', file: 'printf.c', line: 33 }, 'system'],
  ['a system call of a libc with symbols', { function: 'writev', file: 'writev.c', line: 26 }, 'system'],
  ['another spelling of it', { function: '_Exit', file: '_exit.c', line: 30 }, 'system'],
  ['my own write.c', { function: 'write_all', file: 'write.c', line: 3 }, 'mine'],
  ['my own pop.c', { function: 'pop', file: 'pop.c', line: 3 }, 'mine'],
  ['a thread start', { function: 'start_thread', file: 'pthread_create.c', line: 442 }, 'system'],
  ['clone', { function: 'clone', file: 'clone.S', line: 100 }, 'system'],
  [
    'libstdc++',
    { function: 'std::__cxx11::basic_string<char>::append(char const*)', object: '/usr/lib/libstdc++.so.6' },
    'system',
  ],
  ['a template of libstdc++', { function: 'push_back', file: 'stl_vector.h', line: 1200 }, 'system'],
  [
    'my shared library with sources',
    { function: 'f', object: '/home/bob/lib/libbob.so', directory: '/home/bob/src', file: 'b.c' },
    'mine',
  ],
];

test.each(foreign)('in a foreign log: %s', (_, frame, owner) => {
  expect(ownerOf(frame, {})).toBe(owner);
});

test('a root of / makes nothing mine', () => {
  expect(
    ownerOf({ object: '/usr/lib/libz.so.1', directory: '/usr/src/zlib', file: 'z.c' }, { projectRoot: '/' }),
  ).toBe('system');
});

test('the first frame of mine is to blame, below what it called', async () => {
  const frames = [
    malloc,
    { object: '/usr/lib/libfoo.so.1', function: 'foo' },
    mine('push', 'list.c', 20),
    mine('main'),
    libcStart,
  ];
  const { findings } = await analyze(
    whole(1, [finding(1, 'InvalidRead', { stacks: [stack('at', frames)] })]),
    {
      vgrun: '0.1.0',
      projectRoot: root,
    },
  );
  expect(findings[0]?.blamed).toEqual({ stack: 0, frame: 2 });
  expect(findings[0]?.stacks[0]?.frames[2]).toMatchObject({ path: 'src/list.c', owner: 'mine' });
});

test('when the error is in no code of mine, where the block was allocated is to blame', async () => {
  const stacks = [stack('at', [malloc, libcStart]), stack('allocated at', [malloc, mine('make')])];
  const { findings } = await analyze(whole(1, [finding(1, 'InvalidRead', { stacks })]), { vgrun: '0.1.0' });
  expect(findings[0]?.blamed).toEqual({ stack: 1, frame: 1 });
});

test('no frame of mine, no blame', async () => {
  const { findings } = await analyze(
    whole(1, [finding(1, 'InvalidRead', { stacks: [stack('at', [malloc, libcStart])] })]),
    { vgrun: '0.1.0' },
  );
  expect(findings[0]).not.toHaveProperty('blamed');
});

test('a call inlined into its caller is marked', async () => {
  const frames = [
    mine('get', 'vec.h', 3, '0x1'),
    mine('pop', 'list.c', 9, '0x1'),
    mine('main', 'main.c', 5, '0x2'),
  ];
  const { findings } = await analyze(
    whole(1, [finding(1, 'InvalidRead', { stacks: [stack('at', frames)] })]),
    { vgrun: '0.1.0' },
  );
  expect(findings[0]?.stacks[0]?.frames.map(({ inlined }) => inlined === true)).toEqual([true, false, false]);
});
