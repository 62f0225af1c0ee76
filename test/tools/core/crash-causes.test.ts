// Crashes whose cause is easily told wrong: the code that is not described, the stack that is too small, the handler that crashes.
import { describe, expect, test } from 'vitest';
import { codePlaces } from '../../../src/tools/core/code-places.ts';
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
