// `vgrun completion SHELL`: a script that completes vgrun's words in bash, zsh or fish.
import { readdirSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { harmless } from '../report/terminal-text.ts';
import { presetNames } from '../run/config.ts';
import { runsFolder } from '../run/directory.ts';
import { candidatesFor } from './completion-candidates.ts';
import { completionScripts } from './completion-scripts.ts';
import { configWishesOf, isAnswered, subCommand } from './sub-command.ts';

/** @returns 0 */
export async function main(argv: readonly string[]): Promise<number> {
  // What the scripts ask: `--candidates -- WORDS…`, the last word unfinished.
  if (argv[0] === '--candidates') return printCandidates(argv.slice(argv[1] === '--' ? 2 : 1));
  const shells = [...completionScripts.keys()];
  const wishes = await subCommand(
    'completion',
    `${shells.join('|')}\n\nPrints a script that completes the words of vgrun:\n  bash: source <(vgrun completion bash)       in ~/.bashrc\n  zsh:  source <(vgrun completion zsh)        in ~/.zshrc, after compinit\n  fish: vgrun completion fish | source        in ~/.config/fish/config.fish`,
    argv,
  ).parseAsync();
  if (isAnswered(argv)) return 0;
  const [shell, ...more] = wishes._.map(String);
  const script = shell === undefined ? undefined : completionScripts.get(shell);
  if (script === undefined || more.length > 0) {
    throw new UserError(
      shell === undefined ? 'completion needs the name of a shell' : `there is no completion for "${shell}"`,
      `usage: vgrun completion ${shells.join('|')}`,
    );
  }
  process.stdout.write(script);
  return 0;
}

async function printCandidates(words: readonly string[]): Promise<number> {
  const asksPresets = words.slice(-2).some((word) => word.startsWith('--preset'));
  const { kind, list } = candidatesFor(words, {
    presets: asksPresets ? await presetNames(wishesOf(words), process.cwd()) : [],
    runs: runsHere(),
  });
  const lines = list.map(({ text, about }) =>
    about === undefined ? text : `${text}\t${harmless(about).replace(/\s+/g, ' ')}`,
  );
  process.stdout.write([kind, ...lines, ''].join('\n'));
  return 0;
}

/** The line is unfinished, so nothing on it is a mistake yet. */
function wishesOf(words: readonly string[]) {
  try {
    return configWishesOf(words.slice(0, -1));
  } catch {
    return { preset: [] };
  }
}

function runsHere(): readonly string[] {
  try {
    return readdirSync(runsFolder)
      .sort()
      .reverse()
      .map((name) => `${runsFolder}/${name}`);
  } catch {
    return [];
  }
}
