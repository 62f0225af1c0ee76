// What a CGI program gets from `vgrun cgi`: its environment, its standard input, the folder where it stands, and nothing else.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunManifest } from '../../src/model/run.ts';
import { cgiExamplePath } from '../cgi-examples.ts';
import { canRun } from '../project.ts';
import { cgi, compileObedient, printedVariables, replayed, setByValgrind } from './replayed.ts';
import { runProgram, testFolder } from './vgrun.ts';

const folder = testFolder();
const user = () => join(folder(), 'user');
const programs = () => join(folder(), 'programs');
const program = () => join(programs(), 'print-environment');

const post = [
  'curl',
  'http://localhost/print-environment?a=1',
  '-H',
  'Cookie: a=b',
  '--data-binary',
  'x=1 2',
];

describe.skipIf(!canRun('valgrind'))('a CGI program', () => {
  beforeAll(() => {
    mkdirSync(join(user(), 'home'), { recursive: true });
    compileObedient(programs());
    copyFileSync(cgiExamplePath('print-environment'), program());
    writeFileSync(join(user(), 'home', '.valgrindrc'), '--error-limit=no');
    writeFileSync(join(user(), '.valgrindrc'), '--num-callers=9');
    writeFileSync(join(programs(), '.valgrindrc'), '--no-such-option=yes');
  });

  test('has the variables that --print-env shows and no others; options of the user reach valgrind only', async () => {
    const env = {
      MARKER: '1',
      GIVEN: 'given',
      HOME: join(user(), 'home'),
      VALGRIND_OPTS: '--max-threads=77',
    };
    const words = ['--tool=none', '--env=GIVEN', '--env=OWN=x=y', '--env=WORD=ä', program()];
    const shown = await cgi(['--print-env', ...words, ...post], { cwd: user(), env });
    const { status, stdout, directory } = await replayed(['--show-answers', ...words, ...post], {
      cwd: user(),
      env,
    });
    expect(status).toBe(0);
    const printed = printedVariables(stdout);
    // What is no ASCII is shown with escapes.
    const comparable = (lines: readonly string[]) => lines.filter((line) => !/^WORD=/.test(line)).sort();
    expect(comparable(printed.filter((line) => !setByValgrind.test(line)))).toEqual(
      comparable(shown.stdout.trimEnd().split('\n')),
    );
    expect(printed).toEqual(
      expect.arrayContaining([`WORD=${Buffer.from('ä').toString('latin1')}`, 'GIVEN=given', 'OWN=x=y']),
    );
    expect(stdout.slice(stdout.indexOf('body\n'))).toBe('body\nx=1 2');
    expect(stdout).toBe(readFileSync(join(directory, 'answer-1.http'), 'latin1'));
    const inner = JSON.parse(readFileSync(join(directory, 'launch-1', 'run.json'), 'utf8')) as RunManifest;
    expect(inner.argv).toEqual(
      expect.arrayContaining([
        '--command-line-only=yes',
        '--error-limit=no',
        '--max-threads=77',
        '--num-callers=9',
      ]),
    );
    expect(inner.argv).not.toContain('--no-such-option=yes');
    expect(inner.directory).toBe(programs());
  });

  test('gets the same from the lines of --print-command in a shell', async () => {
    const words = ['--tool=none', '--env=QUOTED=it\'s "$HOME" `x`', program(), ...post];
    const { stdout: lines } = await cgi(['--print-command', ...words], { cwd: user() });
    const byHand = await runProgram('env', ['-i', `PATH=${process.env.PATH}`, 'sh'], {
      cwd: user(),
      input: lines,
    });
    const { stdout } = await replayed(['--show-answers', ...words], { cwd: user() });
    const own = (answer: string) => printedVariables(answer).filter((line) => !setByValgrind.test(line));
    expect(own(byHand.stdout)).toEqual(own(stdout));
    expect(own(stdout)).toContain('QUOTED=it\'s "$HOME" `x`');
    expect(byHand.stdout.slice(byHand.stdout.indexOf('argv'))).toBe(stdout.slice(stdout.indexOf('argv')));
  });

  test('that reads on behind its body finds the end, and stands in its own folder', async () => {
    writeFileSync(join(user(), 'body.bin'), Buffer.alloc(100_000, 7));
    const words = ['http://localhost/obedient?input', '--data-binary', '@body.bin', '-X', 'POST'];
    const inFolder = async (...options: readonly string[]) => {
      const all = [
        '--tool=none',
        '--show-answers',
        ...options,
        join(programs(), 'obedient'),
        'curl',
        ...words,
      ];
      return (await replayed(all, { cwd: user() })).stdout;
    };
    const answer = await inFolder();
    expect(answer).toContain('read 100000 of 100000, then the end\n');
    expect(answer).toContain(`stands in ${programs()}\n`);
    expect(await inFolder('--chdir=.')).toContain(`stands in ${user()}\n`);
  });

  test('stands elsewhere, and files of options are those of the user all the same', async () => {
    const suppression = '{\n   mine\n   Memcheck:Leak\n   ...\n   fun:lose_query\n   ...\n}\n';
    writeFileSync(join(user(), 'leak.supp'), suppression);
    writeFileSync(join(user(), 'other.supp'), suppression.replace('lose_query', 'lose_body'));
    const { report } = await replayed(
      [
        '--leak-check=full',
        '--suppressions=other.supp',
        '--log-file=vg.%p.log',
        cgiExamplePath('query-leak'),
        'http://localhost/query-leak?name=leak',
      ],
      { cwd: user(), env: { VALGRIND_OPTS: '--suppressions=leak.supp' } },
    );
    expect([report.outcome, report.findings.filter(({ error }) => error)]).toEqual(['clean', []]);
    const [log = ''] = readdirSync(user()).filter((name) => /^vg\.\d+\.log$/.test(name));
    expect(readFileSync(join(user(), log), 'utf8')).toContain('suppressed: 100 bytes in 1 blocks');
  });
});

