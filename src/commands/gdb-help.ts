// Owns `vgrun gdb --help`: one screen.
import { gdbOptions } from '../tools/_shared/gdb-options.ts';
import { valueForm } from '../tools/_shared/valgrind-options.ts';
import { interactiveOptions } from './gdb-words.ts';
import { layOut } from './help.ts';

const usage = `Usage: vgrun gdb [-i] [options] program [arguments]
Runs the program and what it starts under gdb, and says where it died and why.
  vgrun gdb --break 'file.c:12 if x > 3' --print x --set a=100 ./prog

`;

const more = `The other options are those of a run (vgrun --help). Manual: docs/gdb.md
`;

/** @param columns width of the terminal. */
export function gdbHelp(columns: number): string {
  const probes = gdbOptions.map((option) => {
    const form = valueForm(option);
    const usual = option.default === undefined ? '' : ` [${option.default}]`;
    return { left: `    ${option.name}${form === '' ? '' : `=${form}`}`, right: `${option.summary}${usual}` };
  });
  const terminal = interactiveOptions.map(({ name, short, metavar, summary }) => {
    const names = short === undefined ? `    ${name}` : `${short}, ${name}`;
    return { left: metavar === undefined ? names : `${names}=${metavar}`, right: summary };
  });
  const help = { left: '-h, --help', right: 'show this' };
  return `${usage}${layOut([{ heading: 'Options', rows: [...probes, ...terminal, help] }], Math.max(columns, 40))}${more}`;
}
