// Holds the documented example of the library, run as it stands, and what its functions promise.
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { examplePath } from '../examples.ts';
import { canRun, projectRoot } from '../project.ts';
import { runProgram, testFolder } from './vgrun.ts';

const cwd = testFolder();

beforeAll(async () => {
  await mkdir(join(cwd(), 'node_modules'));
  await symlink(projectRoot, join(cwd(), 'node_modules', 'vgrun'));
  await copyFile(examplePath('lost-100'), join(cwd(), 'lost-100'));
});

/** Runs a module beside the compiled example. */
async function runModule(name: string, text: string) {
  await writeFile(join(cwd(), name), text);
  return runProgram(process.execPath, [name], { cwd: cwd() });
}

/** Runs statements that end with `answer(value)`, with all of the library at hand. */
async function ask(statements: string): Promise<unknown> {
  const text = `import { analyze, ExitStatus, parse, render, run, UserError } from 'vgrun';
    import { writeFileSync } from 'node:fs';
    const answer = (value) => writeFileSync('answer.json', JSON.stringify(value));
    ${statements}`;
  const { stderr, status } = await runModule('ask.mjs', text);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(await readFile(join(cwd(), 'answer.json'), 'utf8'));
}

/** What `run` rejects with. */
function refusal(words: readonly string[], options = '{}'): Promise<unknown> {
  return ask(
    `await run(${JSON.stringify(words)}, ${options}).catch((error) =>
      answer([error instanceof UserError, error.message, error.status, typeof error.hint]));`,
  );
}

describe.skipIf(!canRun('valgrind'))('the library', () => {
  test('the example of docs/library.md does what it says', async () => {
    const page = await readFile(join(projectRoot, 'docs/library.md'), 'utf8');
    const [, example = ''] = /```js\n(.*?)```/s.exec(page) ?? [];
    const { status, stdout, stderr } = await runModule('example.mjs', example);
    expect([status, stderr]).toEqual([0, '']);
    const [own, answer, finding, ...json] = stdout.split('\n');
    expect(own).toBe('---------------- test end --------------');
    expect(answer).toBe("{ how: 'exited', code: 0 } findings 100");
    expect(finding).toBe('100 bytes in 1 blocks are definitely lost in loss record 1 of 1');
    const report = JSON.parse(json.join('\n')) as Report;
    expect([report.version, report.outcome, report.findings.length]).toEqual([1, 'findings', 1]);
  });

  test('run tells when the program runs, and where it is kept', async () => {
    const told = await ask(
      `const heard = [];
       const { directory, manifest } = await run(['./lost-100'], { onStart: () => heard.push('started') });
       answer([heard, directory.endsWith(manifest.id), manifest.alive, manifest.artifacts.length]);`,
    );
    expect(told).toEqual([['started'], true, [], 1]);
  });

  test('another working directory is that of the program and of the run', async () => {
    await mkdir(join(cwd(), 'elsewhere'));
    const told = await ask(
      `const { directory, manifest } = await run(['../lost-100'], { workingDirectory: 'elsewhere' });
       answer([directory.startsWith(process.cwd() + '/elsewhere/.vgrun/runs/'), manifest.directory]);`,
    );
    expect(told).toEqual([true, join(cwd(), 'elsewhere')]);
  });

  test('two runs at once', async () => {
    const told = await ask(
      `const reports = await Promise.all(['7', '8'].map(async (code) => {
         const { directory } = await run(['--', '/bin/sh', '-c', 'exit ' + code]);
         return analyze(await parse(directory));
       }));
       answer(reports.map(({ status }) => status));`,
    );
    expect(told).toEqual([7, 8]);
  });

  test('records can be read one by one', async () => {
    const told = await ask(
      `const { directory } = await run(['--leak-check=full', './lost-100']);
       const kinds = [];
       for await (const record of (await parse(directory)).records) kinds.push(record.type);
       answer(kinds);`,
    );
    expect(told).toEqual(expect.arrayContaining(['process', 'finding', 'process-end']));
  });

  test('what a user can mend is a UserError with the status of the command line', async () => {
    expect(await refusal(['./missing'])).toEqual([true, './missing is not found', 127, 'string']);
    expect(await refusal(['--leak-chek=full', './lost-100'])).toEqual([
      true,
      "unknown option '--leak-chek=full'",
      125,
      'string',
    ]);
    expect(await refusal(['--version'])).toEqual([true, '--help and --version run nothing', 125, 'string']);
    const formats = await ask(
      `const report = await analyze(await parse('ask.mjs'));
       let refused;
       try { for await (const piece of render(report, 'yaml')); } catch (error) { refused = error; }
       answer([report.outcome, refused instanceof UserError, refused.status === ExitStatus.cannot]);`,
    );
    expect(formats).toEqual(['inconclusive', true, true]);
  });
});
