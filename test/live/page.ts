// Runs the commands of a page of docs/ as they stand there: the lines of its ```sh blocks, in one folder, in order.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { cliPath, projectRoot } from '../project.ts';
import { runProgram } from './vgrun.ts';

/** A line of a page, and what the page says of it. */
export interface PageCommand {
  /** Line of the page, from 1. */
  readonly line: number;
  readonly command: string;
  /** From `# exits 100` in its comment; otherwise 0. */
  readonly status: number;
}

/** The commands of a page's ```sh blocks. A line that ends in a backslash goes on in the next. */
export function commandsOf(text: string): readonly PageCommand[] {
  const commands: PageCommand[] = [];
  let inside = false;
  let begun: { line: number; text: string } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('```')) inside = line === '```sh';
    else if (inside && line.trim() !== '' && !line.startsWith('#')) {
      const whole = { line: begun?.line ?? index + 1, text: (begun?.text ?? '') + line.replace(/\\$/, '') };
      begun = line.endsWith('\\') ? whole : undefined;
      if (begun !== undefined) continue;
      // `vgrun ./test   # exits 100: one leak`
      const [, command = '', comment = ''] = /^(.*?)(?:\s+# (.*))?$/.exec(whole.text) ?? [];
      commands.push({
        line: whole.line,
        command,
        status: Number(/\bexits (\d+)/.exec(comment)?.[1] ?? 0),
      });
    }
  }
  return commands;
}

/**
 * Runs each command of a page with bash in a folder, the built vgrun first on PATH, and holds its exit status to what
 * the page says. Each line is a shell of its own.
 *
 * @param page its name in docs: `configuration.md`.
 * @param left lines that are not to be run, because they are for an interactive shell or another machine; each must be
 *   on the page.
 * @param environment variables that the commands speak of.
 */
export async function runPage(
  page: string,
  folder: string,
  left: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const commands = commandsOf(await readFile(join(projectRoot, 'docs', page), 'utf8'));
  expect(commands.map(({ command }) => command)).toEqual(expect.arrayContaining([...left]));
  const path = await mkdtemp(join(tmpdir(), 'vgrun-page-'));
  try {
    await writeFile(join(path, 'vgrun'), `#!/bin/sh\nexec ${process.execPath} ${cliPath} "$@"\n`);
    await chmod(join(path, 'vgrun'), 0o755);
    for (const { line, command, status } of commands.filter((known) => !left.includes(known.command))) {
      const result = await runProgram('bash', ['-c', command], {
        cwd: folder,
        env: { ...environment, PATH: `${path}:${process.env.PATH}` },
      });
      expect(result.status, `${page}:${line}: ${command}\n${result.stdout}\n${result.stderr}`).toBe(status);
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
