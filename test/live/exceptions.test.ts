// What is said of C++ programs that end by std::terminate: the exception's type and text, and nothing of one where there was none.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Stop, ThrownException } from '../../src/model/stop.ts';
import { describeCore } from '../../src/run/core/describe-core.ts';
import { openCore } from '../../src/run/core/open-core.ts';
import { canRun, projectRoot } from '../project.ts';
import { coreOf } from '../tools/core/crashed-programs.ts';
import { testFolder, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);

function build(name: string, ...options: readonly string[]): void {
  const source = join(projectRoot, 'examples-c/gdb/exceptions.cc');
  execFileSync('g++', ['-w', '-pthread', '-Wl,--build-id', ...options, '-o', place(name), source]);
}

async function stopIn(program: string, how: string): Promise<Stop> {
  const opened = await openCore(coreOf(place(program), [how]), { search: [], debuginfod: false });
  try {
    return await describeCore(opened, { disassembles: false, named: new Set() });
  } finally {
    opened.close();
  }
}

const text = 'std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >';
const exceptions: Readonly<Record<string, ThrownException>> = {
  thrown: { type: 'std::runtime_error', text: 'no such table' },
  own: { type: 'store::NoTable', text: 'a text of more than sixteen bytes\nin two lines' },
  'second-base': { type: 'SecondBase', text: 'in the second base' },
  literal: { type: 'char const*', text: 'a literal' },
  string: { type: text, text: 'a string' },
  stream: { type: 'std::__ios_failure', text: 'basic_ios::clear: iostream error' },
  noexcept: { type: 'std::runtime_error', text: 'out of a noexcept' },
  thread: { type: 'std::out_of_range', text: 'in a thread' },
  rethrown: { type: 'std::runtime_error', text: 'first' },
  twice: { type: 'std::logic_error', text: 'second' },
  pointer: { type: 'std::runtime_error', text: 'first' },
  handled: { type: 'std::runtime_error', text: 'first', isHandled: true },
  'own-what': { type: 'OwnWhat' },
  number: { type: 'int' },
};
const without = ['joinable', 'pure', 'abort'];

describe.skipIf(!canRun('gdb'))('a C++ program that ends by std::terminate', () => {
  beforeAll(() => {
    build('exceptions', '-g', '-O0');
    build('static', '-O0', '-static');
    execFileSync('strip', ['-o', place('stripped'), place('exceptions')]);
  });

  test('is told with the type of the exception, and its text where that is certain', async () => {
    for (const [how, exception] of Object.entries(exceptions)) {
      expect((await stopIn('exceptions', how)).exception, how).toEqual(exception);
    }
  });

  test('has no exception when none was thrown, and abort() in a handler is not that of an exception', async () => {
    for (const how of without) {
      const stop = await stopIn('exceptions', how);
      expect(stop.signal?.name, how).toBe('SIGABRT');
      expect(stop.exception, how).toBeUndefined();
    }
  });

  test('says the same when it is stripped, and when it has its libraries in itself', async () => {
    for (const program of ['stripped', 'static']) {
      for (const how of ['own', 'second-base', 'noexcept', 'thread', 'own-what']) {
        expect((await stopIn(program, how)).exception, `${program} ${how}`).toEqual(exceptions[how]);
      }
      expect((await stopIn(program, 'joinable')).exception, program).toBeUndefined();
    }
  });

  test('has the exception as the first sentence of its finding, of a core and under gdb', async () => {
    const cwd = folder();
    const sentence =
      "SIGABRT: terminate called after throwing an instance of 'store::NoTable': a text of more than sixteen bytes in two lines";
    const core = await vgrunReport(['--no-locals', coreOf(place('exceptions'), ['own'])], {
      cwd,
      command: 'core',
    });
    expect(core.report.findings[0]).toMatchObject({
      what: sentence,
      meaning: 'The program threw an exception that nobody caught.',
    });
    // Under gdb the first 16 MiB of the heap are kept.
    const live = await vgrunReport(['./exceptions', 'late'], { cwd, command: 'gdb' });
    expect(live.report.findings[0]?.what).toMatch(
      /^SIGABRT: terminate called .* 'std::runtime_error': late$/,
    );
    expect(live.report.stops?.[0]?.exception).toEqual({ type: 'std::runtime_error', text: 'late' });
    const thread = await vgrunReport(['./exceptions', 'thread'], { cwd, command: 'gdb' });
    expect(thread.report.stops?.[0]?.exception).toEqual(exceptions.thread);
  });

  test.skipIf(!canRun('valgrind'))(
    'is told under memcheck too, whose core has no register that leads to the thread',
    async () => {
      const { report } = await vgrunReport(['--on-crash=gdb', './exceptions', 'thrown'], { cwd: folder() });
      expect(report.stops?.[0]?.exception).toEqual(exceptions.thrown);
    },
  );
});
