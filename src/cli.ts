#!/usr/bin/env node
// The command line's front door: picks the command, and turns what is thrown into a sentence and a status.
import module from 'node:module';
import { ExitStatus, UserError } from './errors.ts';
import { version } from './version.ts';

// From Node 22.1 on; saves about a third of the start-up.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();

/** Every command is loaded only when it is called: start-up is part of the product. */
const subCommands: ReadonlyMap<
  string,
  () => Promise<{ main: (argv: readonly string[]) => Promise<number> }>
> = new Map([
  ['report', () => import('./commands/report.ts')],
  ['diff', () => import('./commands/diff.ts')],
  ['baseline', () => import('./commands/baseline.ts')],
  ['config', () => import('./commands/config.ts')],
  ['completion', () => import('./commands/completion.ts')],
  ['flame', () => import('./commands/flame.ts')],
  ['cgi', () => import('./commands/cgi.ts')],
  ['core', () => import('./commands/core.ts')],
  ['gdb', () => import('./commands/gdb.ts')],
  ['build', () => import('./commands/build.ts')],
  ['explain', () => import('./commands/explain.ts')],
  ['suppress', () => import('./commands/suppress.ts')],
  ['include', () => import('./commands/include.ts')],
  ['stacks', () => import('./commands/stacks.ts')],
  ['shim', () => import('./commands/shim.ts')],
  ['macro', () => import('./commands/macro.ts')],
]);

/** Sub-commands of DESIGN's list that this version does not have yet: a program of that name needs `./`. */
const reserved: ReadonlySet<string> = new Set(['heap', 'serve', 'suite', 'doctor']);

async function main(argv: readonly string[]): Promise<number> {
  const [first] = argv;
  if (first !== undefined && reserved.has(first)) {
    throw new UserError(
      `vgrun ${version} has no command "${first}" yet`,
      `to run a program of that name, write ./${first}`,
    );
  }
  if (first === 'shim' && argv[1] === 'run') {
    return (await import('./commands/shim-run.ts')).main(argv.slice(2));
  }
  const named = first === undefined ? undefined : subCommands.get(first);
  if (named !== undefined) return (await named()).main(argv.slice(1));
  return (await import('./commands/run.ts')).main(argv).catch((error: unknown) => {
    throw asCommand(error);
  });
}

/** `vgrun --tool=drd cgi ./app`: what is no program may be a command with options in front of it. */
function asCommand(error: unknown): unknown {
  if (!(error instanceof UserError) || error.status !== ExitStatus.notFound) return error;
  const name = /^([a-z]+) is not found$/.exec(error.message)?.[1] ?? '';
  if (!subCommands.has(name)) return error;
  return new UserError(
    error.message,
    `the options of the command stand behind it: vgrun ${name} …`,
    error.status,
  );
}

/**
 * A reader that went away (`vgrun report | head`) is no failure of ours, and no reason to forget the status of the run.
 * Anything else, such as a full disk, means that the answer did not arrive.
 */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`vgrun: standard output could not be written: ${error.message}\n`);
  process.exit(ExitStatus.cannot);
});

/** `ENOSPC: no space left on device, write`: what the machine refuses is no defect of ours. */
function asUserError(error: unknown): unknown {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EROFS' && code !== 'EIO') return error;
  return new UserError(
    `${path === undefined ? 'a file' : path} could not be written or read: ${message}`,
    'what the run wrote until then is kept under .vgrun/runs',
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  const error = asUserError(thrown);
  if (error instanceof UserError) {
    // Names in it are whatever was typed or found.
    const { harmless } = await import('./report/terminal-text.ts');
    process.stderr.write(
      `vgrun: ${harmless(error.message)}\n${error.hint === undefined ? '' : `hint: ${harmless(error.hint)}\n`}`,
    );
    process.exitCode = error.status;
  } else {
    process.stderr.write(
      `vgrun ${version} failed; this is a defect of vgrun, not of your program.\n` +
        `Please report it with this text and, if there is one, the newest directory under .vgrun/runs.\n` +
        `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = ExitStatus.cannot;
  }
}
