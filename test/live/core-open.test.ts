// Opens cores that the kernel, gdb and valgrind wrote of real programs, finds their files, and says when one is another.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { demangleNames } from '../../src/run/core/demangled-names.ts';
import { findLines } from '../../src/run/core/lines.ts';
import { type OpenCoreOptions, type OpenedCore, openCore } from '../../src/run/core/open-core.ts';
import { examplesDirectory } from '../examples.ts';
import { canRun } from '../project.ts';
import { testFolder } from './vgrun.ts';

const plain: OpenCoreOptions = { search: [], debuginfod: false };
const ipName = process.arch === 'arm64' ? 'pc' : 'rip';

const folder = testFolder();
const at = (...names: readonly string[]): string => join(folder(), ...names);

/** Where thread `number` of the core stands. */
function placeOf(core: OpenedCore, number = 0) {
  const address = core.image.threads[number]?.registers.get(ipName) ?? 0n;
  const module = core.image.modules.findIndex(({ start, end }) => start <= address && address < end);
  const { bias = 0n, path = '' } = core.image.modules[module] ?? {};
  const linked = address - bias;
  return { module, path, address: linked, function: core.functions(module)?.at(linked) };
}

/** Runs a program that crashes, with the limit for cores lifted, and gives its core: the kernel's, else one that gdb makes. */
function crash(directory: string, program: string, words: readonly string[] = []): string {
  mkdirSync(directory, { recursive: true });
  spawnSync('prlimit', ['--core=unlimited', program, ...words], { cwd: directory, timeout: 30_000 });
  const found = readdirSync(directory).find((name) => /^core(\.\d+)?$/.test(name));
  if (found !== undefined) return join(directory, found);
  const core = join(directory, 'core.gdb');
  const commands = ['run', `generate-core-file ${core}`].flatMap((command) => ['-ex', command]);
  const start = ['-nx', '-batch', '-iex', 'set debuginfod enabled off'];
  spawnSync('gdb', [...start, ...commands, '--args', program, ...words], { cwd: directory, timeout: 60_000 });
  return core;
}

function compile(name: string, ...words: readonly string[]): string {
  const program = at(name);
  const source = join(examplesDirectory, 'gdb', 'core-threads.c');
  execFileSync('cc', ['-g', '-O0', '-pthread', '-Wl,--build-id', ...words, '-o', program, source]);
  return program;
}

async function withCore<Result>(
  path: string,
  options: Partial<OpenCoreOptions>,
  look: (core: OpenedCore) => Result | Promise<Result>,
): Promise<Result> {
  const core = await openCore(path, { ...plain, ...options });
  try {
    return await look(core);
  } finally {
    core.close();
  }
}

const codesOf = ({ problems }: OpenedCore): readonly string[] => problems.map(({ code }) => code);

