// Completion in the shells themselves: a real bash, zsh and fish at a pseudo-terminal, where Tab is pressed.
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { candidatesFor, subCommandWords } from '../../src/commands/completion-candidates.ts';
import { canRun, cliPath } from '../project.ts';
import { until, vgrun } from './vgrun.ts';

let folder: string;

/** Names that would make the file `pwned` if any of them were run. */
const hostile = [
  '$(touch pwned)',
  '`touch pwned`',
  ';touch pwned;',
  "x'$(touch pwned)'",
  'a\n$(touch pwned)',
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-completion-'));
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/vgrun'), `#!/bin/sh\nexec ${process.execPath} ${cliPath} "$@"\n`);
  await chmod(join(folder, 'bin/vgrun'), 0o755);
  const work = join(folder, 'work');
  await mkdir(join(work, '.vgrun/runs/20260101-000000-000-abcdef'), { recursive: true });
  for (const name of hostile) {
    await mkdir(join(work, '.vgrun/runs', name));
    await writeFile(join(work, `hostile-${name}`), '');
  }
  await writeFile(join(work, 'lonely file.txt'), '');
  const presets = Object.fromEntries(['nightly', ...hostile].map((name) => [name, {}]));
  await writeFile(join(work, 'vgrun.config.json'), JSON.stringify({ presets }));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A row may take this long, in milliseconds; what it waits for ends earlier, to show the screen. */
const rowTimeout = 30_000;
const rowPatience = 27_000;

interface Shell {
  readonly words: readonly string[];
  readonly setup: string;
  /** What the terminal gets when a prompt can be typed at: keys that come earlier may be lost. */
  readonly prompt: string;
}

/** Said by bash and zsh when a line is edited. */
const bracketedPaste = '\x1b[?2004h';

const shells: Readonly<Record<string, Shell>> = {
  bash: {
    words: ['--norc', '--noprofile', '-i'],
    setup:
      "bind 'set page-completions off'; bind 'set completion-query-items 0'; source <(vgrun completion bash)",
    prompt: bracketedPaste,
  },
  zsh: {
    words: ['-f', '-i'],
    // zsh completes nothing while keys wait, so it has to say when it has completed.
    setup:
      'bindkey -e; autoload -Uz compinit; compinit -u -D; setopt no_beep no_list_beep; LISTMAX=10000; source <(vgrun completion zsh); tab() { zle expand-or-complete; zle -M tab-pressed }; zle -N tab; bindkey "^I" tab',
    prompt: bracketedPaste,
  },
  fish: {
    words: ['--no-config', '-i'],
    // Without its config fish 3.6 turns on no bracketed paste. What it suggests from history would be taken by Ctrl-E.
    setup:
      'set -g fish_autosuggestion_enabled 0; function fish_prompt; printf "at-"prompt"> "; end; vgrun completion fish | source',
    prompt: 'at-prompt> ',
  },
};

/** What both `vgrun` and the shells see of the test's folder. */
function environment(): Readonly<Record<string, string>> {
  return {
    ...process.env,
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    PS1: '$ ',
    TERM: 'xterm',
    HOME: folder,
    HISTFILE: '/dev/null',
  } as Record<string, string>;
}

describe.each(Object.entries(shells))('in %s', (shell, { words, setup, prompt }) => {
  describe.skipIf(!canRun(shell))('Tab', { timeout: rowTimeout }, () => {
    let terminal: IPty | undefined;
    let screen: string;
    let deadline: number;
    let ended: boolean;

    /** Starts the shell, unless the row before left it at its prompt; part of each row, whose time holds for it too. */
    async function open(): Promise<void> {
      deadline = Date.now() + rowPatience;
      if (terminal !== undefined && !ended) return;
      screen = '';
      ended = false;
      const opened = spawn(shell, [...words], {
        cols: 200,
        rows: 40,
        cwd: join(folder, 'work'),
        env: environment(),
      });
      terminal = opened;
      // The shell of the row before may still have something to say.
      opened.onData((text) => {
        if (terminal === opened) screen += text;
      });
      opened.onExit(() => {
        if (terminal === opened) ended = true;
      });
      opened.write(`${setup}; echo shell-"re"ady\r`);
      await sees('shell-ready');
    }

    function close(): void {
      terminal?.kill('SIGKILL');
      terminal = undefined;
    }

    // After a failure nobody knows where the shell stands: the next row begins with a new one.
    afterEach(({ task }) => {
      if (task.result?.state === 'fail') close();
    });
    afterAll(close);

    function type(keys: string): void {
      if (terminal === undefined) throw new Error('there is no terminal');
      terminal.write(keys);
    }

    async function sees(text: string, after = prompt): Promise<void> {
      try {
        await until(
          `the terminal to show ${text}`,
          () => {
            if (ended) throw new Error(`${shell} has ended`);
            const at = screen.indexOf(text);
            return at !== -1 && screen.includes(after, at + text.length);
          },
          deadline - Date.now(),
        );
      } catch (error) {
        throw new Error(`${(error as Error).message}\n--- the screen ---\n${screen}`);
      }
      screen = '';
    }

    /** In bash and fish what is typed while the shell completes is taken after it. */
    async function pressTab(text: string): Promise<void> {
      type(`${text}\t`);
      if (shell === 'zsh') await sees('tab-pressed', '');
    }

    /** Presses Tab after the text, goes on with `more`, and lets the shell print the words that it then has. */
    async function completes(text: string, expected: readonly string[], more = ''): Promise<void> {
      await pressTab(text);
      type(`${more}\x01printf '<%s>' \x05; echo en"d"\r`);
      await sees(`${['vgrun', ...expected].map((word) => `<${word}>`).join('')}end`);
    }

    test.each([
      ['vgrun --track-o', ['--track-origins=yes'], 'yes'],
      ['vgrun --tool=hel', ['--tool=helgrind'], ''],
      ['vgrun --tool=helgrind --history-l', ['--tool=helgrind', '--history-level='], ''],
      ['vgrun --leak-check=su', ['--leak-check=summary'], ''],
      ['vgrun --report=js', ['--report=json=-'], '-'],
      ['vgrun --report=json=lon', ['--report=json=lonely file.txt'], ''],
      ['vgrun --preset nig', ['--preset', 'nightly'], ''],
      ['vgrun --preset=nig', ['--preset=nightly'], ''],
      ['vgrun expl', ['explain'], ''],
      ['vgrun explain memcheck/InvalidW', ['explain', 'memcheck/InvalidWrite'], ''],
      ['vgrun report --only', ['report', '--only-mine'], ''],
      ['vgrun report .vgrun/runs/2', ['report', '.vgrun/runs/20260101-000000-000-abcdef/x'], 'x'],
      ['vgrun /bin/true lon', ['/bin/true', 'lonely file.txt'], ''],
      ['vgrun /bin/true --track-o', ['/bin/true', '--track-origins=no'], 'no'],
      ['vgrun -- /bin/fals', ['--', '/bin/false'], ''],
    ])('completes %s', async (text, expected, more) => {
      await open();
      await completes(text, expected, more);
    });

    test('runs no hostile name of a file, a run or a preset', async () => {
      await open();
      for (const line of [
        'vgrun /bin/true hostile-\\$',
        'vgrun /bin/true hostile-',
        'vgrun --report=json=hostile-',
        'vgrun --preset=',
        'vgrun report .vgrun/runs/',
        'vgrun "$(',
      ]) {
        await pressTab(line);
        // Takes the line away.
        type('\x15echo ne"x"t\r');
        await sees('next');
      }
      expect((await readdir(join(folder, 'work'))).filter((name) => name === 'pwned')).toEqual([]);
    });
  });
});

describe('what is offered', () => {
  const texts = (...words: readonly string[]) =>
    candidatesFor(words, {
      presets: ['$(x)', 'nightly', 'a b'],
      runs: ['.vgrun/runs/1', '.vgrun/runs/`x`'],
    }).list.map(({ text }) => text);

  test('has only plain names', () => {
    expect(texts('--preset', '')).toEqual(['nightly']);
    expect(texts('report', '')).toEqual(['.vgrun/runs/1']);
  });

  test('goes by the tool, and ends at the program', () => {
    expect(texts('--tool=helgrind', '--leak-c')).toEqual([]);
    expect(texts('--leak-c')).toContain('--leak-check=');
    expect(texts('./prog', '--', '--leak-c')).toEqual([]);
    expect(texts('--timeout', '5', './prog', '--timeo')).toEqual([]);
    expect(texts('./prog', '--leak-check=su')).toEqual(['--leak-check=summary']);
  });

  test.each(Object.entries(subCommandWords))(
    'for vgrun %s is what its help names',
    async (name, { options }) => {
      const { stdout } = await vgrun([name, '--help'], { cwd: folder });
      // `      --only-mine    only findings…`, `  -h, --help`
      const named = [...stdout.matchAll(/^ {2}(?:-\w,| {3}) (--[a-z-]+)/gm)].map(([, option]) => option);
      expect(options.map((option) => option.name).sort()).toEqual(
        named.filter((option) => option !== '--version').sort(),
      );
    },
  );
});