describe('the environment', () => {
  const shown = async (config: unknown, ...words: readonly string[]) => {
    writeFileSync(join(user(), 'vgrun.config.json'), JSON.stringify(config));
    const all = ['--config=vgrun.config.json', '--print-env', ...words];
    const given = [program(), 'http://localhost/app?a=1'];
    const { stdout, stderr, status } = await cgi([...all, ...given], { cwd: user() });
    return { status, stderr, lines: stdout.trimEnd().split('\n') };
  };

  const servers = {
    house: {
      extends: 'nginx',
      serverName: 'house.example',
      serverPort: 8080,
      environment: { STAGE: 'test', REDIRECT_STATUS: null },
    },
    shed: { extends: 'house', serverAddress: '10.0.0.1', environment: { STAGE: 'shed' } },
  };

  test('is that of a server of the config, which may be like another one', async () => {
    const { lines } = await shown({ cgi: { servers } }, '--preset=shed');
    expect(lines).toEqual(
      expect.arrayContaining(['SERVER_NAME=house.example', 'SERVER_ADDR=10.0.0.1', 'STAGE=shed']),
    );
    expect(lines.filter((line) => line.startsWith('REDIRECT_STATUS'))).toEqual([]);
    expect(lines.find((line) => line.startsWith('SERVER_SOFTWARE'))).toContain('nginx');
  });

  test('may be chosen by the config, by a preset of it, and by what is typed', async () => {
    const config = {
      environment: { EVERYWHERE: 'yes' },
      cgi: { servers, server: 'house', scriptName: '/app' },
      presets: { mine: { environment: { MINE: '1' }, cgi: { server: 'boa' } } },
    };
    expect((await shown(config)).lines).toEqual(expect.arrayContaining(['STAGE=test', 'EVERYWHERE=yes']));
    const mine = (await shown(config, '--preset=mine')).lines;
    expect(mine).toEqual(expect.arrayContaining(['MINE=1', 'EVERYWHERE=yes', 'SCRIPT_NAME=/app']));
    expect(mine.find((line) => line.startsWith('SERVER_SOFTWARE'))).toContain('Boa');
    const both = (await shown(config, '--preset=mine', '--preset=lighttpd')).lines;
    expect(both).toContain('MINE=1');
    expect(both.find((line) => line.startsWith('SERVER_SOFTWARE'))).toContain('lighttpd');
  });

  test('has the variables of --env-file, over which --env goes', async () => {
    writeFileSync(join(user(), 'some.env'), '# a comment\nFROM_FILE=one two\nBOTH=file\n');
    const { lines } = await shown({}, '--env-file=some.env', '--env=BOTH=typed');
    expect(lines).toEqual(expect.arrayContaining(['FROM_FILE=one two', 'BOTH=typed']));
    const ofConfig = await shown({ cgi: { envFile: ['some.env'] } }, '--env=BOTH=typed');
    expect(ofConfig.lines).toEqual(expect.arrayContaining(['FROM_FILE=one two', 'BOTH=typed']));
    const missing = await shown({}, '--env-file=none.env');
    // Node up to 22 looks for this option itself, wherever it stands, and is the first to miss the file.
    expect([missing.status === 0, missing.stderr]).toEqual([false, expect.stringContaining('none.env')]);
  });

  for (const [what, wrong, said] of [
    ['an unknown setting', { port: 3 }, 'cgi.port'],
    ['a mode that there is none of', { mode: 'http' }, 'cgi.mode'],
    ['no repetition', { repeat: 0 }, '"cgi.repeat" must be at least 1'],
    ['half a job', { jobs: 1.5 }, '"cgi.jobs" must be a whole number'],
    ['a server that is a text', { servers: { x: 'nginx' } }, 'cgi.servers.x'],
    ['a server with an unknown setting', { servers: { x: { name: 'y' } } }, 'cgi.servers.x.name'],
    ['a server that is like none', { servers: { x: { extends: 'iis' } }, server: 'x' }, 'iis'],
    ['a server that is like itself', { servers: { x: { extends: 'x' } }, server: 'x' }, 'x'],
    ['a server that is not there', { server: 'iis' }, 'iis'],
  ] as const) {
    test(`is not made from a config with ${what}`, async () => {
      const { status, stderr } = await shown({ cgi: wrong });
      expect([status, stderr.includes(said), stderr.includes('defect')], stderr).toEqual([125, true, false]);
    });
  }

  test('is shown of each request, secrets and all', async () => {
    writeFileSync(join(user(), 'vgrun.config.json'), '{}');
    const words = ['--print-env', program(), 'http://localhost/a?token=SECRET', 'http://localhost/b'];
    const { stdout } = await cgi(words, { cwd: user() });
    expect(stdout.match(/^# request \d of 2$/gm)).toHaveLength(2);
    expect(stdout).toContain('QUERY_STRING=token=SECRET');
  });
});
