// Profiles in which nothing was counted at all: where instructions are counted, that is never an answer.
import type { Problem } from '../../model/problem.ts';
import type { ReportProfile } from '../../model/profile-report.ts';
import { programOf } from './compare.ts';

/** Tools whose profile of a program that ran at all has instructions, each with how counting is switched on. */
const hints: ReadonlyMap<string, string> = new Map([
  [
    'callgrind',
    'a function of --toggle-collect has to be called and its name to fit; --instr-atstart=no and --collect-atstart=no count nothing until the program or callgrind_control switches counting on',
  ],
  [
    'cachegrind',
    '--instr-at-start=no counts nothing until the program says CACHEGRIND_START_INSTRUMENTATION',
  ],
]);

/**
 * What must be said of profiles without a single instruction. One process of several may have none, such as the shell
 * around the function of `--toggle-collect`; when none has any, nothing was measured. All dumps and threads of a process
 * are one profile here, so that a thread that did not get there is nothing special.
 */
export function nothingCounted(profiles: readonly ReportProfile[]): readonly Problem[] {
  const counting = profiles.filter(
    ({ format, measures }) => hints.has(format) && measures.some(({ unit }) => unit === 'instructions'),
  );
  const empty = counting.filter(({ totals }) => totals.every((total) => total === 0));
  const all = empty.length === counting.length;
  return empty.map((profile) => {
    const { format, pid } = profile;
    const program = programOf(profile);
    return {
      code: 'nothing-counted',
      level: all ? 'incomplete' : 'warning',
      message: `${format} counted nothing${program === '' ? '' : ` of ${program}`}: collection was never on.`,
      ...(hints.has(format) && { hint: hints.get(format) as string }),
      ...(pid > 0 && { pid }),
    };
  });
}