describe.runIf(canRun('cc') && canRun('gdb') && canRun('prlimit'))('the core of a crash', () => {
  let core = '';
  let program = '';
  beforeAll(() => {
    program = compile('threads');
    core = crash(at('crash'), program, ['one', 'two words']);
  });

  test('tells signal, threads, modules, and the line of the crash', async () => {
    await withCore(core, {}, async (opened) => {
      expect(opened.facts.signal).toMatchObject({ name: 'SIGSEGV', codeName: 'SEGV_MAPERR', address: '0x0' });
      expect(opened.facts).toMatchObject({ name: 'threads', isCrash: true, isWhole: true });
      expect(opened.facts.words).toEqual([program, 'one', 'two words']);
      expect(codesOf(opened)).toEqual([]);
      expect(opened.image.threads).toHaveLength(3);
      expect(opened.exe).toMatchObject({ pathInCore: program, path: program, matches: 'yes' });
      const place = placeOf(opened);
      expect(place.function).toMatchObject({ name: 'store', source: 'symbol table', isInside: true });
      const lines = await findLines(opened, [place]);
      const line = readFileSync(join(examplesDirectory, 'gdb', 'core-threads.c'), 'utf8')
        .split('\n')
        .findIndex((text) => text.endsWith('<- SIGSEGV'));
      expect(lines.at(place)?.[0]).toMatchObject({ function: 'store', line: line + 1 });
      // Code is not in the core: it is read from the file.
      expect(opened.image.memory.read(opened.image.threads[0]?.registers.get(ipName) ?? 0n, 4)).toHaveLength(
        4,
      );
    });
  });

  test('has the modules, build-ids and addresses that eu-unstrip reads', async () => {
    const { stdout, error } = spawnSync('eu-unstrip', ['-n', `--core=${core}`], { encoding: 'utf8' });
    if (error !== undefined) return;
    // 0x55cf0a6f1000+0x5000 29f56a02402c217af07adf09340a39f16dc001a5@0x55cf0a6f1384 /tmp/threads - threads
    const theirs = stdout
      .trim()
      .split('\n')
      .map((line) => /^(0x[\da-f]+)\+\S+ ([\da-f]+)@/.exec(line))
      .map((match) => [match?.[1], match?.[2]]);
    await withCore(core, {}, ({ modules }) => {
      const ours = modules.map(({ start, buildId }) => [start, buildId]);
      expect(ours.sort()).toEqual(theirs.sort());
    });
  });

  test('has the registers of all threads that gdb reads', async () => {
    const { stdout } = spawnSync(
      'gdb',
      [
        '-nx',
        '-batch',
        '-iex',
        'set debuginfod enabled off',
        '-ex',
        'thread apply all -q p/x $sp',
        program,
        core,
      ],
      { encoding: 'utf8' },
    );
    const theirs = [...stdout.matchAll(/= (0x[\da-f]+)/g)].map(([, value = '']) => BigInt(value)).sort();
    await withCore(core, {}, ({ image }) => {
      const ours = image.threads.map(({ registers }) => registers.get(ipName === 'pc' ? 'sp' : 'rsp'));
      expect(ours.sort()).toEqual(theirs);
    });
  });

  test('is named from the file that is given when that lies elsewhere', async () => {
    const moved = at('elsewhere', 'renamed');
    mkdirSync(at('elsewhere'));
    renameSync(program, moved);
    try {
      await withCore(core, {}, (opened) => {
        expect(opened.exe).toMatchObject({ pathInCore: program, matches: 'unknown' });
        expect(opened.exe.path).toBeUndefined();
        expect(placeOf(opened).path).toBe(program);
      });
      await withCore(core, { exe: moved }, (opened) => {
        expect(opened.exe).toMatchObject({ path: moved, given: moved, matches: 'yes' });
        expect(placeOf(opened).function?.name).toBe('store');
      });
      // By build-id in a folder that is searched, whatever its name is.
      await withCore(core, { search: [at('elsewhere')] }, (opened) => {
        expect(opened.exe).toMatchObject({ path: moved, matches: 'yes' });
      });
      mkdirSync(at('root', folder()), { recursive: true });
      copyFileSync(moved, join(at('root'), program));
      await withCore(core, { sysroot: at('root') }, (opened) => {
        expect(opened.exe.path).toBe(join(at('root'), program));
        // What is not under that folder is not found on this machine either.
        expect(opened.modules.filter(({ file }) => file !== undefined)).toHaveLength(1);
      });
    } finally {
      renameSync(moved, program);
    }
  });

  test('does not take another build for the program, and says so', async () => {
    const other = compile('other', '-DOTHER', '-O1');
    await withCore(core, { exe: other }, (opened) => {
      expect(opened.exe).toMatchObject({ given: other, matches: 'no', path: program });
      expect(opened.exe.buildId).not.toBe(opened.exe.givenBuildId);
      expect(codesOf(opened)).toEqual(['other-program']);
      expect(placeOf(opened).function?.name).toBe('store');
    });
  });

  test('does not take a program that was built anew at the same path', async () => {
    const kept = at('kept');
    renameSync(program, kept);
    compile('threads', '-O1');
    try {
      await withCore(core, {}, (opened) => {
        expect(opened.exe.path).toBeUndefined();
        expect(placeOf(opened).function?.name).not.toBe('store');
      });
    } finally {
      renameSync(kept, program);
    }
  });

  test('of a program without a build-id takes its stripped twin, and no other build that has the same headers', async () => {
    const source = at('plain.c');
    const build = (name: string): string => {
      writeFileSync(
        source,
        `int ${name}(int *place) { return *place; }\nint main(void) { return ${name}(0); }\n`,
      );
      execFileSync('cc', ['-g', '-O0', '-rdynamic', '-Wl,--build-id=none', '-o', at('plain'), source]);
      return at('plain');
    };
    const program = build('touch_it');
    const found = crash(at('plain-core'), program);
    execFileSync('strip', [program]);
    await withCore(found, {}, (opened) => {
      expect(opened.exe).toMatchObject({ path: program, matches: 'unknown' });
      expect(placeOf(opened).function?.name).toBe('touch_it');
    });
    build('spoil_it');
    await withCore(found, {}, (opened) => {
      expect(opened.exe.path).toBeUndefined();
      expect(placeOf(opened).function?.name).not.toBe('spoil_it');
      expect(opened.missing.map(({ message }) => message)).toEqual([
        expect.stringMatching(/plain is another build than .* or the bytes behind them, are others/),
      ]);
    });
  });

  test('of a stripped program has names by its debug twin', async () => {
    const directory = at('stripped');
    mkdirSync(directory);
    const stripped = join(directory, 'threads');
    copyFileSync(program, stripped);
    execFileSync('objcopy', ['--only-keep-debug', stripped, `${stripped}.debug`]);
    execFileSync('strip', [stripped]);
    await withCore(core, { exe: stripped }, (opened) => {
      expect(opened.exe).toMatchObject({ path: stripped, matches: 'yes' });
    });
    execFileSync('objcopy', [`--add-gnu-debuglink=${stripped}.debug`, stripped]);
    const check = (options: Partial<OpenCoreOptions>) =>
      withCore(core, { exe: stripped, ...options }, async (opened) => {
        const place = placeOf(opened);
        expect(place.function?.name).toBe('store');
        expect((await findLines(opened, [place])).at(place)?.[0]?.function).toBe('store');
        const own = opened.modules.find(({ path }) => path === program);
        expect(own?.file).toEqual({ path: stripped, matches: 'yes', symbols: 'debug information' });
      });
    // Beside it, in `.debug`, by build-id in a folder that is searched.
    await check({});
    mkdirSync(join(directory, '.debug'));
    renameSync(`${stripped}.debug`, join(directory, '.debug', 'threads.debug'));
    await check({});
    const id = await withCore(core, {}, ({ exe }) => exe.buildId ?? '');
    mkdirSync(at('ids', '.build-id', id.slice(0, 2)), { recursive: true });
    const byId = at('ids', '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`);
    renameSync(join(directory, '.debug', 'threads.debug'), byId);
    await check({ search: [at('ids')] });
    // Without it only what is exported has a name.
    await withCore(core, { exe: stripped }, (opened) => {
      expect(placeOf(opened).function?.isInside ?? false).toBe(false);
    });
    // A twin of another build beside it has a wrong build-id.
    execFileSync('objcopy', ['--only-keep-debug', compile('other', '-O1'), join(directory, 'threads.debug')]);
    await withCore(core, { exe: stripped }, (opened) => {
      expect(placeOf(opened).function?.isInside ?? false).toBe(false);
    });
  });

  test('is asked of a debuginfod server only when that is allowed', async () => {
    const fake = at('bin');
    mkdirSync(fake);
    const log = at('asked');
    const answer = `#!/bin/sh\necho "$1" >> '${log}'\n[ "$1" = executable ] && echo '${at('kept-for-server')}'\n`;
    writeFileSync(join(fake, 'debuginfod-find'), answer, { mode: 0o755 });
    renameSync(program, at('kept-for-server'));
    const { PATH, DEBUGINFOD_URLS } = process.env;
    process.env.PATH = `${fake}:${PATH}`;
    process.env.DEBUGINFOD_URLS = 'http://127.0.0.1:1';
    // The folder of the core is searched by build-id: there must be nothing in it.
    try {
      await withCore(core, {}, ({ exe }) => expect(exe.path).toBeUndefined());
      expect(readdirSync(folder())).not.toContain('asked');
      await withCore(core, { debuginfod: true }, ({ exe }) => {
        expect(exe).toMatchObject({ path: at('kept-for-server'), matches: 'yes' });
      });
      process.env.DEBUGINFOD_URLS = '';
      await withCore(core, { debuginfod: true }, (opened) => {
        expect(codesOf(opened)).toEqual(['no-debuginfod']);
      });
    } finally {
      process.env.PATH = PATH;
      if (DEBUGINFOD_URLS === undefined) delete process.env.DEBUGINFOD_URLS;
      else process.env.DEBUGINFOD_URLS = DEBUGINFOD_URLS;
      renameSync(at('kept-for-server'), program);
    }
  });

  test('of a static program at a fixed address is named too', async () => {
    const fixed = compile('fixed', '-static', '-no-pie');
    await withCore(crash(at('crash-fixed'), fixed), {}, (opened) => {
      const place = placeOf(opened);
      expect(place).toMatchObject({ path: fixed, function: { name: 'store', isInside: true } });
      expect(opened.image.modules[place.module]?.bias).toBe(0n);
    });
  });

  test('that is cut anywhere is read as far as it goes, and said to be cut', async () => {
    const cut = at('cut');
    const whole = readFileSync(core);
    for (const size of [whole.length - 4096, whole.length >> 1, 20_000, 9000, 3000, 1000, 200]) {
      writeFileSync(cut, whole.subarray(0, size));
      await withCore(cut, { exe: program }, (opened) => {
        expect(opened.facts.isWhole, `cut at ${size}`).toBe(false);
        expect(codesOf(opened).some((code) => code === 'cut-core')).toBe(true);
      });
    }
  });
});

describe('what is no core file is refused at once, with a reason:', () => {
  const refusalOf = (path: string, options: Partial<OpenCoreOptions> = {}): Promise<string> =>
    openCore(path, { ...plain, ...options }).then(
      () => 'opened',
      (error: unknown) => (error instanceof UserError ? error.message : `thrown: ${error}`),
    );

  test('a FIFO, a folder, a device, a missing file, a text, a program', async () => {
    const fifo = at('fifo');
    execFileSync('mkfifo', [fifo]);
    expect(await refusalOf(fifo)).toBe(`${fifo} is a FIFO, not a file that can be read`);
    expect(await refusalOf(folder())).toContain('is a folder');
    expect(await refusalOf('/dev/zero')).toContain('is no regular file');
    expect(await refusalOf(at('missing'))).toContain('does not exist');
    writeFileSync(at('text'), 'hello');
    expect(await refusalOf(at('text'))).toContain('is not a core file');
    expect(await refusalOf(process.execPath)).toContain('is a program or a library');
    const loop = at('loop');
    symlinkSync(loop, loop);
    expect(await refusalOf(loop)).toContain('cannot be read');
  });
});

describe.runIf(canRun('cc') && canRun('gdb'))('a core of gcore', () => {
  test('of a process that lives on has no signal, and the code of the file', async () => {
    const program = compile('living');
    // Ends by itself before the test does, should something fail.
    const source = 'int main(void) { sleep(20); return 0; }';
    execFileSync('cc', ['-g', '-w', '-x', 'c', '-o', program, '-'], { input: source });
    const core = at('living.core');
    const commands = ['break sleep', 'run', `generate-core-file ${core}`, 'kill'].flatMap((command) => [
      '-ex',
      command,
    ]);
    const start = ['-nx', '-batch', '-iex', 'set debuginfod enabled off'];
    spawnSync('gdb', [...start, ...commands, program], { timeout: 60_000 });
    await withCore(core, {}, (opened) => {
      expect(opened.facts).toMatchObject({ writer: 'gdb', name: 'living', isWhole: true });
      expect(opened.exe).toMatchObject({ path: program, matches: 'yes' });
      expect(placeOf(opened).function?.name).toMatch(/sleep/);
      const address = opened.image.threads[0]?.registers.get(ipName) ?? 0n;
      expect(opened.image.memory.read(address, 4)).toHaveLength(4);
      const mapping = opened.image.mappings.find(({ start, end }) => start <= address && address < end);
      expect(mapping?.access?.execute).toBe(true);
    });
  });
});

describe.runIf(canRun('cc') && canRun('valgrind'))('a core of valgrind', () => {
  test('tells the thread that failed, and the modules by the list of the dynamic linker', async () => {
    const program = compile('under-valgrind');
    const log = at('vg.log');
    spawnSync('prlimit', ['--core=unlimited', 'valgrind', '-q', `--log-file=${log}`, program], {
      cwd: folder(),
      timeout: 60_000,
    });
    const name = readdirSync(folder()).find((file) => file.startsWith('vg.log.core.')) ?? 'no core';
    await withCore(at(name), { exe: program }, (opened) => {
      expect(opened.facts).toMatchObject({
        writer: 'valgrind',
        isThreadGuessed: false,
        signal: { name: 'SIGSEGV', codeName: 'SEGV_MAPERR' },
      });
      expect(opened.image.threads).toHaveLength(3);
      expect(placeOf(opened).function?.name).toBe('store');
      expect(opened.exe).toMatchObject({ pathInCore: program, path: program, matches: 'yes' });
      const paths = opened.image.modules.map(({ path }) => path);
      expect(paths.some((path) => /\/libc\.so/.test(path))).toBe(true);
      expect(paths.some((path) => path.includes('vgpreload_memcheck'))).toBe(true);
    });
    // Its memory has the code, the exported names and the frames too: they are read without any file.
    rmSync(program);
    const bare = at('bare');
    mkdirSync(bare);
    renameSync(at(name), join(bare, 'core'));
    await withCore(join(bare, 'core'), { sysroot: bare }, (opened) => {
      const libc = opened.image.modules.findIndex(({ path }) => /\/libc\.so/.test(path));
      const address = opened.functions(libc)?.addressOf('abort');
      expect(address).toBeDefined();
      expect(opened.functions(libc)?.at(address ?? 0n)).toMatchObject({ name: 'abort', isInside: true });
      expect(opened.image.modules[libc]?.object?.section('.eh_frame')?.bytes.length).toBeGreaterThan(1000);
      expect(opened.modules[libc]?.file).toBeUndefined();
    });
  });
});

test.runIf(canRun('c++filt'))('names of C++ are demangled together; what is none stays out', async () => {
  const names = await demangleNames(['_ZN3foo3barEi', 'main', '_ZNbroken', '_ZN3foo3barEi@plt', 'x\n_Z1fv']);
  expect([...names]).toEqual([
    ['_ZN3foo3barEi', 'foo::bar(int)'],
    ['_ZN3foo3barEi@plt', 'foo::bar(int)@plt'],
  ]);
});

test('a core that is cut while it is open gives no more bytes, and no error', async () => {
  const path = at('shrinking');
  writeFileSync(path, Buffer.alloc(300_000, 7));
  const { openFile } = await import('../../src/run/core/file-reader.ts');
  const file = openFile(path);
  expect(file.readAt(0, 10)).toHaveLength(10);
  truncateSync(path, 1000);
  expect(file.readAt(200_000, 10)).toHaveLength(0);
  expect(file.readAt(0, 200_000)).toHaveLength(1000);
  file.close();
  expect(file.readAt(0, 10)).toHaveLength(0);
});
