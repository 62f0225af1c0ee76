// `vgrun cgi program capture…`: replays captured requests against a CGI, FastCGI or SCGI program under an instrument.
import { readOwnBytes } from '../run/exact-bytes.ts';
import { mustLeadThere } from '../run/working-directory.ts';
import { version } from '../version.ts';
import { readReplayWish } from './cgi-wish.ts';
import { measure } from './run.ts';

/** @returns the exit status; see "Exit status" in docs/cgi.md. */
export async function main(argv: readonly string[]): Promise<number> {
  const answered = argv.slice(0, firstOf(argv, '--'));
  if (answered.some((word) => word === '--help' || word === '-h')) {
    const { cgiHelp } = await import('./cgi-help.ts');
    process.stdout.write(cgiHelp(process.stdout.columns ?? 80));
    return 0;
  }
  if (answered.includes('--version')) {
    process.stdout.write(`vgrun ${version}\n`);
    return 0;
  }
  const own = readOwnBytes(argv);
  mustLeadThere(process.cwd());
  const { wished, settings, requests, server, plan } = await readReplayWish(own.words, process.cwd());
  if (settings.printEnv || settings.printCommand) {
    const { printReplay } = await import('./cgi-print.ts');
    return printReplay({ settings, requests, server, wish: wished.wish });
  }
  const { inherits } = own;
  const wish = { ...wished.wish, ...(inherits !== undefined && { inherits }) };
  return measure({ ...wished, wish }, async (request, events) => {
    const { runReplay, copyAnswer } = await import('../run/replay/index.ts');
    const all = { ...request, problems: [...request.problems, ...own.problems] };
    return runReplay(await plan(all, events.say), {
      ...events,
      ...(settings.showAnswers && { onAnswer: (_, file) => copyAnswer(file, process.stdout) }),
    });
  });
}

function firstOf(argv: readonly string[], word: string): number {
  const at = argv.indexOf(word);
  return at === -1 ? argv.length : at;
}
