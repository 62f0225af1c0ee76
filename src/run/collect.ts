// Owns COLLECT: what the instrument left behind becomes artifacts that can be read without it.
import { createWriteStream } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { debug } from '../log.ts';
import type { Problem } from '../model/problem.ts';
import type { CollectContext, CollectStep, Tool } from '../tools/tool.ts';

/** Characters of what a failed command printed. */
const longestQuote = 500;

/**
 * Runs the commands that a tool names for what is in the run directory.
 *
 * @returns what went wrong; the artifacts that could be made are there all the same.
 */
export async function collect(tool: Tool, context: CollectContext): Promise<readonly Problem[]> {
  if (tool.collect === undefined) return [];
  const problems: Problem[] = [];
  for (const step of tool.collect(await readdir(context.directory), context)) {
    debug('collect', { command: step.command });
    const problem = await carryOut(step, context.directory);
    if (problem !== undefined) problems.push(problem);
    else if (step.doubt !== undefined) problems.push(step.doubt);
  }
  return problems;
}

/** Runs one command, its output going to a file as it comes. */
export async function carryOut(step: CollectStep, directory: string): Promise<Problem | undefined> {
  const [file, ...args] = step.command;
  const input = step.consumes === undefined ? undefined : join(directory, step.consumes);
  const { execa } = await import('execa');
  const subprocess = execa(file, args, {
    reject: false,
    stdin: input === undefined ? 'ignore' : { file: input },
    stdout: 'pipe',
    buffer: { stdout: false, stderr: true },
    maxBuffer: 1_000_000,
    // What a pager or a colour would add is no part of the format.
    env: { LC_ALL: 'C', PAGER: 'cat', NO_COLOR: '1' },
  });
  const [result] = await Promise.all([
    subprocess,
    subprocess.stdout === null
      ? undefined
      : pipeline(subprocess.stdout, createWriteStream(join(directory, step.output), { mode: 0o600 })).catch(
          () => {},
        ),
  ]);
  if (!result.failed) {
    if (input !== undefined) await rm(input, { force: true });
    return undefined;
  }
  const { code, stderr } = result as { code?: string; stderr?: string };
  const said = code === 'ENOENT' ? `${file} is not installed` : (stderr ?? '').trim().slice(0, longestQuote);
  return {
    code: 'collect-failed',
    level: 'incomplete',
    message: `${step.failure}${said === '' ? '' : `: ${said.split('\n')[0]}`}`,
    ...(code === 'ENOENT' && { hint: `install ${file}, then run again` }),
  };
}
