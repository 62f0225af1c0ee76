// Holds what vgrun answers to input that cannot work: one sentence, one hint, the status of the table, never `clean`.
import { execFileSync } from 'node:child_process';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { examplePath, examplesDirectory } from '../examples.ts';
import { canRun, cliPath } from '../project.ts';
import { newestRun, type Result, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const cwd = testFolder();
const source = join(examplesDirectory, 'lost-100.c');

/** One sentence, perhaps one hint, nothing else: no stack trace, no report, nothing that steers a terminal. */
function expectRefusal({ status, stdout, stderr }: Result, wanted: { status: number; says: string }): void {
  expect(stderr).toMatch(/^vgrun: [^\n]+\n(hint: [^\n]+\n)?$/);
  expect(stderr).toContain(wanted.says);
  expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  expect([status, stdout]).toEqual([wanted.status, '']);
}

/** Makes a program in the folder; `text` is a script, otherwise the bytes of an example are changed. */
async function program(name: string, change: string | ((bytes: Buffer) => Buffer)): Promise<string> {
  const path = join(cwd(), name);
  await writeFile(path, typeof change === 'string' ? change : change(await readFile(examplePath('clean'))));
  await chmod(path, 0o755);
  return path;
}

/** Compiles an example in another way; false when the compiler cannot. */
function compile(name: string, ...flags: readonly string[]): boolean {
  try {
    execFileSync('cc', [...flags, '-o', join(cwd(), name), source], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!canRun('valgrind'))('a program that cannot be run', () => {
  test.each([
    { name: './missing', status: 127, says: './missing is not found' },
    { name: 'no-such-program-on-path', status: 127, says: 'is in no directory of PATH' },
    { name: 'constructor', status: 127, says: 'constructor is not found' },
    { name: '.', status: 126, says: '. is a directory, not a program' },
    { name: './', status: 126, says: './ is a directory, not a program' },
    { name: '', status: 127, says: 'is not found' },
  ])('$name', async ({ name, status, says }) => {
    expectRefusal(await vgrun(['--', name], { cwd: cwd() }), { status, says });
  });

  test('one in this folder that is named without ./', async () => {
    await program('here', '#!/bin/sh\n');
    expectRefusal(await vgrun(['here'], { cwd: cwd() }), {
      status: 127,
      says: 'the file is here: write ./here',
    });
  });

  test('a file that is not executable', async () => {
    await copyFile(source, join(cwd(), 'source.c'));
    const says = './source.c is not executable\nhint: if it is a program: chmod +x ./source.c';
    expectRefusal(await vgrun(['./source.c'], { cwd: cwd() }), { status: 126, says });
  });

  test('an empty file', async () => {
    await program('empty', '');
    expectRefusal(await vgrun(['./empty'], { cwd: cwd() }), { status: 126, says: './empty is empty' });
  });

  test('a text without #!', async () => {
    await program('text', 'echo no\n');
    const says = './text is neither an ELF program nor a script with #!';
    expectRefusal(await vgrun(['./text'], { cwd: cwd() }), { status: 126, says });
  });

  test('an object file', async () => {
    expect(compile('object.o', '-c')).toBe(true);
    await chmod(join(cwd(), 'object.o'), 0o755);
    const says = './object.o is an object file, not a program\nhint: link it first';
    expectRefusal(await vgrun(['./object.o'], { cwd: cwd() }), { status: 126, says });
  });

  test('a program for another machine', async () => {
    await program('other-machine', (bytes) => {
      // e_machine of the ELF header: 8 is MIPS.
      bytes.writeUInt16LE(8, 18);
      return bytes;
    });
    const says = './other-machine is built for MIPS';
    expectRefusal(await vgrun(['./other-machine'], { cwd: cwd() }), { status: 126, says });
  });

  test('a program with AddressSanitizer in it', async ({ skip }) => {
    if (!compile('asan', '-fsanitize=address')) skip('the compiler has no AddressSanitizer');
    const says = './asan is built with AddressSanitizer, which cannot run under valgrind\nhint: ';
    expectRefusal(await vgrun(['./asan'], { cwd: cwd() }), { status: 125, says });
  });

  test('a program that may be executed but not read', async ({ skip }) => {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    if (process.getuid?.() !== 0 || !canRun('setpriv')) skip('needs root and setpriv');
    const path = await program('unreadable', (bytes) => bytes);
    await chmod(path, 0o711);
    await chmod(cwd(), 0o755);
    // Another user may be unable to enter the checkout, so the program it runs is a copy.
    await cp(join(cliPath, '..'), join(cwd(), 'vgrun'), { recursive: true });
    const words = [...nobody, process.execPath, join(cwd(), 'vgrun', 'cli.js'), './unreadable'];
    const says = './unreadable cannot be read, and valgrind must read what it runs';
    expectRefusal(await runProgram('setpriv', words, { cwd: cwd() }), { status: 126, says });
  });

  test('a damaged ELF file is refused, or valgrind refuses it: never clean', async () => {
    const damage = fc.tuple(fc.nat({ max: 63 }), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(damage, fc.nat({ max: 4096 }), async ([at, by], kept) => {
        await program('damaged', (bytes) => {
          bytes.writeUInt8(bytes.readUInt8(at) ^ by, at);
          return bytes.subarray(0, kept + 64);
        });
        const { status, stderr } = await vgrun(['./damaged'], { cwd: cwd() });
        expect([101, 125, 126]).toContain(status);
        expect(stderr).not.toContain('defect of vgrun');
      }),
      { numRuns: 8 },
    );
  });
});

describe.skipIf(!canRun('valgrind'))('a program that valgrind sees less of', () => {
  test('a static one is run, and the run is inconclusive', async ({ skip }) => {
    if (!compile('static', '-static')) skip('no static libc');
    const { report, status } = await vgrunReport(['./static'], { cwd: cwd() });
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
    expect(report.problems.map(({ code }) => code)).toContain('static-program');
  });

  test('a script is said to be one, and the programs it starts are checked', async () => {
    await program('script', `#!/bin/sh\n${examplePath('lost-100')}\n`);
    const { report, status } = await vgrunReport(['./script'], { cwd: cwd() });
    expect(report.problems.map(({ code }) => code)).toContain('script');
    expect(report.findings.filter(({ failing }) => failing).map(({ what }) => what)).toEqual([
      '100 bytes in 1 blocks are definitely lost in loss record 1 of 1',
    ]);
    expect(status).toBe(100);
  });

  test('one without debug information gives functions, and says why there are no lines', async () => {
    expect(compile('no-lines', '-g0')).toBe(true);
    const { report } = await vgrunReport(['./no-lines'], { cwd: cwd() });
    expect(report.problems.map(({ code }) => code)).toContain('no-debug-info');
    const frames = report.findings[0]?.stacks[0]?.frames ?? [];
    expect(frames.map((frame) => [frame.function, frame.line])).toContainEqual(['main', undefined]);
  });
});

describe.skipIf(!canRun('valgrind'))('words that mean nothing', () => {
  const test100 = examplePath('lost-100');
  test.each([
    { words: ['--no-such-option', test100], says: "unknown option '--no-such-option'" },
    {
      words: ['--leak-chek=full', test100],
      says: "unknown option '--leak-chek=full'\nhint: did you mean --leak-check?",
    },
    {
      words: ['--leak-check=ful', test100],
      says: "--leak-check cannot be 'ful'; it takes no, summary, yes or full\nhint: did you mean --leak-check=full?",
    },
    { words: ['--leak-check', test100], says: '--leak-check needs a value' },
    { words: ['--num-callers=many', test100], says: "--num-callers cannot be 'many'" },
    { words: ['--tool=memchek', test100], says: 'did you mean --tool=memcheck?' },
    { words: ['--timeout=soon', test100], says: '--timeout cannot be "soon"' },
    { words: ['--report=yaml=x', test100], says: 'there is no format "yaml"' },
    { words: ['--report=json=', test100], says: 'the file name is missing' },
    { words: ['--valgrind=./no-valgrind', test100], says: './no-valgrind is no valgrind that can be run' },
    { words: ['--valgrind=/bin/true', test100], says: '/bin/true is no valgrind that can be run' },
    { words: [], says: 'no program to run is given' },
    { words: ['--leak-check=full'], says: 'no program to run is given' },
    { words: ['heap', test100], says: 'to run a program of that name, write ./heap' },
    { words: ['report', '--no-such-option'], says: 'see vgrun report --help' },
    { words: ['macro', './x', '-MAX'], says: "vgrun macro ./prog -- '-MACRO(3)'" },
    { words: ['macro', '--', './-x', '--help'], says: '/-x cannot be read' },
    { words: ['macro', './x', '--', '-MAX', 'b'], says: 'macro takes one expression, and got also b' },
    { words: ['core', '--', '--no-such-core'], says: '--no-such-core' },
    { words: ['stacks', '--', '--help'], says: '"--help" is not the number of a process' },
    { words: ['report', '--report=yaml=x'], says: 'there is no format "yaml"' },
    { words: ['explain', 'NoSuchKind'], says: 'no kind is known as "NoSuchKind"' },
  ])('vgrun $words', async ({ words, says }) => {
    expectRefusal(await vgrun(words, { cwd: cwd() }), { status: 125, says });
  });

  test('an option that came after the installed valgrind is refused with the version that has it', async () => {
    await program('old-valgrind', '#!/bin/sh\necho valgrind-3.9.0\n');
    const words = ['--valgrind=./old-valgrind', '--xtree-leak=yes', test100];
    const says = 'valgrind 3.9.0 has no --xtree-leak; it came with 3.13';
    expectRefusal(await vgrun(words, { cwd: cwd() }), { status: 125, says });
  });

  test.each([
    ['./\x1b[31mred\x07'],
    ['--lea\x1b]0;title\x07k=1', './x'],
    ['--project-root\x1b', './x'],
    ['--timeout=\x1b[2J', './x'],
    ['--report=\x1b[2J', './x'],
    ['--report=json=/no/\x1b[2J/x', './x'],
    ['--valgrind=\x1b[2J', test100],
    ['--tool=\x1b[2J', './x'],
    ['--num-callers=\x1b[2J', './x'],
    ['report', 'no\x1b[2J\nrun'],
    ['report', '--\x1b[2J'],
    ['report', '--report=\x1b[2J'],
    ['explain', '\x1b[2J'],
  ])('%j: control characters are shown, not obeyed', async (...words) => {
    const result = await vgrun(words, { cwd: cwd() });
    expect([125, 127]).toContain(result.status);
    expectRefusal(result, { status: result.status, says: '' });
  });
});

describe.skipIf(!canRun('valgrind'))('a place that cannot be written', () => {
  test('a report in a missing directory is refused before the run', async () => {
    const words = ['--report=json=no/such/out.json', examplePath('clean')];
    const says = `${join(cwd(), 'no/such')} does not exist\nhint: make it: mkdir -p no/such`;
    expectRefusal(await vgrun(words, { cwd: cwd() }), { status: 125, says });
  });

  test.each(['memcheck', 'lackey'])('a picture of what %s finds is refused before the run', async (tool) => {
    const says = `svg holds profiles, and ${tool} makes none`;
    const words = [`--tool=${tool}`, '--report=svg=x.svg', examplePath('clean')];
    expectRefusal(await vgrun(words, { cwd: cwd() }), { status: 125, says });
    const flame = ['flame', `--tool=${tool}`, examplePath('clean')];
    expectRefusal(await vgrun(flame, { cwd: cwd() }), { status: 125, says });
  });

  test('a compressed file is said to be one, with how to unpack it', async () => {
    const file = join(cwd(), 'stacks.folded.gz');
    await writeFile(file, gzipSync('main;f 3\n'));
    const says = `${file} is compressed with gzip\nhint: unpack it: gzip -dc ${file} | vgrun report -`;
    expectRefusal(await vgrun(['report', file], { cwd: cwd() }), { status: 125, says });
  });

  test('a report that is a directory is refused before the run', async () => {
    await mkdir(join(cwd(), 'out'), { recursive: true });
    const words = ['--report=json=out', examplePath('clean')];
    expectRefusal(await vgrun(words, { cwd: cwd() }), { status: 125, says: 'out is a directory' });
  });

  test('a report on a full disk: said, with status 125, and the run is kept', async () => {
    const { status, stderr } = await vgrun(['--report=json=/dev/full', examplePath('clean')], { cwd: cwd() });
    expect(stderr).toContain('/dev/full could not be written: ENOSPC');
    expect(status).toBe(125);
    expect((await vgrun(['report'], { cwd: cwd() })).status).toBe(0);
  });

  test('a run that cannot be kept here is kept in a private temporary directory, and its path is said', async () => {
    const { report, stderr, status } = await vgrunReport([examplePath('lost-100')], {
      cwd: '/proc',
      reports: cwd(),
      env: { TMPDIR: cwd() },
    });
    const directory = report.run?.directory ?? '';
    expect(directory.startsWith(`${cwd()}/vgrun-`)).toBe(true);
    expect(report.problems.map(({ message }) => message)).toContain(
      `/proc/.vgrun/runs cannot be written; the run is kept in ${directory}`,
    );
    expect(stderr).toContain(`\nrun: ${directory}\n`);
    // Root's runs must take the files of children that dropped their privileges, but nobody else may list them.
    expect((await stat(directory)).mode & 0o044).toBe(0);
    expect([report.outcome, status]).toEqual(['findings', 100]);
    expect((await vgrun(['report', directory], { cwd: cwd() })).status).toBe(100);
  });

  test('neither here nor in the temporary directory: refused', async () => {
    const result = await vgrun([examplePath('clean')], { cwd: '/proc', env: { TMPDIR: '/proc' } });
    expectRefusal(result, { status: 125, says: 'no directory can be written for the run' });
  });
});

describe('what cannot be reported', () => {
  test.each([
    { name: 'a path that does not exist', make: () => {}, says: 'does not exist' },
    { name: 'a directory that is no run', make: (path: string) => mkdir(path), says: 'is no run directory' },
  ])('$name', async ({ name, make, says }) => {
    await make(join(cwd(), name));
    expectRefusal(await vgrun(['report', name], { cwd: cwd() }), { status: 125, says });
  });

  test('no run here at all', async () => {
    const empty = join(cwd(), 'no-runs');
    await mkdir(empty);
    const says = `there is no run under ${join(empty, '.vgrun/runs')}`;
    expectRefusal(await vgrun(['report'], { cwd: empty }), { status: 125, says });
  });

  test.each([
    { name: 'an empty log', text: '' },
    { name: 'a text that is no log', text: 'Dear diary,\nnothing leaked today.\n' },
    {
      name: 'an XML document of something else',
      text: '<?xml version="1.0"?>\n<html><p>0 errors</p></html>\n',
    },
    { name: 'bytes', text: '\x00\x01\xff'.repeat(1000) },
  ])('$name is inconclusive, never clean', async ({ name, text }) => {
    await writeFile(join(cwd(), name), text, 'latin1');
    const { status, stdout, stderr } = await vgrun(['report', name], { cwd: cwd() });
    expect(stdout).toContain('inconclusive');
    expect([status, stderr]).toEqual([101, '']);
  });

  test.each([
    { name: 'is cut', text: '{"version": 1, "arti', says: 'is damaged: it is not JSON' },
    { name: 'is empty', text: '', says: 'is damaged: it is not JSON' },
    { name: 'is another JSON', text: '[]', says: 'is not a manifest that this version of vgrun reads' },
    { name: 'is null', text: 'null', says: 'is not a manifest that this version of vgrun reads' },
  ])('a run.json that $name', async ({ name, text, says }) => {
    const path = join(cwd(), `run.json that ${name}`);
    await mkdir(path);
    await writeFile(join(path, 'run.json'), text);
    expectRefusal(await vgrun(['report', path], { cwd: cwd() }), { status: 125, says });
  });

  describe.skipIf(!canRun('valgrind'))('a run that was tampered with', () => {
    let run = '';
    let manifest: Record<string, unknown> = {};
    beforeAll(async () => {
      await vgrun([examplePath('lost-100')], { cwd: cwd() });
      const newest = await newestRun(cwd());
      run = newest.path;
      manifest = { ...newest.manifest };
    });

    /** A copy of the run whose manifest is changed. */
    async function tampered(name: string, change: Record<string, unknown>): Promise<string> {
      const path = join(cwd(), name);
      await cp(run, path, { recursive: true });
      await writeFile(join(path, 'run.json'), JSON.stringify({ ...manifest, ...change }));
      return path;
    }

    test('a manifest of another version is refused', async () => {
      const path = await tampered('version-2', { version: 2 });
      const says = 'is not a manifest that this version of vgrun reads';
      expectRefusal(await vgrun(['report', path], { cwd: cwd() }), { status: 125, says });
    });

    test.each(['../../../etc/passwd', '/etc/passwd', '..', '.', '', 'a/b'])(
      'an artifact named %j is refused: it would lead out of the run',
      async (name) => {
        const path = await tampered(`artifact ${encodeURIComponent(name).replaceAll('.', '_')}`, {
          artifacts: [{ name, role: 'xml', size: 1 }],
        });
        const says = 'is not a manifest that this version of vgrun reads';
        expectRefusal(await vgrun(['report', path], { cwd: cwd() }), { status: 125, says });
      },
    );

    test('a link that leads out of the run is not followed', async () => {
      const found = (await readdir(run)).filter((name) => name.endsWith('.xml'));
      await vgrun([examplePath('clean')], { cwd: cwd() });
      const { path } = await newestRun(cwd());
      expect((await vgrun(['report', path], { cwd: cwd() })).status).toBe(0);
      for (const name of found) await symlink(join(run, name), join(path, 'valgrind.1-1.xml'));
      const { status, stdout } = await vgrun(['report', path], { cwd: cwd() });
      expect([found.length, stdout.includes('lost'), status]).toEqual([1, false, 0]);
    });

    test('an artifact that is gone makes the run inconclusive', async () => {
      const path = await tampered('gone', {
        artifacts: [{ name: 'valgrind.999999-1.xml', role: 'xml', size: 10 }],
      });
      const { status, stdout } = await vgrun(['report', path], { cwd: cwd() });
      expect(stdout).toContain('valgrind.999999-1.xml is gone from the run directory');
      expect(status).toBe(101);
    });

    test('a manifest with fields of the wrong type never makes vgrun fail', async () => {
      const fields = Object.keys(manifest).filter((field) => field !== 'version');
      const path = await tampered('fuzzed', {});
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...fields), fc.jsonValue({ maxDepth: 1 }), async (field, value) => {
          await writeFile(join(path, 'run.json'), JSON.stringify({ ...manifest, [field]: value }));
          const { status, stderr } = await vgrun(['report', path], { cwd: cwd() });
          expect(stderr).not.toContain('defect of vgrun');
          expect([0, 100, 101, 125]).toContain(status);
        }),
        { numRuns: 40 },
      );
    });
  });
});

