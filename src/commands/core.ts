// `vgrun core CORE [EXE]`: what a core file tells of the process that left it.
import { UserError } from '../errors.ts';
import { harmless } from '../report/terminal-text.ts';
import { ownDirectory } from '../run/working-directory.ts';
import { ownDefaults } from '../tools/_shared/own-options.ts';
import { analysisOptions, readAnalysis, secretsOption } from './analysis.ts';
import { coreOptions } from './core-options.ts';
import { mustBeApart, readDestinations, readyTerminal, showReport, showsRaw } from './output.ts';
import {
  isAnswered,
  mailOptions,
  parseWithConfig,
  readWishedMail,
  reportOptions,
  subCommand,
} from './sub-command.ts';

const usage = `[options] CORE [PROGRAM]

Says what crashed and why: threads with their stacks, the signal, what the instruction touched.
Without PROGRAM it is looked for where the core says, and only taken when its build-id is the same.`;

/** @returns the exit status; see "Exit status" in docs/core.md. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await parseWithConfig(
    subCommand('core', usage, argv)
      .options(reportOptions)
      .options(coreOptions)
      .options(analysisOptions)
      .options(secretsOption)
      .options(mailOptions),
    argv,
  );
  if (isAnswered(argv)) return 0;
  const [core, program, ...more] = wishes._.map(String);
  if (core === undefined) throw new UserError('no core file is named', 'vgrun core CORE [PROGRAM]');
  if (more.length > 0) {
    throw new UserError(`${more[0]} is one name too many`, 'it takes a core file and its program');
  }
  const destinations = await readDestinations(wishes.report);
  const mail = await readWishedMail(wishes, say);
  await mustBeApart(destinations, [
    [core, 'the core file'] as const,
    ...(mail?.files ?? []).map((file) => [file, 'where the mail goes'] as const),
  ]);
  const [reading, { readCore }] = await Promise.all([
    readAnalysis(wishes, mail !== undefined || showsRaw(destinations)),
    import('../run/core/read-core.ts'),
  ]);
  let afterwards: Promise<unknown> | undefined;
  const directory = await readCore(core, {
    ...(program !== undefined && { program }),
    ...(wishes.sysroot !== undefined && { sysroot: wishes.sysroot }),
    search: wishes.search,
    debuginfod: wishes.debuginfod,
    locals: wishes.locals,
    workingDirectory: ownDirectory(),
    keep: ownDefaults.keep,
    onSeen: (sentence) => {
      say(sentence);
      // Loaded while others look up names and values: nothing of it is needed before.
      afterwards = Promise.all([import('../pipeline.ts'), readyTerminal()]);
    },
  });
  await afterwards;
  const { analyze, parse } = await import('../pipeline.ts');
  const report = await analyze(await parse(directory), reading);
  return showReport(report, destinations, wishes, mail);
}

function say(line: string): void {
  process.stderr.write(`vgrun: ${harmless(line)}\n`);
}
