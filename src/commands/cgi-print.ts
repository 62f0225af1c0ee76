// Owns `vgrun cgi --print-env` and `--print-command`: what the program would be given, and how to do it by hand.
import { dirname, resolve } from 'node:path';
import { gatewayVariables, searchWords } from '../drive/gateway/environment.ts';
import type { Server } from '../drive/gateway/server-presets.ts';
import { commandLines, environmentLines, type ShellBody } from '../drive/gateway/shell-lines.ts';
import { UserError } from '../errors.ts';
import type { Body, CapturedRequest } from '../model/request.ts';
import type { Wish } from '../run/plan.ts';
import { inspectTarget } from '../run/target.ts';
import type { CgiSettings } from '../tools/_shared/cgi-options.ts';
import { isOfValgrind } from '../tools/_shared/valgrind-options.ts';
import { toolNamed, toolUnknown } from '../tools/index.ts';

/** Longer bodies are no lines for a shell. */
const longestBody = 64 * 1024;

/** Writes to standard output; nothing is started. @returns the exit status. */
export async function printReplay({
  settings,
  requests,
  server,
  wish,
}: {
  readonly settings: CgiSettings;
  readonly requests: readonly CapturedRequest[];
  readonly server: Server;
  readonly wish: Wish;
}): Promise<number> {
  const { launch, workingDirectory } = wish;
  const tool = toolNamed(launch.tool) ?? toolUnknown(launch.tool);
  const target = await inspectTarget(launch.program, process.env.PATH ?? '', workingDirectory, tool);
  // A served program gets the same with each request; by hand nobody can send it that.
  const program = { path: target.path, mode: settings.mode === 'auto' ? ('cgi' as const) : settings.mode };
  for (const [index, request] of requests.entries()) {
    const { variables } = gatewayVariables(request, program, server);
    const title = `# request ${index + 1} of ${requests.length}\n`;
    if (requests.length > 1) write(`${index === 0 ? '' : '\n'}${title}`);
    if (settings.printEnv) write(environmentLines(variables));
    if (!settings.printCommand) continue;
    const argv = [...instrument(launch.tool, launch.toolOptions), target.path, ...launch.arguments];
    const folder = Buffer.from(resolve(workingDirectory, settings.chdir ?? dirname(target.path))).toString(
      'latin1',
    );
    write(
      commandLines(
        variables,
        await shellBody(request.body),
        [...argv, ...searchWords(request, server)],
        folder,
      ),
    );
  }
  return 0;
}

/** Bytes as latin1. */
function write(text: string): void {
  process.stdout.write(Buffer.from(text, 'latin1'));
}

function instrument(tool: string, options: readonly string[]): readonly string[] {
  if (!isOfValgrind(tool)) return [];
  const full = tool === 'memcheck' && !options.some((option) => option.startsWith('--leak-check='));
  return [
    'valgrind',
    ...(tool === 'memcheck' ? [] : [`--tool=${tool}`]),
    ...(full ? ['--leak-check=full'] : []),
    ...options.map((option) => Buffer.from(option).toString('latin1')),
  ];
}

async function shellBody(body: Body | undefined): Promise<ShellBody | undefined> {
  if (body === undefined) return undefined;
  if (body.length > longestBody) {
    throw new UserError(
      `a body of ${body.length} bytes cannot be shown as lines of a shell`,
      'leave out --print-command; --keep-requests keeps the requests of a replay as files',
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const bytes of body.open()) chunks.push(bytes);
  return { bytes: Buffer.concat(chunks) };
}
