// How a process ended.

/** How a process ended. */
export type Exit =
  | { readonly how: 'exited'; readonly code: number }
  | { readonly how: 'signaled'; readonly signal: string; readonly number: number }
  /** `instrument`: it ended the program at an error, or put its status in the place of the program's own. */
  | { readonly how: 'unknown'; readonly why?: 'instrument' };

/** A signal is worse than a status, a status worse than none, and all are worse than success. */
export function worstExit(exits: readonly (Exit | undefined)[]): Exit | undefined {
  const weight = (exit: Exit): number => {
    if (exit.how === 'signaled') return 3;
    if (exit.how === 'exited') return exit.code === 0 ? 0 : 2;
    return 1;
  };
  let worst: Exit | undefined;
  for (const exit of exits) {
    if (exit !== undefined && (worst === undefined || weight(exit) > weight(worst))) worst = exit;
  }
  return worst;
}
