// What a report says of itself: what was left out, what could not be compared, what does not count.
import type { Problem } from '../model/problem.ts';

/** Of blocks that were still reachable at an earlier leak check, and are gone at exit. */
export function goneProblem(records: number): Problem {
  const message = `${records} ${records === 1 ? 'loss record' : 'loss records'} of an earlier leak check ${records === 1 ? 'was still reachable then and is gone since; it is' : 'were still reachable then and are gone since; they are'} left out.`;
  return { code: 'earlier-leak-check', level: 'note', message };
}

/** @param name of the baseline. */
export function missingProblem(name: string): Problem {
  const message = `${name} does not exist yet: every finding is new.`;
  return { code: 'no-baseline', level: 'warning', message, hint: 'to make it: vgrun baseline update' };
}

/** @param name of the run or report that it was compared with. */
export function partialProblem(name: string): Problem {
  const message = `${name} was not seen whole: what is new here may have been there already.`;
  return { code: 'compared-with-incomplete', level: 'warning', message };
}

/** A log that stops between fork and exec looks the same whether the child became another program or was killed. */
export function stubProblem(children: number): Problem {
  const message =
    children === 1
      ? "1 forked child left valgrind's sight: it became a program that is not traced, or was killed."
      : `${children} forked children left valgrind's sight: they became programs that are not traced, or were killed.`;
  return { code: 'untraced-children', level: 'note', message };
}

/** @param interpreter its program: what a script was run with. */
export function interpreterProblem(findings: number, interpreter: string): Problem {
  const message = `${findings} ${findings === 1 ? 'finding' : 'findings'} in the interpreter ${interpreter} do not count and are hidden.`;
  const hint = '--follow-interpreter counts them.';
  return { code: 'interpreter-findings', level: 'note', message, hint };
}
