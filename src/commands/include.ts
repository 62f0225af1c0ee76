// `vgrun include`: the folder with crtdbg.h, for the compiler's -I.
import { UserError } from '../errors.ts';
import { includeFolder } from '../run/include-folder.ts';
import { isAnswered, subCommand } from './sub-command.ts';

export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await subCommand(
    'include',
    '\n\nPrints the folder of a crtdbg.h with which programs for Microsoft\'s debug heap compile on Linux:\n  c++ -D_DEBUG -g -I"$(vgrun include)" test.cpp',
    argv,
  ).parseAsync();
  if (isAnswered(argv)) return 0;
  if (wishes._.length > 0) {
    throw new UserError(
      `vgrun include takes no names, and got ${wishes._.join(' ')}`,
      'c++ -D_DEBUG -g -I"$(vgrun include)" test.cpp',
    );
  }
  process.stdout.write(`${await includeFolder()}\n`);
  return 0;
}