describe('a valgrind that does not do its work', () => {
  test('none is installed', async () => {
    const node = join(cwd(), 'only-node');
    await mkdir(node);
    const result = await vgrun(['/bin/true'], { cwd: cwd(), env: { PATH: node } });
    expectRefusal(result, { status: 125, says: 'valgrind is not installed\nhint: install it: apt-get' });
  });

  const half = [
    '<?xml version="1.0"?>\n<valgrindoutput>\n<protocolversion>4</protocolversion>',
    '<protocoltool>memcheck</protocoltool>\n<pid>7</pid>\n<ppid>6</ppid>\n<tool>memcheck</tool>',
    '<status><state>RUNNING</state><time>00:00:00:00.1</time></status>\n<error>\n  <unique>0x0',
  ].join('\n');

  test.each([
    { name: 'ends at once with 0', body: 'exit 0' },
    { name: 'ends at once with 1', body: 'exit 1' },
    { name: 'says that it cannot', body: 'echo "valgrind: failed to start tool" >&2; exit 1' },
    { name: 'is killed', body: 'kill -9 $$' },
    { name: 'writes an empty log', body: ': > "$xml"' },
    { name: 'writes half a document', body: `cat > "$xml" <<'END'\n${half}\nEND` },
    { name: 'writes something else', body: 'echo "all is well" > "$xml"' },
    { name: 'writes only text', body: 'echo "==1== ERROR SUMMARY: 0 errors from 0 contexts" > "$log"' },
  ])('$name: inconclusive, never clean', async ({ name, body }) => {
    const path = await program(
      `fake that ${name}`,
      `#!/bin/sh
case "$1" in --version) echo valgrind-3.19.0; exit;; esac
for word; do
  case "$word" in
    --xml-file=*) xml=$(echo "\${word#*=}" | sed s/%p/$$/);;
    --log-file=*) log=\${word#*=};;
  esac
done
${body}
`,
    );
    const { report, status } = await vgrunReport([`--valgrind=${path}`, examplePath('clean')], {
      cwd: cwd(),
    });
    expect(report.outcome).toBe('inconclusive');
    expect(report.reasons.length).toBeGreaterThan(0);
    expect(status).toBe(101);
  });

  test('the file of a run is not taken for a report of a program that never ran', async () => {
    const handle = await open(join(cwd(), 'half.xml'), 'w');
    await handle.writeFile(half);
    await handle.close();
    const { status, stdout } = await vgrun(['report', 'half.xml'], { cwd: cwd() });
    expect(stdout).toContain('inconclusive');
    expect(status).toBe(101);
  });
});
