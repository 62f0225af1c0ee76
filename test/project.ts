// Where the project is, and which programs the machine has: what every test of the whole program asks.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const projectRoot: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** The built command, to be started with `process.execPath`. */
export const cliPath = `${projectRoot}/dist/cli.js`;

/** Without a tool the tests that need it are skipped, visibly; in CI they run and fail. */
export function canRun(program: string): boolean {
  return process.env.CI === 'true' || spawnSync(program, ['--version']).error === undefined;
}
