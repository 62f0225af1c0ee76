// `vgrun core`: what it says of cores that are whole, cut, of stripped programs and of others, and of what is no core.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { analyze, parse, readCore } from '../../src/index.ts';
import type { Report, ReportStopFrame } from '../../src/model/report.ts';
import { canRun, cliPath, projectRoot } from '../project.ts';
import { runPage } from './page.ts';
import { runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const place = (...names: readonly string[]): string => join(folder(), ...names);

function build(source: string, ...words: readonly string[]): void {
  const file = join(projectRoot, 'examples-c/gdb', `${source}.c`);
  execFileSync('cc', ['-w', '-pthread', '-Wl,--build-id', file, ...words], { cwd: folder() });
}

/** Runs a program in a folder of its own; the kernel's core, or, where its pattern leads elsewhere, one that gdb makes. */
function crash(name: string, ...command: readonly string[]): string {
  const where = place(`${name}.cores`);
  mkdirSync(where);
  spawnSync('prlimit', ['--core=unlimited', ...command], { cwd: where, stdio: 'ignore', timeout: 30_000 });
  const kernels = readdirSync(where).find((file) => /^core(\.\d+)?$/.test(file));
  if (kernels === undefined) {
    const orders = ['-ex', 'run', '-ex', `generate-core-file ${join(where, 'core')}`];
    spawnSync('gdb', ['-nx', '-batch', ...orders, '--args', ...command], { cwd: where, timeout: 60_000 });
  }
  return join(where, kernels ?? 'core');
}

async function core(
  ...words: readonly string[]
): Promise<{ report: Report; status: number; stderr: string }> {
  return vgrunReport(words, { cwd: folder(), command: 'core' });
}

function framesOf({ stops }: Report): readonly ReportStopFrame[] {
  return stops?.[0]?.threads[0]?.frames ?? [];
}

/** `app+0x1176`, which is the same place in the program and in its stripped twin. */
const placeOf = ({ object = '', offset }: ReportStopFrame): string => `${object.split('/').at(-1)}+${offset}`;

describe.skipIf(!canRun('gdb'))('vgrun core', () => {
  let nullWrite = '';
  beforeAll(() => {
    build('null-write', '-g', '-O0', '-o', 'null-write');
    nullWrite = crash('null-write', place('null-write'));
  });

  test('says where, why and with which values, without being told the program', async () => {
    const { report, status, stderr } = await core(nullWrite);
    expect(status).toBe(100);
    expect(report.outcome).toBe('findings');
    expect(report.findings[0]?.rule).toBe('core/SIGSEGV');
    const [stop] = report.stops ?? [];
    expect(stop?.signal).toMatchObject({ name: 'SIGSEGV', codeName: 'SEGV_MAPERR', address: '0x8' });
    expect(stop?.fault).toMatchObject({ operation: 'write', size: 4, pointer: 'near null' });
    const [first, second] = framesOf(report);
    expect(first).toMatchObject({ function: 'set_length', line: 9, found: 'innermost', trust: 'sure' });
    expect(first?.variables).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'text', value: '0x0', isArgument: true })]),
    );
    expect(second).toMatchObject({ function: 'main', found: 'unwound', trust: 'sure' });
    expect(stop?.modules?.find(({ path }) => path === place('null-write'))?.file?.matches).toBe('yes');
    expect(stderr).toContain('vgrun: SIGSEGV in set_length() ← main()');
  });

  test('is what the library reads too', async () => {
    const directory = await readCore(nullWrite, { workingDirectory: folder(), locals: false });
    const { findings, status } = await analyze(await parse(directory));
    expect(findings.map(({ rule }) => rule)).toEqual(['core/SIGSEGV']);
    expect(status).toBe(100);
    await expect(readCore(place('null-write'))).rejects.toMatchObject({ status: 125 });
  });

  test('has the message with which the C library called abort(), as a run under gdb has it', async () => {
    build('assertion', '-g', '-O0', '-o', 'assertion');
    const said = expect.stringMatching(/^glibc said: .*withdraw: Assertion `amount <= balance' failed\.$/);
    const { report } = await core(crash('assertion', place('assertion')));
    expect(report.stops?.[0]).toMatchObject({ signal: { name: 'SIGABRT' }, what: said });
    expect(report.findings[0]?.details).toContainEqual(said);
    const live = await vgrunReport(['./assertion'], { cwd: folder(), command: 'gdb' });
    expect(live.report.stops?.[0]).toMatchObject({ signal: { name: 'SIGABRT' }, what: said });
  });

  test('of a stripped program and library has the same frames as of their unstripped twins', async () => {
    build('stripped-lib', '-g', '-O1', '-fPIC', '-shared', '-o', 'libstripped.so');
    build('stripped-app', '-g', '-O1', '-o', 'app', '-L.', '-lstripped', '-Wl,-rpath,$ORIGIN');
    const found = crash('app', place('app'));
    const whole = framesOf((await core(found)).report);
    const names = ['digit_at', 'number_in', 'parse_record', 'read_all', 'main'];
    expect(whole.slice(0, 5).map((frame) => frame.function)).toEqual(names);
    mkdirSync(place('symbols'));
    for (const file of ['app', 'libstripped.so']) {
      copyFileSync(place(file), place('symbols', `${file}.debug`));
      execFileSync('strip', [place(file)]);
    }
    const { report } = await core(found);
    const frames = framesOf(report).slice(0, 5);
    expect(frames.map(placeOf)).toEqual(whole.slice(0, 5).map(placeOf));
    expect(frames.map((frame) => frame.function)).toEqual([
      undefined,
      undefined,
      'parse_record',
      undefined,
      undefined,
    ]);
    expect(frames[2]?.named).toBe('exported symbol');
    expect(frames.map(({ trust }) => trust)).toEqual(Array(5).fill('sure'));
    const named = framesOf((await core(`--search=${place('symbols')}`, found)).report);
    expect(named.slice(0, 5).map((frame) => frame.function)).toEqual(names);
    for (const file of ['app', 'libstripped.so']) renameSync(place(file), place(`${file}.gone`));
    const { report: missing } = await core('--no-locals', found);
    expect(placeOf(framesOf(missing)[0] as ReportStopFrame)).toBe(placeOf(whole[0] as ReportStopFrame));
    expect(missing.stops?.[0]?.modules?.find(({ path }) => path.endsWith('/app'))?.file).toBeUndefined();
  });

  test('finds the callers of a function whose return address was overwritten, and says that it is not sure', async () => {
    build('smashed-return', '-g', '-O0', '-fno-stack-protector', '-o', 'smashed');
    for (const how of ['far', 'near', 'zero']) {
      const { report } = await core('--no-locals', crash(`smashed-${how}`, place('smashed'), how));
      const told = framesOf(report).filter(({ trust }) => trust !== 'doubtful');
      const names = told.map((frame) => frame.function).filter((name) => name !== undefined);
      expect(names.slice(0, 3), how).toEqual(['fill', 'handle', 'main']);
      expect(told.find((frame) => frame.function === 'handle')).toMatchObject({ trust: 'likely' });
      expect(told.find((frame) => frame.function === 'handle')?.doubt).toBeDefined();
    }
  });

  test('of a process that did not crash shows the state, and no error', async () => {
    const program = place('null-write');
    const orders = ['-ex', 'break main', '-ex', 'run', '-ex', `generate-core-file ${place('gcore')}`];
    spawnSync('gdb', ['-nx', '-batch', ...orders, program], { cwd: folder(), timeout: 60_000 });
    const { report, status } = await core(place('gcore'), program);
    expect(framesOf(report)[0]?.function).toBe('main');
    expect(report.findings).toEqual([]);
    expect(report.stops?.[0]?.cause).toBe('core');
    expect(status).toBe(0);
  });

  test('says that a program is another one, that a core is cut or lies, and answers as far as it can', async () => {
    build('abort', '-g', '-O0', '-o', 'another');
    const wrong = await core(nullWrite, place('another'));
    expect(wrong.status).toBe(101);
    expect(wrong.report.outcome).toBe('inconclusive');
    expect(wrong.report.reasons.join(' ')).toContain('is not the program that the core is of');
    const bytes = readFileSync(nullWrite);
    writeFileSync(place('cut'), bytes.subarray(0, 40_000));
    const cut = await core(place('cut'));
    expect(cut.status).toBe(101);
    expect(cut.report.reasons.join(' ')).toMatch(/cut is cut: \d+ of \d+ bytes are missing/);
    expect(framesOf(cut.report)[0]?.function).toBe('set_length');
    // Nothing but headers: no thread, and no sentence about where one stands.
    writeFileSync(place('headers'), bytes.subarray(0, 100));
    const headers = await vgrun(['core', place('headers')], { cwd: folder() });
    expect({ status: headers.status, stderr: headers.stderr }).toEqual({ status: 101, stderr: '' });
    // elf(5): p_filesz of the second segment, 32 bytes into its header.
    bytes.writeBigUInt64LE(0xffff_ffff_ffff_fff0n, 64 + 56 + 32);
    writeFileSync(place('lying'), bytes);
    expect((await core(place('lying'))).report.outcome).toBe('inconclusive');
  });

  test('says in one sentence that the program is not here, or another build, and how to give it', async () => {
    build('null-write', '-g', '-O0', '-o', 'moved');
    const found = crash('moved', place('moved'));
    mkdirSync(place('kept'));
    renameSync(place('moved'), place('kept', 'moved'));
    const missing = async (...words: readonly string[]) => {
      const { report, status } = await core('--no-locals', ...words);
      return {
        status,
        sentences: report.problems.filter(({ code }) => code.startsWith('missing')),
        name: framesOf(report)[0]?.function,
        depth: framesOf(report).length,
        end: report.stops?.[0]?.threads[0]?.end,
      };
    };
    const away = await missing(found);
    expect(away.status).toBe(100);
    expect(away.name).toBeUndefined();
    expect(away.sentences).toMatchObject([
      {
        code: 'missing-program',
        level: 'warning',
        message: expect.stringMatching(
          `^the program, ${place('moved')} \\(build-id [0-9a-f]{40}\\), is not here; names and lines`,
        ),
        hint: expect.stringMatching(
          /vgrun core CORE PROGRAM, or --sysroot=DIR, --search=DIR, or --debuginfod$/,
        ),
      },
    ]);
    build('stack-overflow', '-o', 'moved');
    const { sentences } = await missing(found);
    expect(sentences.map(({ message }) => message)).toEqual([
      expect.stringContaining(
        `${place('moved')} is another build than the program of the core: its build-id`,
      ),
    ]);
    // Without the program its stack is neither shorter, nor followed beyond the program's entry.
    const { depth, end } = away;
    expect(await missing(found, place('kept', 'moved'))).toEqual({
      status: 100,
      sentences: [],
      name: 'set_length',
      depth,
      end,
    });
  });

  test.each([
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path]), /is a FIFO/],
    ['a folder', (path: string) => mkdirSync(path), /is a folder/],
    ['an empty file', (path: string) => writeFileSync(path, ''), /is empty|is not a core file/],
    ['a text', (path: string) => writeFileSync(path, 'core of an apple\n'.repeat(100)), /is not a core file/],
    ['a program', (path: string) => copyFileSync(place('null-write'), path), /a program or a library/],
    ['nothing', () => {}, /does not exist/],
  ])('%s is no core file: one sentence, one hint', async (name, make, said) => {
    const path = place(`hostile-${name.replace(/\W/g, '-')}`);
    make(path);
    const { status, stderr } = await vgrun(['core', path], { cwd: folder() });
    expect(status).toBe(125);
    expect(stderr).toMatch(said);
    expect(stderr).toMatch(/^vgrun: .*\nhint: .*\n$/);
  });
});

/** Without root's right to read everything (capabilities(7)): for root too, a file of mode 0 is then one that cannot be read. */
function vgrunWithoutOverride(words: readonly string[]) {
  if (process.getuid?.() !== 0) return vgrun(words, { cwd: folder() });
  const lowered = ['--bounding-set=-dac_override,-dac_read_search', process.execPath, cliPath];
  return runProgram('setpriv', [...lowered, ...words], { cwd: folder() });
}

describe.skipIf(!canRun('gdb') || !canRun('cc') || (process.getuid?.() === 0 && !canRun('setpriv')))(
  'without permission',
  () => {
    let program = '';
    let found = '';
    const closed: string[] = [];
    beforeAll(() => {
      build('null-write', '-g', '-O0', '-o', 'unreadable');
      program = place('unreadable');
      found = crash('unreadable', program);
      mkdirSync(place('locked'));
      copyFileSync(found, place('locked', 'core'));
      copyFileSync(found, place('closed-core'));
      closed.push(program, place('locked'), place('closed-core'));
      for (const path of closed) chmodSync(path, 0);
    });
    // A folder that cannot be entered cannot be removed.
    afterAll(() => {
      for (const path of closed) chmodSync(path, 0o700);
    });

    test.each([
      ['the core', () => [place('closed-core')]],
      ['its folder', () => [place('locked', 'core')]],
      ['the given program', () => [found, program]],
    ])('to read %s: one sentence, one hint', async (_, words) => {
      const { status, stderr } = await vgrunWithoutOverride(['core', ...words()]);
      expect(stderr).toMatch(
        /^vgrun: \S+ cannot be read: no permission\nhint: run vgrun as a user who may .*\n$/,
      );
      expect(status).toBe(125);
    });

    test('to read the program that the core names: the answer goes without it, and says so', async () => {
      const report = place('without-program.json');
      const words = ['core', '--no-locals', `--report=json=${report}`, found];
      const { status } = await vgrunWithoutOverride(words);
      expect(status).toBe(100);
      expect(JSON.parse(readFileSync(report, 'utf8')).problems).toContainEqual(
        expect.objectContaining({ code: 'unreadable-program', level: 'warning' }),
      );
    });
  },
);

describe.skipIf(!canRun('gdb'))('docs/core.md', () => {
  const page = testFolder();
  test('each command', { timeout: 300_000 }, async () => {
    await cp(join(projectRoot, 'examples-c/gdb'), page(), { recursive: true });
    await runPage('core.md', page());
  });
});
