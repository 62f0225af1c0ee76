// Owns the argument list between valgrind and the program for the tools that write no errors: where their files go.
import type { Launch, Plan, PlanContext } from '../../model/launch.ts';
import { type OptionToken, optionsFor } from './valgrind-options.ts';

/** A file that a tool writes besides its log. */
export interface ToolOutput {
  /** The option that names it: `--massif-out-file`. */
  readonly option: string;
  /** Its usual name, valgrind's `%p` in it: `massif.out.%p`. */
  readonly usual: string;
}

/**
 * Makes the `plan` of a tool. Its files go into the run directory. Where the user has named a place (`--massif-out-file=`), the
 * tool writes there, as it would without vgrun, and RUN keeps a copy.
 *
 * @param outputs what the tool writes; none for a tool that has only its log.
 */
export function planOutputs(outputs: readonly ToolOutput[]): (launch: Launch, context: PlanContext) => Plan {
  return ({ tool, toolOptions, logFile }, context) => {
    const commandLine = optionsFor(tool, toolOptions);
    const isAlone = commandLine.some(({ name, value }) => name === '--command-line-only' && value === 'yes');
    const effective = [...(isAlone ? [] : optionsFor(tool, context.environmentOptions)), ...commandLine];
    const isSet = (name: string): boolean => effective.some((option) => option.name === name);
    // A `%` in the directory would be read as the start of %p, %n or %q.
    const directory = context.directory.replaceAll('%', '%%');
    const own = outputs.flatMap(({ option, usual }) => {
      const place = lastOf(effective, option);
      return place === undefined ? [] : [{ template: place, usual }];
    });
    return {
      options: [
        `--tool=${tool}`,
        ...(isSet('--vgdb-prefix') ? [] : [`--vgdb-prefix=${context.directory}/vgdb-pipe`]),
        // A program that starts another is one program to its user.
        ...(isSet('--trace-children') ? [] : ['--trace-children=yes']),
        ...outputs
          .filter(({ option }) => !isSet(option))
          .map(({ option, usual }) => `${option}=${directory}/${usual}`),
        ...toolOptions,
        `--log-file=${logFile ?? `${directory}/valgrind.%p.log`}`,
      ],
      environment: {},
      ...(own.length > 0 && { outputs: own }),
    };
  };
}

function lastOf(options: readonly OptionToken[], name: string): string | undefined {
  return options.findLast((option) => option.name === name)?.value;
}
