// Crashes whose cause is easily told wrong: the code that is not described, the stack that is too small, the handler that crashes.
import { describe, expect, test } from 'vitest';
import { codePlaces } from '../../../src/tools/core/code-places.ts';
import { faultOf } from '../../../src/tools/core/fault.ts';
import { glibcHeap } from '../../../src/tools/core/glibc-heap.ts';
import { interruptedFault } from '../../../src/tools/core/interrupted-fault.ts';
import { unwindThread } from '../../../src/tools/core/unwind.ts';
import { canRun } from '../../project.ts';
import { compile, coreOf, freshFolder, gdbExample } from './crashed-programs.ts';
import { imageOfCore, namesOfSymbols } from './test-image.ts';

const folder = freshFolder();
const ways = canRun('gcc')
  ? [['-O0'], ['-O1', '-fomit-frame-pointer']].map((options, index) => ({
      options: options.join(' '),
      program: compile(folder, `crash-causes-${index}`, gdbExample('crash-causes.c'), options),
    }))
  : [];

describe.each(ways)('with $options, the caller of', ({ program }) => {
  test.each([
    ['made-leaf', ['??? sure', 'made likely', 'main likely']],
    ['made-jump', ['??? sure', 'made likely', 'main likely']],
    ['made-pushed', ['??? sure', 'made likely', 'main likely']],
    ['made-room', ['??? sure', 'made likely', 'main likely']],
    ['made-frame', ['??? sure', 'made likely', 'main likely']],
    ['bare', ['bare sure', 'main likely']],
  ])('%s is found, though nothing describes that code', (how, expected) => {
    const image = imageOfCore(coreOf(program, [how]));
    const [thread] = image.threads;
    if (thread === undefined) throw new Error('no thread');
    const { frames, end } = unwindThread(codePlaces(image, namesOfSymbols), thread);
    const names = frames.map(({ function: name, trust }) => `${name ?? '???'} ${trust}`);
    expect(names.slice(0, expected.length)).toEqual(expected);
    expect(end).toBe('whole');
  });
});

describe('the fault of a program that does', () => {
  const kernelOnly = (name: string) =>
    new RegExp(`^It executed the privileged instruction ${name}: only the kernel may do that\\.$`);
  test.each([
    ['hlt', 'privileged', kernelOnly('hlt')],
    ['in', 'privileged', kernelOnly('in on a port that it may not use')],
    ['wrmsr', 'privileged', kernelOnly('wrmsr')],
    ['control', 'privileged', kernelOnly('mov from a control register')],
    ['lgdt', 'privileged', kernelOnly('lgdt')],
    ['int', 'privileged', /^It executed int \$0x42, a software interrupt that programs have not got here\.$/],
    ['unaligned', 'unaligned', /wrote 16 bytes at 0x[0-9a-f]+8, which is no multiple of 16, as this/],
    [
      'call',
      'not canonical',
      /to 0x4242424242424242 \(the text "BBBBBBBB"\), the value of r[a-d]x, which can/,
    ],
    [
      'call-memory',
      'not canonical',
      /\(the text "BBBBBBBB"\), read at 0x7f[0-9a-f]+, which can be no address/,
    ],
    ['jump', 'not canonical', /\(the text "BBBBBBBB"\), the value of r/],
    ['return', 'not canonical', /^The return address was overwritten: it returned to 0x4242424242424242 \(/],
    [
      'alloca',
      'stack guard',
      /^The stack is too small: it .* 9\d{6} bytes below the lowest address of the stack\.$/,
    ],
    [
      'thread',
      'stack guard',
      /^The stack is too small: .* \d{4,5} bytes below the lowest .*, and beyond its guard page\.$/,
    ],
    [
      'frames',
      'stack guard',
      /^The stack is too small: .* \d{5} bytes below the lowest address of the stack\.$/,
    ],
  ] as const)('%s is told as what it is', (how, pointer, text) => {
    const program = ways[0]?.program ?? '';
    const image = imageOfCore(coreOf(program, [how]));
    const code = codePlaces(image, namesOfSymbols);
    const [thread] = image.threads;
    if (thread === undefined || image.signal === undefined) throw new Error('no signal');
    const fault = faultOf(code, glibcHeap(code), thread, image.signal);
    expect(fault?.text).toMatch(text);
    expect(fault?.pointer).toBe(pointer);
  });
});

describe('a handler that crashes itself', () => {
  const first = (program: string, how: string) => {
    const image = imageOfCore(coreOf(program, [how]));
    const code = codePlaces(image, namesOfSymbols);
    const [thread] = image.threads;
    if (thread === undefined) throw new Error('no thread');
    const stack = unwindThread(code, thread);
    const found = interruptedFault(code, glibcHeap(code), thread, stack);
    return found && { ...found, function: stack.frames[found.frame]?.function };
  };

  test.each(ways)('leaves on the stack what the first fault was ($options)', ({ program }) => {
    const fault = { operation: 'write', size: 4, address: '0x10', pointer: 'near null' };
    const at = expect.stringMatching(/^(?:first_fault|main)$/);
    // Without SA_SIGINFO the kernel does not write which signal it was.
    expect(first(program, 'handler')).toMatchObject({ function: at, fault });
    expect(first(program, 'handler-info')).toMatchObject({ function: at, signal: 'SIGSEGV', fault });
    expect(first(program, 'handler-abort')).toMatchObject({ function: at, fault });
  });

  test('of a signal that somebody sent leaves nothing that is taken for a fault', () => {
    expect(first(ways[0]?.program ?? '', 'handler-sent')).toBeUndefined();
    expect(first(ways[0]?.program ?? '', 'hlt')).toBeUndefined();
  });
});
